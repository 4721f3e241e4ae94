"""DeviceUpgradeResult (Notify): how a firmware upgrade ended. GB/T 28181-2022 9.13, A.2.5.10.

The device restarts, registers, and then tells this, with the SessionID of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.commands.device_status import Result
from gb28181.manscdp.table import Extra, text, word


class UpgradeFailure(StrEnum):
    """Why it failed."""

    DOWNLOAD_TIMEOUT = "01"
    DAMAGED_PACKAGE = "02"
    SYSTEM_ERROR = "03"
    OTHER = "99"


@dataclass(frozen=True, slots=True)
class DeviceUpgradeResult(Message):
    """The result; `firmware` is the one that runs now."""

    session_id: str = text("SessionID", 128, needed=True)
    result: Result | None = word("UpgradeResult", Result, needed=True)
    firmware: str = text("Firmware", 128)
    failure: UpgradeFailure | None = word("UpgradeFailedReason", UpgradeFailure)
    extra: Extra = ()
    problems: tuple[str, ...] = ()


def _read(decoded: Decoded) -> DeviceUpgradeResult:
    return table.message(DeviceUpgradeResult, decoded)


COMMANDS: Final = (
    Command("Notify", "DeviceUpgradeResult", DeviceUpgradeResult, _read, table.nodes),
)
