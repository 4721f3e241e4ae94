"""A device on trial: its registration is treated badly on purpose, to see whether it does right.

Set by a conformance run and taken back by it (GB/T 28181-2022 9.1, 9.6; the logic of being online).
The platform's own view of the device does not change by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Heartbeats(StrEnum):
    """What becomes of a heartbeat."""

    TAKEN = ""
    REFUSED = "refused"
    """403: it is to register again."""
    UNANSWERED = "unanswered"


@dataclass(slots=True)
class Trial:
    """Of one device, in memory."""

    heartbeat: Heartbeats = Heartbeats.TAKEN
    register_status: int = 0
    """Right credentials are refused with this status; 0: taken."""
    grant_s: int = 0
    """The registration time granted; 0: as usual."""
