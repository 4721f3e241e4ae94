"""PTZPosition (Notify): where a camera looks, told by itself. GB/T 28181-2022 A.2.5.

The values are those of the Response; some devices nest them one level deeper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message
from gb28181.manscdp.fields import Fields, decimal

_VALUES: Final = (
    ("Pan", "pan", -360.0, 360.0),
    ("Tilt", "tilt", -360.0, 360.0),
    ("Zoom", "zoom", 0.0, 10_000.0),
    ("HorizontalFieldAngle", "horizontal_field_angle", 0.0, 360.0),
    ("VerticalFieldAngle", "vertical_field_angle", 0.0, 360.0),
    ("MaxViewDistance", "max_view_distance", 0.0, 1_000_000.0),
)


@dataclass(frozen=True, slots=True)
class PtzPositionNotify(Message):
    """Degrees and a factor; None: not said."""

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    horizontal_field_angle: float | None = None
    vertical_field_angle: float | None = None
    max_view_distance: float | None = None
    problems: tuple[str, ...] = ()


def _read(decoded: Decoded) -> PtzPositionNotify:
    fields = Fields(decoded.tree, *decoded.tree)
    values = {
        attribute: fields.real(name, lowest, highest)
        for name, attribute, lowest, highest in _VALUES
    }
    return PtzPositionNotify(
        decoded.sn, decoded.device_id, **values, problems=tuple(fields.problems)
    )


def _write(message: PtzPositionNotify) -> tuple[Node, ...]:
    return tuple(
        Node(name, decimal(value))
        for name, attribute, _, _ in _VALUES
        if (value := getattr(message, attribute)) is not None
    )


COMMANDS: Final = (Command("Notify", "PTZPosition", PtzPositionNotify, _read, _write),)
