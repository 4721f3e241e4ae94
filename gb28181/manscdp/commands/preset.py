"""PresetQuery (Query, Response): which presets a camera holds. GB/T 28181-2022 A.2.4.8, A.2.6.11.

2016 devices leave SumNum out: the message is then the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import parts, text, whole


@dataclass(frozen=True, slots=True)
class PresetItem:
    """One preset."""

    preset_id: str = text("PresetID", 32, needed=True)
    """A number 1-255 in practice; the text allows others."""
    name: str = text("PresetName", 256)


@dataclass(frozen=True, slots=True)
class PresetQuery(Message):
    """Asks for the presets of a camera."""


@dataclass(frozen=True, slots=True)
class PresetResponse(Message):
    """Some or all presets."""

    sum_num: int | None = whole("SumNum", 0, 10_000)
    items: tuple[PresetItem, ...] = parts("PresetList", "Item", PresetItem, 1000)
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> PresetQuery:
    return PresetQuery(decoded.sn, decoded.device_id)


def _read_response(decoded: Decoded) -> PresetResponse:
    return table.message(PresetResponse, decoded)


def _nothing(_: PresetQuery) -> tuple[Node, ...]:
    return ()


COMMANDS: Final = (
    Command("Query", "PresetQuery", PresetQuery, _read_query, _nothing),
    Command("Response", "PresetQuery", PresetResponse, _read_response, table.nodes),
)
