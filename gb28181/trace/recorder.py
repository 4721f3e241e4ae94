"""Keeps messages: for captures somebody asked for, and for the last calls always.

The recorder is the tap of the SIP endpoint. It sees every message, so the usual one must cost next
to nothing: one look-up of its Call-ID among the calls kept, and, while captures run, one question
per capture. Only what is kept is copied and redacted.

Everything is bounded: captures in number, time, messages and bytes (the oldest message goes
first, and is counted); calls in number, messages and bytes. A call that a *peer* begins has a
shelf of its own, so that a flood of INVITEs cannot push out the platform's own calls.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gb28181.trace.frame import MOST_BYTES, Frame
from gb28181.trace.redact import redact
from gb28181.trace.target import Names, Target, names_of
from sip.errors import ParseError
from sip.flow import Address, Flow
from sip.message import Request, Response
from sip.parser import parse_datagram

MOST_CAPTURES: Final = 32
CAPTURE_FRAMES: Final = 2_000
CAPTURE_BYTES: Final = 4 * 1024 * 1024
OWN_CALLS: Final = 500
FOREIGN_CALLS: Final = 100
CALL_FRAMES: Final = 100
CALL_BYTES: Final = 128 * 1024

_WILDCARDS: Final = ("0.0.0.0", "::", "")
_CALL_ID: Final = (b"\r\nCall-ID: ", b"\r\ni: ", b"\r\nCall-ID:")


class Ring:
    """Messages in their order, bounded."""

    __slots__ = ("_bytes", "_frames", "_most", "_most_bytes", "dropped")

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self.dropped = 0
        """Messages that had to make room."""

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.data)
        while len(self._frames) > self._most or self._bytes > self._most_bytes:
            self._bytes -= len(self._frames.popleft().data)
            self.dropped += 1

    def frames(self) -> list[Frame]:
        return list(self._frames)


@dataclass(slots=True, eq=False)
class Capture:
    """What is recorded for one device, until a moment."""

    target: Target
    started_at: float
    ends_at: float
    """Civil time; from then on nothing is added."""
    ring: Ring = field(default_factory=lambda: Ring(CAPTURE_FRAMES, CAPTURE_BYTES))
    stopped: bool = False
    take: Callable[[Frame], None] | None = None
    """Gets each message instead of the ring; must not raise and not block."""

    def running(self, now: float) -> bool:
        return not self.stopped and now < self.ends_at


class TooManyCaptures(Exception):
    """All captures there may be are running."""


class Recorder:
    """`now` is the civil time; `ours` tells our address on a flow that does not know it."""

    def __init__(self, now: Callable[[], float], ours: Callable[[Flow], Address]) -> None:
        self._now = now
        self._ours = ours
        self._captures: OrderedDict[str, Capture] = OrderedDict()
        self._live = False
        self._calls: dict[str, Ring] = {}
        self._shelves: tuple[deque[str], deque[str]] = (deque(), deque())

    # --- captures ---------------------------------------------------------------------------

    def start(
        self,
        target: Target,
        seconds: float,
        name: str = "",
        take: Callable[[Frame], None] | None = None,
    ) -> Capture:
        """Record from now on, for so long; a capture of the same name (else of the same device)
        begins anew. Raises TooManyCaptures."""
        now, name = self._now(), name or target.device_id
        self._captures.pop(name, None)
        if len(self._captures) >= MOST_CAPTURES:
            over = [name for name, one in self._captures.items() if not one.running(now)]
            if not over:
                raise TooManyCaptures(f"{MOST_CAPTURES} captures run already")
            del self._captures[over[0]]
        capture = Capture(target, now, now + seconds, take=take)
        self._captures[name] = capture
        self._live = True
        return capture

    def drop(self, name: str) -> None:
        """End a capture and forget what it holds."""
        if self._captures.pop(name, None) is not None and not self._captures:
            self._live = False

    def capture(self, device_id: str) -> Capture | None:
        """The running or last capture of a device."""
        return self._captures.get(device_id)

    def stop(self, device_id: str) -> Capture | None:
        """End a capture; what it holds stays until another one needs the room."""
        capture = self._captures.get(device_id)
        if capture is not None:
            capture.stopped = True
        return capture

    def running(self, capture: Capture) -> bool:
        return capture.running(self._now())

    # --- calls ------------------------------------------------------------------------------

    def call(self, call_id: str) -> Ring | None:
        """The messages of one of the last calls."""
        return self._calls.get(call_id)

    def _begin_call(self, call_id: str, *, foreign: bool) -> Ring:
        shelf, most = self._shelves[foreign], (OWN_CALLS, FOREIGN_CALLS)[foreign]
        if len(shelf) >= most:
            self._calls.pop(shelf.popleft(), None)
        shelf.append(call_id)
        ring = self._calls[call_id] = Ring(CALL_FRAMES, CALL_BYTES)
        return ring

    # --- sip.options.Tap ----------------------------------------------------------------------

    def wants(self, call_id: str) -> bool:
        """Everything while a capture runs, else what belongs to a call that is kept."""
        return self._live or call_id in self._calls

    def incoming(self, message: Request | Response | None, raw: bytes | None, flow: Flow) -> None:
        """A message as it came."""
        call_id = (message.headers.get("Call-ID") or "") if message is not None else ""
        ring = self._calls.get(call_id)
        if ring is None and isinstance(message, Request) and message.method == "INVITE":
            ring = self._begin_call(call_id, foreign=True)
        wanted = self._wanted_by(message, raw, flow) if self._live else None
        if ring is None and not wanted:
            return
        data = raw if raw is not None else message.to_bytes() if message is not None else b""
        self._keep(ring, wanted, data, flow, incoming=True)

    def outgoing(self, data: bytes, flow: Flow) -> None:
        """A message that was sent."""
        call_id = _call_id_of(data)
        ring = self._calls.get(call_id)
        if ring is None and data.startswith(b"INVITE ") and call_id:
            ring = self._begin_call(call_id, foreign=False)
        wanted: list[Capture] | None = None
        if self._live and self._may_be_wanted(data, call_id, flow):
            try:
                wanted = self._wanted_by(parse_datagram(data), data, flow)
            except ParseError:
                wanted = self._wanted_by(None, data, flow)
        if ring is not None or wanted:
            self._keep(ring, wanted, data, flow, incoming=False)

    def _may_be_wanted(self, data: bytes, call_id: str, flow: Flow) -> bool:
        """Spares our own messages a parse: most are for devices nobody looks at."""
        return any(one.target.may_want(data, call_id, flow) for one in self._captures.values())

    def _wanted_by(
        self, message: Request | Response | None, raw: bytes | None, flow: Flow
    ) -> list[Capture]:
        now = self._now()
        live = [capture for capture in self._captures.values() if capture.running(now)]
        self._live = bool(live)
        if not live:
            return live
        names = names_of(message) if message is not None else Names(raw=raw or b"")
        return [capture for capture in live if capture.target.wants(names, flow)]

    def _keep(
        self,
        ring: Ring | None,
        wanted: list[Capture] | None,
        data: bytes,
        flow: Flow,
        *,
        incoming: bool,
    ) -> None:
        frame = Frame(
            self._now(),
            incoming,
            flow.transport,
            self._ours(flow) if flow.local[0] in _WILDCARDS else flow.local,
            flow.remote,
            flow.connection,
            redact(data[:MOST_BYTES])[:MOST_BYTES],
            len(data),
        )
        if ring is not None:
            ring.add(frame)
        for capture in wanted or ():
            if capture.take is None:
                capture.ring.add(frame)
            else:
                capture.take(frame)


def _call_id_of(data: bytes) -> str:
    """The Call-ID of a message of ours, without parsing it."""
    for mark in _CALL_ID:
        at = data.find(mark)
        if at >= 0:
            at += len(mark)
            return data[at : data.find(b"\r\n", at)].strip().decode("latin-1")
    return ""
