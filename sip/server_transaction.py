"""A request being answered, as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sip.flow import Flow
from sip.message import Request
from sip.quick import Texts, has_tag
from sip.tx_invite_server import InviteServerMachine
from sip.tx_plain import PlainServerMachine

ServerMachine = PlainServerMachine | InviteServerMachine


class Side(Protocol):
    """What a transaction needs of those it is one of (`sip.server_side`)."""

    def new_tag(self) -> str: ...
    def wake(self, tx: ServerTransaction, now: float) -> None: ...
    def respond(
        self,
        tx: ServerTransaction,
        status: int,
        reason: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> None: ...


class RequestHandler(Protocol):
    """The half of the endpoint's handler that is called from here."""

    def on_request(self, tx: ServerTransaction) -> None: ...
    def on_ack(self, request: Request, flow: Flow) -> None: ...
    def on_cancel(self, tx: ServerTransaction) -> None: ...


@dataclass(slots=True)
class ServerCounters:
    requests: int = 0
    """New requests, ACK and CANCEL included."""
    retransmissions: int = 0
    """Requests that came again and were answered from memory."""
    refused: int = 0
    """Requests answered with an error before their handler saw them."""
    overload: int = 0
    """Requests dropped because too many transactions are open."""
    handler_errors: int = 0
    unanswered: int = 0
    """Transactions their handler never finished."""
    unsent: int = 0
    """Responses the transport refused."""


class ServerTransaction:
    """A request and the right to answer it: with any 1xx, and with one final response."""

    __slots__ = (
        "_side",
        "_tag",
        "call",
        "flow",
        "key",
        "machine",
        "on_unacknowledged",
        "plain",
        "queued_for",
        "reply_to",
        "request",
        "status",
    )

    def __init__(self, side: Side, request: Request, flow: Flow, key: str) -> None:
        self._side = side
        self._tag: str | None = None
        self.request = request
        self.flow = flow
        self.reply_to: Flow | None = None
        """Where answers go instead of the source of the request."""
        self.on_unacknowledged: Callable[[], None] | None = None
        """INVITE: called when a final response is never acknowledged; after a 2xx, send BYE."""
        self.status = 0
        """The last status sent."""
        self.key = key
        self.machine: ServerMachine | None = None
        """None for a request answered at once: then there is nothing to keep but the answer."""
        self.queued_for: float | None = None
        self.call: tuple[str, int] | None = None
        """INVITE: by what the ACK of a 2xx is found."""
        self.plain: Texts | None = None
        """For answers written the short way."""

    def __repr__(self) -> str:
        return f"<ServerTransaction {self.request.method} {self.status} {self.machine}>"

    @property
    def deadline(self) -> float | None:
        return None if self.machine is None else self.machine.deadline

    def wake(self, now: float) -> None:
        self._side.wake(self, now)

    @property
    def finished(self) -> bool:
        """A final response has been given."""
        return self.status >= 200

    @property
    def to_tag(self) -> str:
        """The tag of To in our responses: the one in the request, or one of our own."""
        if self._tag is None:
            plain = self.plain is not None and not has_tag(self.plain[2])
            self._tag = (None if plain else self.request.to.tag) or self._side.new_tag()
        return self._tag

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        """Send a response. A second final one is discarded (RFC 3261 §17.2), except a 2xx to
        INVITE."""
        self._side.respond(self, status, reason, headers, body, content_type)
