"""What the SIP shell tests share: endpoints with a recording owner, and raw peers on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sip import (
    Endpoint,
    EndpointOptions,
    Flow,
    Headers,
    ParseError,
    Request,
    Response,
    ServerTransaction,
    Timers,
    TransportFailed,
    parse_datagram,
)

WAIT_S = 5.0


class Owner:
    """A handler that answers 200 and writes down what it hears."""

    def __init__(self) -> None:
        self.requests: list[ServerTransaction] = []
        self.acks: list[Request] = []
        self.cancelled: list[ServerTransaction] = []
        self.stray: list[Response] = []
        self.malformed: list[ParseError] = []
        self.closed: list[tuple[Flow, str]] = []
        self.answer: Callable[[ServerTransaction], None] = lambda tx: tx.respond(200)
        self.may_refuse = True
        self._news = asyncio.Event()

    def on_request(self, tx: ServerTransaction) -> None:
        self.requests.append(tx)
        self._news.set()
        self.answer(tx)

    def on_ack(self, request: Request, flow: Flow) -> None:
        self.acks.append(request)
        self._news.set()

    def on_cancel(self, tx: ServerTransaction) -> None:
        self.cancelled.append(tx)
        self._news.set()

    def on_stray_response(self, response: Response, flow: Flow) -> None:
        self.stray.append(response)
        self._news.set()

    def on_malformed(self, source: Flow, error: ParseError, sample: bytes) -> bool:
        self.malformed.append(error)
        self._news.set()
        return self.may_refuse

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        self.closed.append((flow, reason))
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for news that makes the condition true."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Caller:
    """An InviteListener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self._news = asyncio.Event()

    def _note(self, what: object) -> None:
        self.heard.append(what)
        self._news.set()

    def on_provisional(self, response: Response) -> None:
        self._note(response)

    def on_success(self, response: Response) -> None:
        self._note(response)

    def on_failure(self, response: Response) -> None:
        self._note(response)

    def on_timeout(self) -> None:
        self._note("timeout")

    def on_transport_error(self, error: TransportFailed) -> None:
        self._note(error)

    async def next(self) -> Any:
        async with asyncio.timeout(WAIT_S):
            while not self.heard:
                self._news.clear()
                await self._news.wait()
        return self.heard.pop(0)


@asynccontextmanager
async def endpoint(
    owner: Owner | None = None, *, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Endpoint]:
    made = Endpoint(EndpointOptions(host=host, port=0, **options), owner or Owner())
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()


#: Retransmissions of 50 ms: the order of things is tested here, times are tested on a fake clock.
QUICK = Timers(t1=0.05, t2=0.2, t4=0.2, d=0.5)


def message(endpoint: Endpoint, method: str = "MESSAGE", body: bytes = b"") -> Request:
    headers = Headers(
        [
            ("From", f"<sip:34020000002000000001@3402000000>;tag={endpoint.new_tag()}"),
            ("To", "<sip:34020000001320000001@3402000000>"),
            ("Call-ID", endpoint.new_call_id()),
            ("CSeq", f"1 {method}"),
        ]
    )
    return Request(method, "sip:34020000001320000001@127.0.0.1", headers, body)


def raw(
    method: str = "MESSAGE", number: int = 1, *, body: bytes = b"", via: str = "", extra: str = ""
) -> bytes:
    """A request as a peer writes it that is not ours."""
    via = via or f"SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bKraw{number}"
    return (
        f"{method} sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        f"Via: {via}\r\n"
        "From: <sip:34020000001320000001@3402000000>;tag=dev\r\n"
        "To: <sip:34020000002000000001@3402000000>\r\n"
        f"Call-ID: call-{number}\r\nCSeq: {number} {method}\r\n"
        f"Max-Forwards: 70\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def readable(sock: socket.socket) -> None:
    """uvloop has no sock_recvfrom."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock.fileno(), ready.set)
    try:
        async with asyncio.timeout(WAIT_S):
            await ready.wait()
    finally:
        loop.remove_reader(sock.fileno())


class RawPeer:
    """A UDP socket without any SIP behind it."""

    def __init__(self, to: tuple[str, int] | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self._to = to

    @property
    def address(self) -> tuple[str, int]:
        name: tuple[str, int] = self.socket.getsockname()
        return name

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        target = to or self._to
        assert target is not None
        self.socket.sendto(data, target)

    async def receive(self) -> Request | Response:
        return (await self.receive_from())[0]

    async def receive_from(self) -> tuple[Request | Response, tuple[str, int]]:
        await readable(self.socket)
        data, source = self.socket.recvfrom(65_535)
        return parse_datagram(data), source

    async def receive_raw(self) -> bytes:
        await readable(self.socket)
        return self.socket.recv(65_535)

    def nothing_came(self) -> bool:
        try:
            self.socket.recv(65_535, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        return False

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def answer_to(request: Request, status: int, extra: str = "") -> bytes:
    headers = request.headers
    return (
        f"SIP/2.0 {status} Reason\r\nVia: {headers.get('Via')}\r\n"
        f"From: {headers.get('From')}\r\nTo: {headers.get('To')};tag=peer\r\n"
        f"Call-ID: {headers.get('Call-ID')}\r\nCSeq: {headers.get('CSeq')}\r\n"
        f"{extra}Content-Length: 0\r\n\r\n"
    ).encode()
