"""A small platform for the simulator's tests: registers, asks and calls, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from gb28181.manscdp import Message, read
from gb28181.manscdp.codec import encode
from gb28181.session.offer import offer, read_answer
from gb28181.simulator.clip import GROUP, PICTURES, SUB, Format, Studio
from gb28181.simulator.clip import encode as encode_clip
from gb28181.simulator.faults import parse_fault
from gb28181.simulator.fleet import Fleet
from gb28181.simulator.machine import Times
from gb28181.simulator.options import FleetOptions, Server
from gb28181.simulator.plan import DeviceSpec, PlanOptions, make_plan
from gb28181.simulator.profiles import Profile, profiles_named
from sip import Dialog, Endpoint, EndpointOptions, Flow, Headers, Request, Response, Timers
from sip.digest import DigestServer, Verdict
from sip.ids import IdSource
from sip.server_transaction import ServerTransaction
from tests.shell.sip_bench import QUICK, Caller, Owner, readable

SERVER_ID = "64010000002000000001"
DOMAIN = SERVER_ID[:10]
PASSWORD = "nx-device"
QUICK_TIMES = Times(expires_s=60, keepalive_s=0, retry_s=0.2)


class Platform(Owner):
    """Challenges REGISTER; keeps what devices say."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = self._answer
        self.flows: dict[str, Flow] = {}
        self.registrations: list[tuple[str, str]] = []
        """Device and Expires of each REGISTER that was accepted."""
        self.heard: dict[str, list[Message]] = defaultdict(list)
        self.keepalive_status = 200
        self.date = ""
        """Of the 200 to REGISTER."""
        self.byes: list[Request] = []
        self.endpoint: Endpoint
        self._digest = DigestServer(DOMAIN, b"key" * 11, ids=IdSource())

    @property
    def address(self) -> tuple[str, int]:
        return self.endpoint.bound

    def messages(self, device_id: str, kind: type[Message]) -> list[Any]:
        return [one for one in self.heard[device_id] if isinstance(one, kind)]

    def _answer(self, tx: ServerTransaction) -> None:
        request = tx.request
        if request.method == "REGISTER":
            self._register(tx)
        elif request.method == "BYE":
            self.byes.append(request)
            tx.respond(200)
        elif b"Keepalive" in request.body:
            self.heard[request.from_.uri.user or ""].append(read(request.body))
            tx.respond(self.keepalive_status)
        else:
            self.heard[request.from_.uri.user or ""].append(read(request.body))
            tx.respond(200)

    def _register(self, tx: ServerTransaction) -> None:
        now = asyncio.get_running_loop().time()
        given = tx.request.headers.get("Authorization")
        if given is None:
            tx.respond(401, headers=[("WWW-Authenticate", self._digest.challenge(now))])
        elif self._digest.verify(given, "REGISTER", PASSWORD, now) is not Verdict.OK:
            tx.respond(403)
        else:
            device_id = tx.request.from_.uri.user or ""
            expires = tx.request.headers.get("Expires") or ""
            self.flows[device_id] = tx.flow
            self.registrations.append((device_id, expires))
            self.endpoint.hold(tx.flow)
            contact = tx.request.headers.get("Contact") or ""
            date = [("Date", self.date)] if self.date else []
            tx.respond(200, headers=[("Contact", contact), ("Expires", expires), *date])

    async def query(self, device_id: str, command: str, sn: str = "9") -> Response:
        body = encode("Query", command, sn, device_id)
        request = self.request("MESSAGE", device_id)
        request.headers.add("Content-Type", "Application/MANSCDP+xml")
        request.body = body
        return await self.endpoint.request(request, self.flows[device_id])

    def request(self, method: str, user: str, call_id: str = "") -> Request:
        return Request(
            method,
            f"sip:{user}@127.0.0.1",
            Headers(
                [
                    ("From", f"<sip:{SERVER_ID}@{DOMAIN}>;tag={self.endpoint.new_tag()}"),
                    ("To", f"<sip:{user}@{DOMAIN}>"),
                    ("Call-ID", call_id or self.endpoint.new_call_id()),
                    ("CSeq", f"1 {method}"),
                ]
            ),
        )

    def invite(self, spec: DeviceSpec, body: bytes, *, channel: int = 0, subject: str = "") -> Leg:
        channel_id = spec.channels[channel].channel_id
        request = self.request("INVITE", channel_id)
        host, port = self.address
        request.headers.add("Contact", f"<sip:{SERVER_ID}@{host}:{port}>")
        request.headers.add("Subject", subject or f"{channel_id}:{next(_SUBJECTS)},{SERVER_ID}:0")
        request.headers.add("Content-Type", "application/sdp")
        request.body = body
        return Leg(self.endpoint, request, self.flows[spec.device_id])


