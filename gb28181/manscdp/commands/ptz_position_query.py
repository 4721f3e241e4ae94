"""PTZPosition (Query, Response): where a camera looks now. GB/T 28181-2022 A.2.4.13, A.2.6.15.

Devices nest the values in elements of their own, and some call the command PTZPreciseStatusQuery:
the values are found at any depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp import table
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.table import real


@dataclass(frozen=True, slots=True)
class PtzPositionQuery(Message):
    """Asks where the camera looks."""


@dataclass(frozen=True, slots=True)
class PtzPositionResponse(Message):
    """Degrees, metres, zoom as a factor; None means "not said"."""

    pan: float | None = real("Pan", -360.0, 360.0)
    tilt: float | None = real("Tilt", -180.0, 180.0)
    zoom: float | None = real("Zoom", 0.0, 1000.0)
    horizontal_field_angle: float | None = real("HorizontalFieldAngle", 0.0, 360.0)
    vertical_field_angle: float | None = real("VerticalFieldAngle", 0.0, 360.0)
    max_view_distance: float | None = real("MaxViewDistance", 0.0, 1e6)
    problems: tuple[str, ...] = ()


def _read_query(decoded: Decoded) -> PtzPositionQuery:
    return PtzPositionQuery(decoded.sn, decoded.device_id)


def _read_response(decoded: Decoded) -> PtzPositionResponse:
    return table.message(PtzPositionResponse, decoded, deep=True)


def _nothing(_: PtzPositionQuery) -> tuple[Node, ...]:
    return ()


_ALSO: Final = ("PTZPreciseStatusQuery", "PTZPreciseStatus", "PTZPositionQuery")

COMMANDS: Final = (
    Command("Query", "PTZPosition", PtzPositionQuery, _read_query, _nothing, _ALSO),
    Command("Response", "PTZPosition", PtzPositionResponse, _read_response, table.nodes, _ALSO),
)
