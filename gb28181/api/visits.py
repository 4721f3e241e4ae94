"""What an operator reads about players that do not come over HTTP."""

from __future__ import annotations

from typing import assert_never

from gb28181.telemetry import events_viewer as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from media.visits import Visit, VisitBegan, VisitCut, VisitEnded, VisitRefused

log = get_logger("viewer")


class VisitLog:
    """Writes a line for a visit; what strangers can cause is thinned by their address."""

    def __init__(self, rate: RateLimited) -> None:
        self._rate = rate

    def __call__(self, visit: Visit) -> None:
        match visit:
            case VisitBegan():
                log.event(
                    ev.VIEWER_BEGAN,
                    protocol=visit.protocol,
                    stream_id=visit.stream_id,
                    remote=visit.remote,
                    transport=visit.transport,
                )
            case VisitEnded():
                log.event(
                    ev.VIEWER_ENDED,
                    protocol=visit.protocol,
                    stream_id=visit.stream_id,
                    remote=visit.remote,
                    reason=visit.reason,
                )
            case VisitRefused():
                self._rate.event(
                    ev.VIEWER_REFUSED,
                    _host(visit.remote),
                    protocol=visit.protocol,
                    channel_id=visit.name,
                    remote=visit.remote,
                    status=visit.status,
                    reason=visit.reason,
                )
            case VisitCut():
                self._rate.event(
                    ev.VIEWER_CUT,
                    _host(visit.remote),
                    protocol=visit.protocol,
                    remote=visit.remote,
                    reason=visit.reason,
                )
            case _:
                assert_never(visit)


def _host(remote: str) -> str:
    return remote.rpartition(":")[0] or remote
