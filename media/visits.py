"""What happens at the doors of this package: players that come, go, or are not let in.

Told to a listener in the loop, because this package writes no log of events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["rtsp", "whep"]


@dataclass(frozen=True, slots=True)
class VisitBegan:
    """A player looks at a stream."""

    protocol: Protocol
    stream_id: str
    remote: str
    transport: str
    """`tcp`, `udp` or `webrtc`."""


@dataclass(frozen=True, slots=True)
class VisitEnded:
    """It looks no longer."""

    protocol: Protocol
    stream_id: str
    remote: str
    reason: str


@dataclass(frozen=True, slots=True)
class VisitRefused:
    """A stream was not given."""

    protocol: Protocol
    name: str
    """As the address named it: a channel, or nothing of ours."""
    remote: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class VisitCut:
    """A connection broke a limit or the form and was closed."""

    protocol: Protocol
    remote: str
    reason: str


Visit = VisitBegan | VisitEnded | VisitRefused | VisitCut
Tell = Callable[[Visit], None]
"""It must not block."""
