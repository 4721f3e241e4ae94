"""MediaStatus (Notify): a recording was sent to its end. GB/T 28181-2022 A.2.5.5, 9.8.2.

It belongs inside the dialog of the INVITE; devices also send it as a MESSAGE of its own, with the
channel's or with their own id. Who is meant is decided by `playback`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import xml
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

SENT_TO_THE_END: Final = "121"


@dataclass(frozen=True, slots=True)
class MediaStatus(Message):
    """The state of a media stream; the standard knows one, 121."""

    notify_type: str = SENT_TO_THE_END

    @property
    def ended(self) -> bool:
        """The recording was sent to its end."""
        return self.notify_type.lstrip("0") == SENT_TO_THE_END


def _read(decoded: Decoded) -> MediaStatus:
    text = xml.child_text(decoded.tree, "NotifyType")[:16]
    return MediaStatus(decoded.sn, decoded.device_id, text)


def _write(message: MediaStatus) -> tuple[Node, ...]:
    return (Node("NotifyType", message.notify_type),)


COMMANDS: Final = (Command("Notify", "MediaStatus", MediaStatus, _read, _write),)
