"""What an operator reads about those who publish, and about those who may not."""

from __future__ import annotations

from gb28181.telemetry import events_source as ev
from gb28181.telemetry.rate import RateLimited
from media.rtmp.server import PublisherCut, PublisherRefused
from sip.flow import host_port


class PublisherLog:
    """Writes a line for each; what strangers can cause is thinned by their address."""

    def __init__(self, rate: RateLimited) -> None:
        self._rate = rate

    def __call__(self, told: PublisherRefused | PublisherCut) -> None:
        event = ev.SOURCE_REFUSED if isinstance(told, PublisherRefused) else ev.SOURCE_CUT
        address, remote = told.remote[0], host_port(told.remote)
        self._rate.event(event, address, protocol="rtmp", remote=remote, reason=told.reason)
