"""GCJ-02, the shifted coordinates of Chinese maps, against WGS-84. Pure.

GB/T 28181 demands WGS-84; some devices report GCJ-02 all the same. What a device reports is stored
as it came; this gives the other system for those who ask. The shift is a published sum of sines on
the Krasovsky ellipsoid; the way back is found by repeated correction, to a few centimetres. Outside
China there is no shift.
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt

_A = 6378245.0
_EE = 0.00669342162296594323
_ENOUGH = 1e-9
_ROUNDS = 30


def to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """WGS-84 -> GCJ-02."""
    if _outside(longitude, latitude):
        return longitude, latitude
    east, north = _shift(longitude, latitude)
    return longitude + east, latitude + north


def to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    """GCJ-02 -> WGS-84."""
    if _outside(longitude, latitude):
        return longitude, latitude
    east, north = longitude, latitude
    for _ in range(_ROUNDS):
        there = to_gcj02(east, north)
        wrong = (there[0] - longitude, there[1] - latitude)
        east, north = east - wrong[0], north - wrong[1]
        if abs(wrong[0]) < _ENOUGH and abs(wrong[1]) < _ENOUGH:
            break
    return east, north


def _outside(longitude: float, latitude: float) -> bool:
    return not (72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271)


def _shift(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - 105.0, latitude - 35.0
    waves = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    angle = latitude / 180.0 * pi
    magic = 1.0 - _EE * sin(angle) ** 2
    root = sqrt(magic)
    north = north * 180.0 / (_A * (1.0 - _EE) / (magic * root) * pi)
    east = east * 180.0 / (_A / root * cos(angle) * pi)
    return east, north
