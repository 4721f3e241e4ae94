"""Where a simulated camera looks: pan, tilt and zoom as functions of time, presets and cruises.

A machine without a timer: a command says what begins now, and `at(now)` works out where the camera
has come to. Pan is clockwise from above, 0 to below 360; tilt is positive downwards, -30 to 90;
zoom is a factor, 1 to 32 (GB/T 28181-2022 A.2.3.1.11, A.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gb28181.manscdp.actions import HomePosition
from gb28181.manscdp.ptz import Cruise, CruiseDo, Move, Preset, PresetDo, Scan, ScanDo, ScanSpeed

HIGHEST, LOWEST = -30.0, 90.0
"""Tilt, degrees."""
MOST_ZOOM: Final = 32.0
PAN_RATE: Final = 90.0
"""Degrees per second at full speed, and on the way to a preset."""
TILT_RATE: Final = 45.0
ZOOM_RATE: Final = 1.0
"""Doublings per second at full speed."""
GO_ZOOM_RATE: Final = 8.0
"""Zoom per second on the way to a preset."""
STAY_S: Final = 5
SPEED: Final = 10
MOST_PRESETS: Final = 255
MOST_TRACKS: Final = 16


@dataclass(frozen=True, slots=True)
class Position:
    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0

    @property
    def field_angle(self) -> float:
        """Horizontal, degrees."""
        return 60.0 / self.zoom


@dataclass(slots=True)
class Track:
    """A cruise: presets in order, with one speed and one stay for all."""

    points: list[int] = field(default_factory=list)
    stay_s: int = STAY_S
    speed: int = SPEED
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Leg:
    goal: Position
    travel_s: float
    stay_s: float


class Dome:
    """One camera that can turn."""

    def __init__(self, now: float) -> None:
        self._start = Position()
        self._since = now
        self._rates = (0.0, 0.0, 0.0)
        self._legs: tuple[_Leg, ...] = ()
        self._endless = False
        self._touched = now
        self.presets: dict[int, tuple[str, Position]] = {1: ("大门", Position(0.0, 0.0, 1.0))}
        self.tracks: dict[int, Track] = {}
        self.limits: dict[int, tuple[Position, Position]] = {}
        self.scan_speed = 128
        self.home = HomePosition(0, 30, 1)

    # --- where it looks -----------------------------------------------------------------------

    def at(self, now: float) -> Position:
        """Where it looks; after the rest time it has gone home by itself."""
        self._rest(now)
        return self._place(now)

    def is_moving(self, now: float) -> bool:
        return self.at(now) != self.at(now + 0.1)

    def _rest(self, now: float) -> None:
        home = self.home
        due = self._touched + (home.reset_time or 0)
        if home.enabled and now >= due and not self._endless:
            known = self.presets.get(home.preset_index or 0)
            self._touched = float("inf")
            if known is not None:
                self._go(known[1], due)

    def _on_legs(self, elapsed: float) -> Position:
        lengths = [leg.travel_s + leg.stay_s for leg in self._legs]
        if self._endless and elapsed > lengths[0]:
            # The first leg leads to the round, the others are the round.
            total = sum(lengths[1:])
            around = (elapsed - lengths[0]) % total if total > 0 else 0.0
            elapsed = lengths[0] + around
        before = self._start
        for leg, length in zip(self._legs, lengths, strict=True):
            if elapsed < length:
                return _between(before, leg.goal, elapsed, leg.travel_s)
            elapsed -= length
            before = leg.goal
        return before

    # --- commands -----------------------------------------------------------------------------

    def move(self, move: Move, now: float) -> None:
        """Turn until told otherwise; a move of nothing stops all."""
        self._begin(now)
        self._rates = (
            move.pan * move.pan_speed / 255 * PAN_RATE,
            -move.tilt * move.tilt_speed / 255 * TILT_RATE,
            move.zoom * move.zoom_speed / 15 * ZOOM_RATE,
        )

    def go(self, goal: Position, now: float) -> None:
        """Turn there, the short way."""
        self._begin(now)
        self._go(goal, now)

    def preset(self, order: Preset, name: str, now: float) -> bool:
        """False when there is no such preset, or no room."""
        if order.do is PresetDo.SET:
            self.presets[order.index] = (name or f"预置位{order.index}", self.at(now))
            return True
        if order.do is PresetDo.DELETE:
            return self.presets.pop(order.index, None) is not None
        known = self.presets.get(order.index)
        if known is not None:
            self.go(known[1], now)
        return known is not None

    def cruise(self, order: Cruise, name: str, now: float) -> bool:
        """Change or start a cruise; False when that cannot be."""
        if order.do is CruiseDo.DELETE and not order.value:
            return self.tracks.pop(order.group, None) is not None
        track = self.tracks.get(order.group)
        if track is None:
            if order.do is not CruiseDo.ADD or len(self.tracks) >= MOST_TRACKS:
                return False
            track = self.tracks[order.group] = Track()
        match order.do:
            case CruiseDo.ADD:
                track.points.append(order.value)
                del track.points[MOST_PRESETS:]
                track.name = name or track.name
            case CruiseDo.DELETE:
                track.points = [point for point in track.points if point != order.value]
            case CruiseDo.SPEED:
                track.speed = order.value
            case CruiseDo.STAY:
                track.stay_s = order.value
            case CruiseDo.START:
                stops = [self.presets[point][1] for point in track.points if point in self.presets]
                self._round(stops, track.stay_s, now)
                return bool(stops)
        return True

    def scan(self, order: Scan | ScanSpeed, now: float) -> None:
        """Set a limit, the speed, or go between the limits."""
        if isinstance(order, ScanSpeed):
            self.scan_speed = order.speed
            return
        here = self.at(now)
        left, right = self.limits.get(order.group, (here, here))
        if order.do is ScanDo.START:
            self._round([left, right], 0.0, now)
        elif order.do is ScanDo.LEFT:
            self.limits[order.group] = (here, right)
        else:
            self.limits[order.group] = (left, here)

    def _begin(self, now: float) -> None:
        self._start, self._since = self.at(now), now
        self._rates, self._legs, self._endless = (0.0, 0.0, 0.0), (), False
        self._touched = now

    def _go(self, goal: Position, now: float) -> None:
        self._start, self._since = self._place(now), now
        self._legs = (_Leg(goal, _travel_s(self._start, goal), 0.0),)

    def _place(self, now: float) -> Position:
        """Where it is at a moment that lies before the next rest."""
        elapsed, start = max(0.0, now - self._since), self._start
        if self._legs:
            return self._on_legs(elapsed)
        pan, tilt, zoom = self._rates
        return Position(
            turned(start.pan + pan * elapsed),
            min(LOWEST, max(HIGHEST, start.tilt + tilt * elapsed)),
            min(MOST_ZOOM, max(1.0, start.zoom * 2.0 ** min(32.0, zoom * elapsed))),
        )

    def _round(self, stops: Sequence[Position], stay_s: float, now: float) -> None:
        """To the first stop, then round and round."""
        self._begin(now)
        if not stops:
            return
        order = [*stops[1:], stops[0]]
        legs = [_Leg(stops[0], _travel_s(self._start, stops[0]), stay_s)]
        for before, goal in zip(stops, order, strict=True):
            legs.append(_Leg(goal, _travel_s(before, goal), stay_s))
        self._legs, self._endless = tuple(legs), len(stops) > 1


def turned(pan: float) -> float:
    """Degrees, 0 to below 360; the rest of a tiny negative number is 360.0 itself."""
    within = pan % 360.0
    return 0.0 if within >= 360.0 else within


def _turn(start: float, goal: float) -> float:
    """Degrees to turn, the short way."""
    return (goal - start + 180.0) % 360.0 - 180.0


def _travel_s(start: Position, goal: Position) -> float:
    return max(
        abs(_turn(start.pan, goal.pan)) / PAN_RATE,
        abs(goal.tilt - start.tilt) / TILT_RATE,
        abs(goal.zoom - start.zoom) / GO_ZOOM_RATE,
    )


def _between(start: Position, goal: Position, elapsed: float, travel_s: float) -> Position:
    if elapsed >= travel_s:
        return goal
    part = elapsed / travel_s
    return Position(
        turned(start.pan + _turn(start.pan, goal.pan) * part),
        start.tilt + (goal.tilt - start.tilt) * part,
        start.zoom + (goal.zoom - start.zoom) * part,
    )
