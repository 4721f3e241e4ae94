"""What the calls of one stream ask for, one after the other.

A live picture asks for the same again and again. A recording asks for what comes next: the plan of
a recording (`playback.plan`) knows how far it was seen. Plans perform nothing; ``now`` is monotonic
seconds.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from .model import LIVE, Ask, Failure, StreamKey, Transport


class Next(Enum):
    """What the end of a call means for its stream."""

    BROKEN = auto()
    """It should go on: call again, as for any broken call."""
    FOLLOWS = auto()
    """This part is over; the next one is asked for at once."""
    DONE = auto()
    """Everything wanted was sent."""


class Plan(Protocol):
    """The calls of one stream."""

    @property
    def key(self) -> StreamKey: ...
    @property
    def transport(self) -> Transport | None: ...
    def ask(self, now: float) -> Ask:
        """What the next call asks for."""
        ...

    def running(self, now: float) -> None:
        """The current call shows a picture."""
        ...

    def over(self, failure: Failure, now: float) -> Next:
        """The current call is over."""
        ...


class LivePlan:
    """The live picture of a channel."""

    def __init__(self, key: StreamKey, transport: Transport | None) -> None:
        self.key = key
        self.transport = transport

    def __repr__(self) -> str:
        return f"<LivePlan {self.key.stream_id}>"

    def ask(self, now: float) -> Ask:
        return LIVE

    def running(self, now: float) -> None:
        """Nothing to remember: the next call asks for the same."""

    def over(self, failure: Failure, now: float) -> Next:
        return Next.BROKEN
