"""CruiseTrackListQuery and CruiseTrackQuery (Query, Response): which cruises a camera holds, and
the points of one. GB/T 28181-2022 A.2.4.11, A.2.4.12, A.2.6.13, A.2.6.14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import parts, text, whole

_MOST_TRACK: Final = 65_535


@dataclass(frozen=True, slots=True)
class Track:
    """One cruise; numbers begin with 0."""

    number: int | None = whole("Number", 0, _MOST_TRACK, needed=True)
    name: str = text("Name", 256)


@dataclass(frozen=True, slots=True)
class CruisePoint:
    """A stop on the way: preset, seconds, speed 1-15."""

    preset_index: int | None = whole("PresetIndex", 0, 255, needed=True)
    stay_time: int | None = whole("StayTime", 0, 86_400)
    speed: int | None = whole("Speed", 0, 255)


@dataclass(frozen=True, slots=True)
class CruiseTrackListQuery(Message):
    """Asks which cruises there are."""


@dataclass(frozen=True, slots=True)
class CruiseTrackListResponse(Message):
    """Some or all cruises."""

    sum_num: int | None = whole("SumNum", 0, 10_000)
    items: tuple[Track, ...] = parts("CruiseTrackList", "CruiseTrack", Track, 1000)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CruiseTrackQuery(Message):
    """Asks for the points of one cruise."""

    number: int | None = whole("Number", 0, _MOST_TRACK, needed=True)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CruiseTrackResponse(Message):
    """Some or all points of a cruise, in order."""

    number: int | None = whole("Number", 0, _MOST_TRACK)
    name: str = text("Name", 256)
    sum_num: int | None = whole("SumNum", 0, 10_000)
    items: tuple[CruisePoint, ...] = parts("CruisePointList", "CruisePoint", CruisePoint, 1000)
    problems: tuple[str, ...] = ()


def _read_list_query(decoded: Decoded) -> CruiseTrackListQuery:
    return CruiseTrackListQuery(decoded.sn, decoded.device_id)


def _read_list(decoded: Decoded) -> CruiseTrackListResponse:
    return table.message(CruiseTrackListResponse, decoded)


def _read_query(decoded: Decoded) -> CruiseTrackQuery:
    return table.message(CruiseTrackQuery, decoded)


def _read_track(decoded: Decoded) -> CruiseTrackResponse:
    return table.message(CruiseTrackResponse, decoded)


def _nothing(_: CruiseTrackListQuery) -> tuple[Node, ...]:
    return ()


COMMANDS: Final = (
    Command("Query", "CruiseTrackListQuery", CruiseTrackListQuery, _read_list_query, _nothing),
    Command("Response", "CruiseTrackListQuery", CruiseTrackListResponse, _read_list, table.nodes),
    Command("Query", "CruiseTrackQuery", CruiseTrackQuery, _read_query, table.nodes),
    Command("Response", "CruiseTrackQuery", CruiseTrackResponse, _read_track, table.nodes),
)
