"""HomePositionQuery (Query, Response): where a camera rests. GB/T 28181-2022 A.2.4.9, A.2.6.12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.actions import HomePosition
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import part


@dataclass(frozen=True, slots=True)
class HomePositionQuery(Message):
    """Asks for the home position."""


@dataclass(frozen=True, slots=True)
class HomePositionResponse(Message):
    """The answer; `home` is None when it holds none."""

    home: HomePosition | None = part("HomePosition", HomePosition, needed=True)
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> HomePositionQuery:
    return HomePositionQuery(decoded.sn, decoded.device_id)


def _read_response(decoded: Decoded) -> HomePositionResponse:
    return table.message(HomePositionResponse, decoded)


def _nothing(_: HomePositionQuery) -> tuple[Node, ...]:
    return ()


COMMANDS: Final = (
    Command("Query", "HomePositionQuery", HomePositionQuery, _read_query, _nothing),
    Command("Response", "HomePositionQuery", HomePositionResponse, _read_response, table.nodes),
)
