"""Words the end-to-end tests share: fresh ids and the types of their fixtures."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from .camera import Camera
from .server import Server

MakeCamera = Callable[..., Camera]
"""The fixture `make_camera`."""
Launch = Callable[..., Server]
"""The fixture `launch`."""

_serial = itertools.count(1)


def new_id(prefix: str = "64010400", kind: int = 132) -> str:
    """A 20-digit id nobody used in this session: division, industry 00, type, network 0, serial."""
    return f"{prefix}00{kind}0{next(_serial):06d}"
