"""What a run works with: the services of the node, and recordings by what it needs of them.

Playback and downloads stand on the same floor as this, so that they are handed in by their
behaviour.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gb28181.control.service import ControlService
from gb28181.device.service import DeviceService
from gb28181.session.service import LiveView, SessionService
from gb28181.subscribe.service import Subscriber
from gb28181.subscribe.wishes import Wishes
from gb28181.trace.recorder import Recorder
from media.node import MediaNode
from sip.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished download."""

    size: int
    path: str


class Recordings(Protocol):
    """Recordings of devices; errors are those of the platform."""

    async def records(
        self, channel_id: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, datetime]]: ...
    async def play(self, channel_id: str, start: datetime, end: datetime) -> LiveView: ...
    def steer(self, session_id: str, word: str, value: float | None) -> Awaitable[object]: ...
    async def fetch(
        self, channel_id: str, start: datetime, end: datetime, speed: int, wait_s: float
    ) -> Fetched:
        """Download it whole; raises PlatformError, TimeoutError. `drop` removes it."""
        ...

    async def drop(self) -> None:
        """Remove what was fetched."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """One per node."""

    server_id: str
    domain: str
    devices: DeviceService
    control: ControlService
    sessions: SessionService
    node: MediaNode
    subscriber: Subscriber
    wishes: Wishes
    recordings: Recordings
    recorder: Recorder
    sip: Endpoint
