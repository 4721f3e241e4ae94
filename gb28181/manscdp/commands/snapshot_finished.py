"""UploadSnapShotFinished (Notify): the asked pictures were brought. GB/T 28181-2022 9.14, A.2.5.7.

A file id has 41 digits: device, `02`, YYYYMMDDhhmmssSSS, two of a serial. Fewer ids than asked for
mean that some failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import text, texts


@dataclass(frozen=True, slots=True)
class SnapShotFinished(Message):
    """The names of what was brought."""

    session_id: str = text("SessionID", 128, needed=True)
    files: tuple[str, ...] = texts("SnapShotList", "SnapShotFileID", 100)
    problems: tuple[str, ...] = ()


def _read(decoded: Decoded) -> SnapShotFinished:
    return table.message(SnapShotFinished, decoded)


COMMANDS: Final = (
    Command("Notify", "UploadSnapShotFinished", SnapShotFinished, _read, table.nodes),
)
