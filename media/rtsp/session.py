"""Machine of one RTSP session: what it may be asked in which state, and when it is forgotten.

    state     SETUP     PLAY      PAUSE    ALIVE     TEARDOWN, END, TICK past the deadline
    init      ready     -         -        init      closed
    ready     ready     playing   ready    ready     closed
    playing   -         playing   ready    playing   closed

A dash is refused with 455 and changes nothing. Any sign of the viewer (a request, a receiver
report, bytes it took) moves the deadline. RFC 2326 A.2, 12.37 (time-out).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

TIMEOUT_S = 60.0
"""A session nothing is heard of for so long is over."""


class SessionState(StrEnum):
    """Where a session stands."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"
    CLOSED = "closed"


class SessionInput(StrEnum):
    """What happens to a session."""

    SETUP = "setup"
    PLAY = "play"
    PAUSE = "pause"
    ALIVE = "alive"
    TEARDOWN = "teardown"
    END = "end"
    """The stream or the connection is over."""
    TICK = "tick"


class SessionEffect(StrEnum):
    """What the shell has to do."""

    START = "start"
    """Send the stream."""
    HALT = "halt"
    """Send no more for now."""
    RELEASE = "release"
    """Let go of viewer and ports."""
    REFUSE = "refuse"
    """Answer 455."""


_S, _I = SessionState, SessionInput

TABLE: Final[dict[tuple[SessionState, SessionInput], SessionState]] = {
    (_S.INIT, _I.SETUP): _S.READY,
    (_S.INIT, _I.ALIVE): _S.INIT,
    (_S.READY, _I.SETUP): _S.READY,
    (_S.READY, _I.PLAY): _S.PLAYING,
    (_S.READY, _I.PAUSE): _S.READY,
    (_S.READY, _I.ALIVE): _S.READY,
    (_S.PLAYING, _I.PLAY): _S.PLAYING,
    (_S.PLAYING, _I.PAUSE): _S.READY,
    (_S.PLAYING, _I.ALIVE): _S.PLAYING,
    **{
        (state, ending): _S.CLOSED
        for state in (_S.INIT, _S.READY, _S.PLAYING)
        for ending in (_I.TEARDOWN, _I.END)
    },
}


class SessionMachine:
    """One session; `now` is monotonic seconds."""

    def __init__(self, now: float, timeout_s: float = TIMEOUT_S) -> None:
        self.state = SessionState.INIT
        self._timeout_s = timeout_s
        self.deadline = now + timeout_s

    def handle(self, event: SessionInput, now: float) -> list[SessionEffect]:
        """What follows from an input."""
        if event is SessionInput.TICK:
            if self.state is SessionState.CLOSED or now < self.deadline:
                return []
            event = SessionInput.END
        before = self.state
        after = TABLE.get((before, event))
        if after is None:
            return [] if before is SessionState.CLOSED else [SessionEffect.REFUSE]
        self.state = after
        self.deadline = now + self._timeout_s
        if after is SessionState.CLOSED:
            return [SessionEffect.RELEASE]
        if after is before:
            return []
        if after is SessionState.PLAYING:
            return [SessionEffect.START]
        return [SessionEffect.HALT] if before is SessionState.PLAYING else []