_SUBJECTS = itertools.count(100000001)


class Leg(Caller):
    """One call of the platform's."""

    def __init__(self, endpoint: Endpoint, request: Request, flow: Flow) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._flow = flow
        self._request = request
        self.client = endpoint.invite(request, flow, self)
        self.dialog: Dialog | None = None

    async def final(self) -> Response:
        """The final response; a 2xx is not acknowledged yet."""
        while True:
            heard = await self.next()
            assert isinstance(heard, Response), heard
            if heard.status >= 200:
                if heard.status < 300:
                    self.dialog = Dialog.of_client(self._request, heard)
                return heard

    async def accepted(self) -> Response:
        response = await self.final()
        assert response.status == 200, response.status
        self.ack()
        return response

    def ack(self) -> None:
        assert self.dialog is not None
        self._endpoint.send_ack(self.dialog.ack(), self._flow)

    async def info(self, *lines: str) -> Response:
        """MANSRTSP inside the call."""
        assert self.dialog is not None
        request = self.dialog.request(
            "INFO",
            body="\r\n".join((*lines, "", "")).encode(),
            content_type="Application/MANSRTSP",
        )
        return await self._endpoint.request(request, self._flow)

    async def bye(self) -> Response:
        assert self.dialog is not None
        return await self._endpoint.request(self.dialog.request("BYE"), self._flow)


def offer_to(
    port: int, transport: str = "udp", ssrc: int = 100000001, stream: str = "sub"
) -> bytes:
    return offer(
        server_id=SERVER_ID,
        media=("127.0.0.1", port),
        transport=transport,  # type: ignore[arg-type]
        ssrc=ssrc,
        stream=stream,  # type: ignore[arg-type]
    )


def answer_of(response: Response, transport: str = "udp") -> Any:
    return read_answer(response.body, transport)  # type: ignore[arg-type]


class Receiver:
    """A UDP port media comes to."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    async def packets(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            await readable(self.socket)
            found.append(self.socket.recv(2048))
        return found

    async def collect(self, into: list[bytes]) -> None:
        """Every packet from now on, until it is cancelled; all that came at each look, or what is
        sent faster than it was recorded would overflow the socket."""
        while True:
            await readable(self.socket)
            with contextlib.suppress(BlockingIOError):
                while True:
                    into.append(self.socket.recv(2048))

    def is_silent(self) -> bool:
        """Nothing has come since the last look."""
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return True
        return False

    def drain(self) -> None:
        while not self.is_silent():
            continue

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@functools.cache
def _group() -> tuple[bytes, ...]:
    return tuple(itertools.islice(encode_clip(SUB), GROUP))


def quick_pictures(format: Format) -> Iterator[bytes]:
    """The first two seconds again and again, in the small format whatever is asked for."""
    for number in range(PICTURES):
        yield _group()[number % GROUP]


@asynccontextmanager
async def platform(port: int = 0, timers: Timers = QUICK) -> AsyncIterator[Platform]:
    made = Platform()
    made.endpoint = Endpoint(EndpointOptions(host="127.0.0.1", port=port, timers=timers), made)
    await made.endpoint.start()
    try:
        yield made
    finally:
        await made.endpoint.aclose()


@asynccontextmanager
async def fleet(
    to: Platform,
    specs: list[DeviceSpec],
    *faults: str,
    online: bool = True,
    pictures: Callable[[Format], Iterator[bytes]] = quick_pictures,
    **how: Any,
) -> AsyncIterator[Fleet]:
    """Devices that are registered when the body begins."""
    how.setdefault("times", QUICK_TIMES)
    host, port = to.address
    options = FleetOptions(
        server=Server(host=host, port=port, server_id=SERVER_ID, domain=DOMAIN, password=PASSWORD),
        host="127.0.0.1",
        faults=tuple(parse_fault(text) for text in faults),
        rate=0,
        **how,
    )
    made = Fleet(specs, options, Studio(None, pictures))
    await made.start()
    try:
        if online:
            async with asyncio.timeout(5):
                await made.everybody_online.wait()
        yield made
    finally:
        await made.aclose()


def profiles(*names: str) -> tuple[Profile, ...]:
    return profiles_named(names)


def camera() -> list[DeviceSpec]:
    return make_plan(PlanOptions(1, recorders=0))


def recorder(channels: int = 5) -> list[DeviceSpec]:
    return make_plan(PlanOptions(1, recorders=1, channels=channels))
