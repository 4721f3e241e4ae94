"""The common part of the four transaction machines of RFC 3261 §17, and how a message finds its
machine.

A machine is a table `(state, input) -> (action, next state)`. Actions return effects; nobody here
sends, waits or calls the owner. An input without a row is ignored: by §17 that is what most late,
repeated or senseless messages of a peer deserve. What we do wrong ourselves raises LocalError.

Timers are inputs like any other. A machine keeps the few it has armed and shows the earliest as
`deadline`; `handle(Input.TICK, now)` fires what is due. A timer armed for *now* (the zero timers
of reliable transports) fires inside the same call, so a machine never rests in a state it has to
leave.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from sip.errors import LocalError
from sip.message import Request, Response
from sip.timers import Timers


class State(Enum):
    INITIAL = auto()
    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class Input(Enum):
    START = auto()
    """Client: send the request."""
    REQUEST = auto()
    """Server: the request came again."""
    PROVISIONAL = auto()
    """A 1xx; received by a client, given by the owner to a server. So are the next two."""
    SUCCESS = auto()
    FAILURE = auto()
    """300 to 699."""
    ACK = auto()
    CANCEL = auto()
    """Client: the owner has lost interest."""
    TRANSPORT_ERROR = auto()
    TICK = auto()
    TIMER_RETRANSMIT = auto()
    """A, E, G, and the repeated 2xx of §13.3.1.4."""
    TIMER_LIMIT = auto()
    """B, F, H, L, M, and the end of a server transaction nobody answers."""
    TIMER_LINGER = auto()
    """D, I, J, K: waiting for what may still be in the network."""
    TIMER_TRYING = auto()
    """The owner of an INVITE is slow: tell the peer that it was heard."""


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """The owner gets this response."""

    response: Response


@dataclass(frozen=True, slots=True)
class Stray:
    """A 2xx that does not fit what was delivered before: somebody has to end that call."""

    response: Response


@dataclass(frozen=True, slots=True)
class StartCancel:
    """Send CANCEL, in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class SayTrying:
    """Send 100."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Client: no final answer. Server: the owner has not answered in time."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The transport refused, and the owner has heard nothing yet."""


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Server: the ACK never came."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """Always the last effect: forget the machine."""


Effect = (
    Send
    | Deliver
    | Stray
    | StartCancel
    | SayTrying
    | TimedOut
    | Failed
    | Unacknowledged
    | Terminated
)
Action = Callable[[Any, Response | None, bytes, float], list[Effect]]
Table = Mapping[tuple[State, Input], tuple[Action, State]]


def response_input(status: int) -> Input:
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class Machine:
    """Interprets a table. Subclasses bring the table and the actions."""

    __slots__ = ("_armed", "_interval", "deadline", "reliable", "state", "timers")

    table: ClassVar[Table]

    def __init__(self, timers: Timers, *, reliable: bool) -> None:
        self.timers = timers
        self.reliable = reliable
        self.state = State.INITIAL
        self.deadline: float | None = None
        self._armed: dict[Input, float] = {}
        self._interval = timers.t1

    def __repr__(self) -> str:
        armed = " ".join(f"{t.name[6:].lower()}@{at:.3f}" for t, at in self._armed.items())
        return f"<{type(self).__name__} {self.state.name}{' ' + armed if armed else ''}>"

    def handle(
        self, input: Input, now: float, response: Response | None = None, data: bytes = b""
    ) -> list[Effect]:
        """`response` goes with what a client received, `data` with what a server is to send."""
        effects = self._tick(now) if input is Input.TICK else self._step(input, now, response, data)
        while self.deadline is not None and self.deadline <= now:
            effects += self._tick(now)
        return effects

    def _step(
        self, input: Input, now: float, response: Response | None, data: bytes
    ) -> list[Effect]:
        row = self.table.get((self.state, input))
        if row is None:
            return []
        action, self.state = row
        effects = action(self, response, data, now)
        if self.state is State.TERMINATED:
            self._armed.clear()
            self.deadline = None
            effects.append(Terminated())
        return effects

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        due = sorted((at, t.value, t) for t, at in self._armed.items() if at <= now)
        for at, _, timer in due:
            if self._armed.get(timer) == at:  # an earlier one may have stopped it
                self._disarm(timer)
                effects += self._step(timer, now, None, b"")
        return effects

    def _arm(self, timer: Input, at: float) -> None:
        self._armed[timer] = at
        self.deadline = min(self._armed.values())

    def _disarm(self, *timers: Input) -> None:
        for timer in timers:
            self._armed.pop(timer, None)
        self.deadline = min(self._armed.values(), default=None)

    def _nothing(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return []


def client_key(message: Request | Response) -> str:
    """§17.1.3: the branch of the top Via and the method, since CANCEL shares the branch of its
    INVITE."""
    branch = message.via.branch
    if not branch:
        raise LocalError("no branch in the top Via")
    return f"{branch}|{message.cseq.method}"


def server_key(request: Request, method: str, source_host: str) -> str:
    """§17.2.3: which server transaction a request belongs to; `method` is INVITE for ACK and
    CANCEL.

    Two things go beyond the RFC and never separate what belongs together: Call-ID and CSeq number,
    because some stacks use one branch for every request; and the host it came from, because
    thousands of cameras leave the factory with one address and one poor random generator.
    """
    call_id = request.call_id
    via = request.via
    number = request.cseq.number
    branch = via.branch
    if via.is_rfc3261:
        return f"{branch}|{via.host}|{via.port}|{method}|{number}|{call_id}|{source_host}"
    # RFC 2543 peers: the branch may be missing or the same for all. The To tag is left out where
    # ACK and CANCEL have to match: it differs between INVITE and its ACK.
    from_tag = request.from_.tag
    to_tag = "" if method == "INVITE" else request.to.tag
    return (
        f"2543|{request.uri}|{from_tag}|{to_tag}|{call_id}|{number}|{method}|{via.host}|{via.port}"
        f"|{branch}|{source_host}"
    )
