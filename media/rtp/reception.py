"""What a receiver tells a sender about its stream: receiver reports, made of the pipeline's counts.

Nothing is kept per packet. The extended sequence number is found at each report from the last 16
bits and from how many packets came meanwhile; the fraction lost is what was given up since the
report before, less what came late. A sender's own report is remembered only for the two fields by
which it measures the round trip.

RFC 3550 6.4.1 (SR), 6.4.2 (RR), A.3 (loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.rtp import rtcp

INTERVAL_S: Final = 5.0
"""Between two receiver reports (RFC 3550 6.2)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How a stream stands when a report is due."""

    ssrc: int
    sequence: int
    """The last one that was taken, 16 bits."""
    packets: int
    """Of this sender, since the start."""
    lost: int
    late: int
    duplicates: int
    jitter: int
    """Ticks of 90 kHz."""


class Reception:
    """One sender as this receiver sees it."""

    def __init__(self) -> None:
        self.heard = 0
        """Sender reports that came."""
        self.sent = 0
        """Receiver reports that were made."""
        self._due = 0.0
        self._ssrc = -1
        self._highest = 0
        self._before: Counts | None = None
        self._first: Counts | None = None
        self._middle = 0
        self._heard_at = 0.0

    def hear(self, compound: bytes, now: float) -> bool:
        """RTCP of the sender; whether it was any."""
        found = rtcp.read_sender(compound)
        if found is None:
            return False
        self.heard += 1
        self._middle, self._heard_at = found.ntp >> 16 & 0xFFFFFFFF, now
        return True

    def due(self, now: float) -> bool:
        """Whether a report is to be sent now."""
        return now >= self._due

    def report(
        self,
        counts: Counts,
        own_ssrc: int,
        cname: bytes,
        now: float,
        interval_s: float = INTERVAL_S,
    ) -> bytes:
        """RR and SDES; `now` in monotonic seconds, as `hear` was given it."""
        self._due = now + interval_s
        self.sent += 1
        before = self._before
        if before is None or counts.ssrc != self._ssrc or self._first is None:
            self._ssrc, self._highest, self._first = counts.ssrc, counts.sequence, counts
            before = counts
        self._before = counts
        lost = _lost(counts) - _lost(before)
        expected = counts.packets - before.packets + lost
        step = (counts.sequence - self._highest) & 0xFFFF
        self._highest += step + max(0, round((expected - step) / 0x10000)) * 0x10000
        block = rtcp.Block(
            counts.ssrc,
            fraction=min(255, max(0, (lost << 8) // expected)) if expected > 0 else 0,
            lost=_lost(counts) - _lost(self._first),
            highest=self._highest,
            jitter=counts.jitter,
            last_report=self._middle,
            delay=min(0xFFFFFFFF, round((now - self._heard_at) * 65536)) if self._middle else 0,
        )
        return rtcp.receiver_report(own_ssrc, cname, block)


def _lost(counts: Counts) -> int:
    """Expected less received: what came late is not lost, what came twice was received twice."""
    return counts.lost - counts.late - counts.duplicates
