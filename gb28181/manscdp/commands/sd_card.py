"""SDCardStatus (Query, Response): the memory cards of a device. GB/T 28181-2022 A.2.4.14, A.2.6.16.

Sizes are megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import parts, text, whole, word

_MOST_MB: Final = 2**40


class CardStatus(StrEnum):
    OK = "ok"
    FORMATTING = "formatting"
    UNFORMATTED = "unformatted"
    IDLE = "idle"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SdCard:
    """One card."""

    id: int | None = whole("ID", 0, 255, needed=True)
    name: str = text("HddName", 64)
    status: CardStatus | None = word("Status", CardStatus, needed=True)
    format_progress: int | None = whole("FormatProgress", 0, 100)
    capacity: int | None = whole("Capacity", 0, _MOST_MB)
    free_space: int | None = whole("FreeSpace", 0, _MOST_MB)


@dataclass(frozen=True, slots=True)
class SdCardQuery(Message):
    """Asks for the memory cards."""


@dataclass(frozen=True, slots=True)
class SdCardResponse(Message):
    """Some or all cards."""

    sum_num: int | None = whole("SumNum", 0, 1000)
    items: tuple[SdCard, ...] = parts("SDCardStatusInfo", "Item", SdCard, 64)
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> SdCardQuery:
    return SdCardQuery(decoded.sn, decoded.device_id)


def _read_response(decoded: Decoded) -> SdCardResponse:
    return table.message(SdCardResponse, decoded)


def _nothing(_: SdCardQuery) -> tuple[Node, ...]:
    return ()


COMMANDS: Final = (
    Command("Query", "SDCardStatus", SdCardQuery, _read_query, _nothing),
    Command("Response", "SDCardStatus", SdCardResponse, _read_response, table.nodes),
)
