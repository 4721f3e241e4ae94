"""What an endpoint can be told, what it tells its owner, and what it counts. No behaviour."""

from dataclasses import dataclass, field
from typing import Protocol

from sip.client_side import ClientCounters
from sip.errors import ParseError
from sip.flow import Flow
from sip.message import Request, Response
from sip.server_transaction import RequestHandler, ServerCounters, ServerTransaction
from sip.timers import Timers
from sip.transport_tcp import TcpLimits

__all__ = ["EndpointCounters", "EndpointOptions", "Handler", "ServerTransaction", "Tap"]


class Handler(RequestHandler, Protocol):
    """The owner of an endpoint. All calls come in the loop and must not block.

    An exception is logged and ends nothing but this message; an open request is answered 500.
    """

    def on_request(self, tx: ServerTransaction) -> None:
        """Every new request but ACK and CANCEL, of any method."""

    def on_ack(self, request: Request, flow: Flow) -> None:
        """The ACK of a 2xx, repeated ones too."""

    def on_cancel(self, tx: ServerTransaction) -> None:
        """`tx` is the INVITE; unless this answers it, 487 is sent. The CANCEL has its 200."""

    def on_stray_response(self, response: Response, flow: Flow) -> None:
        """A response to nothing we wait for: a late 2xx to INVITE wants ACK and BYE."""

    def on_malformed(self, source: Flow, error: ParseError, sample: bytes) -> bool:
        """Whether an error response may be sent, where one is possible at all."""

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        """A TCP connection has ended."""


class Tap(Protocol):
    """Listens to every message of an endpoint, for traces. Must neither block nor raise."""

    def wants(self, call_id: str) -> bool:
        """Whether a message with this Call-ID may be of interest. Asked before brief requests; of
        one that is not wanted neither the request nor the answer is told."""

    def incoming(self, message: Request | Response | None, raw: bytes | None, flow: Flow) -> None:
        """A message as it came; None when it could not be read. `raw` are its bytes where they are
        at hand: those of a connection are lost in its framing."""

    def outgoing(self, data: bytes, flow: Flow) -> None:
        """A message that was given to the transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    host: str = "0.0.0.0"
    """Listened address."""
    port: int = 5060
    """For UDP and TCP; 0 takes one that is free for both."""
    announce_host: str = ""
    """Put into Via and Contact; "" takes the local address of each flow."""
    announce_port: int = 0
    """0 takes the port listened on."""
    udp: bool = True
    tcp: bool = True
    receive_buffer: int = 4 * 1024 * 1024
    """Bytes asked of the kernel for the UDP socket."""
    tcp_limits: TcpLimits = field(default_factory=TcpLimits)
    connect_timeout_s: float = 5.0
    timers: Timers = field(default_factory=Timers)
    max_server_transactions: int = 20_000
    """Requests not answered yet; above that new ones are dropped and come again."""
    max_answers: int = 65_536
    """Answers kept for repeated requests: 32 s of 2,000 requests a second."""
    max_answer_bytes: int = 64 * 1024 * 1024
    user_agent: str = ""
    """User-Agent of requests and Server of responses; "" sends none."""
    supported: frozenset[str] = frozenset()
    """Option tags a Require header may name; any other is refused with 420."""


@dataclass(slots=True)
class EndpointCounters:
    messages_in: int = 0
    messages_out: int = 0
    keepalives: int = 0
    """Datagrams of nothing but line ends: accepted, never answered."""
    malformed: int = 0
    malformed_answered: int = 0
    kernel_drops: int = 0
    """Datagrams the kernel threw away because the receive buffer was full."""
    send_dropped: int = 0
    connections_accepted: int = 0
    connections_refused: int = 0
    server: ServerCounters = field(default_factory=ServerCounters)
    client: ClientCounters = field(default_factory=ClientCounters)
