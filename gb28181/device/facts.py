"""What a device shows of itself in passing: its health, its clock, how well it can be reached.

Nobody asks for these; they are read off messages that come anyway. In memory, but for the error of
the clock, which is kept with the device (GB/T 28181-2022 9.10: the registration synchronises).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gb28181.store.records import Json
from sip.errors import ParseError
from sip.flow import Address
from sip.uri import SipUri

_WEIGHT: Final = 0.25
"""Of the newest round trip in the smoothed one."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How far a device's clock is off, as far as one message tells."""

    error_s: float
    """Positive: ahead of ours."""
    source: str
    """`date` (header of a request), `device_status`, `alarm` or `position`."""
    at: datetime

    def to_json(self) -> Json:
        return {"error_s": self.error_s, "source": self.source, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ClockReading | None:
        try:
            at = datetime.fromisoformat(str(stored["at"]))
            return cls(float(stored["error_s"]), str(stored["source"]), at)
        except (KeyError, ValueError):
            return None


class Facts:
    """Mutable; one per device."""

    __slots__ = ("clock", "faulty", "healthy", "round_trip_s", "unanswered")

    def __init__(self, observed: Mapping[str, Any]) -> None:
        self.healthy = True
        """False: its last heartbeat said Status ERROR or named children that do not work."""
        self.faulty: tuple[str, ...] = ()
        """Codes of children that do not work, from the last heartbeat."""
        stored = observed.get("clock")
        self.clock = ClockReading.from_json(stored) if isinstance(stored, Mapping) else None
        self.round_trip_s: float | None = None
        """From a request of ours to the first response, smoothed; repetitions are part of it."""
        self.unanswered = 0
        """Requests of ours in a row that got no response at all."""

    def heartbeat(self, ok: bool, faulty: tuple[str, ...]) -> bool:
        """A heartbeat's word; True when it is another one than before."""
        healthy = ok and not faulty
        changed = healthy != self.healthy or faulty != self.faulty
        self.healthy, self.faulty = healthy, faulty
        return changed

    def round_trip(self, seconds: float | None) -> None:
        """A request of ours was answered after so long, or not at all."""
        if seconds is None:
            self.unanswered += 1
            return
        self.unanswered = 0
        before = self.round_trip_s
        self.round_trip_s = seconds if before is None else before + _WEIGHT * (seconds - before)


def behind_nat(contact: str, transport: str, remote: Address) -> bool | None:
    """Whether the device is somewhere else than it believes; None where that cannot be told.

    Its Contact names the address it has; we see the one its packets come from. Over TCP only the
    hosts are compared: the port of a connection is never the one it listens on.
    """
    if not contact or not remote[0]:
        return None
    try:
        host, port = SipUri.parse(contact.strip("<> ")).address
    except ParseError:
        return None
    if host.lower() != remote[0].lower():
        return True
    return transport == "udp" and port != remote[1]
