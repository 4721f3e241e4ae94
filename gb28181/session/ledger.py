"""The session ledger: the one place that knows what every INVITE dialog holds.

SSRC, receiver or sender (port) and dialog of a session live and die here; nothing else allocates
them, so nothing can leak. ``reconcile`` compares the ledger with what the media node really has
open and names every difference; the service calls it once a second.

The ledger is plain data and rules; it performs nothing. ``now`` is monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .model import LIVE, Ask, Failure, SessionKind, SessionState, SessionView, StreamKey
from .ssrc import SsrcPool, format_ssrc

HISTORY = 1_000
"""Ended sessions that can still be asked for by id."""

ORPHAN_GRACE_S = 5.0
"""How long a receiver may be unknown here (it is just being opened) before it is closed."""


class Stage(Protocol):
    """The machine of a dialog, as far as everybody may see it."""

    @property
    def state(self) -> SessionState: ...
    @property
    def failure(self) -> Failure | None: ...


@dataclass(slots=True)
class Session:
    """One INVITE dialog and everything it holds."""

    session_id: str
    key: StreamKey
    device_id: str
    reported_id: str
    transport: str
    call_id: str
    ssrc: int
    call: Stage
    started_at: datetime
    ask: Ask = LIVE
    ended_at: datetime | None = None
    receiver_id: str | None = None
    """What it holds on the media node: a receiver, or the sender of a talk."""
    local: tuple[str, int] | None = None
    remote: tuple[str, int] | None = None
    file_size: int | None = None
    """Bytes of a download, where the device told."""
    ssrc_held: bool = field(default=True, repr=False)
    on_end: Callable[[Failure], None] | None = field(default=None, repr=False)
    """Ends a dialog that is no pull; None where the caller does."""

    @property
    def stream_id(self) -> str:
        return self.key.stream_id

    @property
    def kind(self) -> SessionKind:
        return self.ask.kind

    def view(self, viewers: int) -> SessionView:
        """What API and events show of it."""
        failure = self.call.failure
        return SessionView(
            session_id=self.session_id,
            stream_id=self.stream_id,
            channel_id=self.key.channel_id,
            device_id=self.device_id,
            kind=self.kind,
            transport=self.transport,
            state=self.call.state,
            reason=failure.reason.value if failure else None,
            ssrc=format_ssrc(self.ssrc),
            local=_address(self.local),
            remote=_address(self.remote),
            call_id=self.call_id,
            viewers=viewers,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


@dataclass(frozen=True, slots=True)
class Differences:
    """What ledger and media node disagree about."""

    orphan_receivers: tuple[str, ...]
    """Open on the node, held by no session: to be closed."""
    lost_receivers: tuple[Session, ...]
    """Held by a session, gone on the node: its media cannot come any more."""


class Ledger:
    """Every session that is not over, what it holds, and the last ones that ended."""

    def __init__(self, ssrcs: SsrcPool) -> None:
        self._ssrcs = ssrcs
        self._open: dict[str, Session] = {}
        self._by_call: dict[str, Session] = {}
        self._by_receiver: dict[str, Session] = {}
        self._ended: deque[Session] = deque(maxlen=HISTORY)
        self._ended_by_id: dict[str, Session] = {}
        self._unknown_since: dict[str, float] = {}
        self.lent: set[str] = set()
        """Receivers of the node that somebody else opened and will close."""

    def lease_ssrc(self, now: float, kind: SessionKind) -> int:
        """A free SSRC for a new session; raises ``SsrcExhausted``."""
        return self._ssrcs.lease(now, historical=kind in _HISTORICAL)

    def add(self, session: Session) -> None:
        """Enter a new session."""
        self._open[session.session_id] = session
        self._by_call[session.call_id] = session

    def replace_ssrc(self, session: Session, ssrc: int, now: float) -> None:
        """A device that calls us names its own: the leased one is free again."""
        self._ssrcs.release(session.ssrc, now)
        session.ssrc, session.ssrc_held = ssrc, False

    def hold_receiver(self, session: Session, receiver_id: str, local: tuple[str, int]) -> None:
        """The session's receiver (or sender) is open."""
        session.receiver_id, session.local = receiver_id, local
        self._by_receiver[receiver_id] = session

    def drop_receiver(self, session: Session) -> str | None:
        """The session gives up its receiver; returns the id to close, once."""
        receiver_id, session.receiver_id = session.receiver_id, None
        if receiver_id is not None:
            del self._by_receiver[receiver_id]
        return receiver_id

    def end(self, session: Session, now: float, civil: datetime) -> None:
        """The session is over: its SSRC rests, its dialog is forgotten. Idempotent."""
        if self._open.pop(session.session_id, None) is None:
            return
        del self._by_call[session.call_id]
        session.ended_at = civil
        if len(self._ended) == self._ended.maxlen:
            del self._ended_by_id[self._ended[0].session_id]
        self._ended.append(session)
        self._ended_by_id[session.session_id] = session
        if session.ssrc_held:
            session.ssrc_held = False
            self._ssrcs.release(session.ssrc, now)

    def get(self, session_id: str) -> Session | None:
        """A session by id, over or not."""
        return self._open.get(session_id) or self._ended_by_id.get(session_id)

    def by_call(self, call_id: str) -> Session | None:
        """The session of a dialog that is not over."""
        return self._by_call.get(call_id)

    def by_receiver(self, receiver_id: str) -> Session | None:
        """The session that holds a receiver."""
        return self._by_receiver.get(receiver_id)

    def open(self) -> list[Session]:
        """All sessions that are not over, oldest first."""
        return list(self._open.values())

    def ended(self) -> Iterator[Session]:
        """The last sessions that ended, newest first."""
        return reversed(self._ended)

    def of_device(self, device_id: str) -> list[Session]:
        """Sessions of one device that are not over."""
        return [s for s in self._open.values() if s.device_id == device_id]

    def reconcile(self, receivers: Iterable[str], now: float) -> Differences:
        """Compare with the receivers and senders the node has open."""
        present = set(receivers)
        orphans = []
        for receiver_id in present - self._by_receiver.keys() - self.lent:
            since = self._unknown_since.setdefault(receiver_id, now)
            if now - since >= ORPHAN_GRACE_S:
                orphans.append(receiver_id)
        for receiver_id in self._unknown_since.keys() - present:
            del self._unknown_since[receiver_id]
        lost = tuple(
            session
            for receiver_id, session in self._by_receiver.items()
            if receiver_id not in present and session.call.state is not SessionState.CLOSING
        )
        return Differences(tuple(orphans), lost)


_HISTORICAL = (SessionKind.PLAYBACK, SessionKind.DOWNLOAD)


def _address(address: tuple[str, int] | None) -> str | None:
    if address is None or not address[1]:  # no port: nothing comes from outside
        return None
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
