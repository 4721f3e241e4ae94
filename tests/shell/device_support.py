"""A registry without sockets: a fake endpoint, fake transactions, a fake clock, a real store.

The camera of these tests is text: a REGISTER or MESSAGE as it would come from the wire, read by
the real parser.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gb28181.cluster.bus import Bus, Event, Subscription
from gb28181.device.clock import Clock
from gb28181.device.options import DeviceOptions
from gb28181.device.service import DeviceService
from gb28181.manscdp import CatalogQuery, DeviceInfoQuery, Message, read
from gb28181.store import Store, StoreOptions
from sip.digest import build_authorization
from sip.errors import SipError
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.parser import parse_datagram
from tests.support.clock import FakeClock

SERVER = "64010000002000000001"
DOMAIN = "6401000000"
PASSWORD = "right password"
NVR = "64010600001180000001"
CAMERA = "64010400001320000011"
HERE = ("10.0.0.1", 5060)
CIVIL = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def udp(host: str = "192.0.2.64", port: int = 5060) -> Flow:
    return Flow("udp", (host, port), HERE)


def tcp(connection: int, host: str = "192.0.2.64", port: int = 40000) -> Flow:
    return Flow("tcp", (host, port), HERE, connection)


class FakeTx:
    """A server transaction that remembers its answer."""

    def __init__(self, request: Request, flow: Flow) -> None:
        self.request = request
        self.flow = flow
        self.reply_to: Flow | None = None
        self.status = 0
        self.headers = Headers()
        self.body = b""

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        assert self.status == 0, "answered twice"
        self.status, self.headers, self.body = status, Headers(headers), body


class FakeSip:
    """The part of the endpoint the registry uses. Requests are taken and answered 200, unless
    `on_request` says otherwise."""

    def __init__(self) -> None:
        self.sent: list[tuple[Request, Flow]] = []
        self.held: list[Flow] = []
        self.status: Callable[[Request], int | SipError] = lambda _: 200
        self.came = asyncio.Event()
        self.extra: list[tuple[str, str]] = []
        """Headers of the responses to `send_request`."""
        self._number = 0

    def _next(self) -> str:
        self._number += 1
        return f"id{self._number}"

    new_tag = new_call_id = _next

    def hold(self, flow: Flow) -> None:
        self.held.append(flow)

    def release(self, flow: Flow) -> None:
        self.held.remove(flow)

    async def request(self, request: Request, flow: Flow, *, give_up: bool = False) -> Response:
        self.sent.append((request, flow))
        self.came.set()
        verdict = self.status(request)
        if isinstance(verdict, SipError):
            raise verdict
        await asyncio.sleep(0)
        return Response(verdict, "")

    def send_request(
        self, request: Request, flow: Flow, on_result: Callable[[Response | SipError], None]
    ) -> None:
        """Without a task: what `on_request` says comes with the next turn of the loop."""
        self.sent.append((request, flow))
        self.came.set()
        verdict = self.status(request)
        answer = verdict if isinstance(verdict, SipError) else self.answer(request, verdict)
        asyncio.get_running_loop().call_soon(on_result, answer)

    def answer(self, request: Request, status: int) -> Response:
        """The response a device gives, with a tag of its own."""
        headers = Headers([("To", f"{request.headers.get('To')};tag=dev"), *self.extra])
        return Response(status, "", headers)

    def contact_address(self, flow: Flow) -> tuple[str, int]:
        return flow.local

    def queries(self, kind: type[Message]) -> list[Message]:
        found = [read(request.body) for request, _ in self.sent]
        return [message for message in found if isinstance(message, kind)]


class World:
    """One registry and the hands that drive it."""

    def __init__(self, service: DeviceService, sip: FakeSip, bus: Bus, now: FakeClock) -> None:
        self.service = service
        self.sip = sip
        self.now = now
        self.states: list[tuple[str, str, str]] = []
        self.events: Subscription = bus.subscribe()
        self._cseq = 0
        self._sn = 0
        service.on_state.append(lambda *change: self.states.append(change))

    # --- what a device sends ------------------------------------------------------------------

    def message_of(self, text: str, flow: Flow, body: bytes = b"") -> FakeTx:
        raw = text.strip().replace("\n", "\r\n").encode() + b"\r\n"
        raw += b"Content-Length: %d\r\n\r\n" % len(body) + body
        request = parse_datagram(raw)
        assert isinstance(request, Request)
        return FakeTx(request, flow)

    def register(
        self,
        device_id: str = CAMERA,
        flow: Flow | None = None,
        *,
        authorization: str | None = None,
        expires: int | None = 3600,
        contact: str | None = None,
        uri: str = f"sip:{SERVER}@{DOMAIN}",
        version: str | None = None,
        rport: bool = True,
        via_port: int = 5060,
        extra: str = "",
    ) -> FakeTx:
        """One REGISTER request, as it comes; see `login` for the two of them."""
        flow = flow or udp()
        self._cseq += 1
        contact = f"<sip:{device_id}@10.9.9.9:5060>" if contact is None else contact
        lines = [
            f"REGISTER {uri} SIP/2.0",
            f"Via: SIP/2.0/{flow.transport.upper()} 10.9.9.9:{via_port}"
            + (";rport" if rport else "")
            + f";branch=z9hG4bK{self._cseq}",
            f"From: <sip:{device_id}@{DOMAIN}>;tag=f",
            f"To: <sip:{device_id}@{DOMAIN}>",
            "Call-ID: reg",
            f"CSeq: {self._cseq} REGISTER",
            "User-Agent: nx-ipc/1.0",
        ]
        if contact:
            lines.append(f"Contact: {contact}")
        if expires is not None:
            lines.append(f"Expires: {expires}")
        if version is not None:
            lines.append(f"X-GB-Ver: {version}")
        if authorization is not None:
            lines.append(f"Authorization: {authorization}")
        if extra:
            lines.append(extra)
        tx = self.message_of("\n".join(lines), flow)
        self.service.on_register(tx)  # type: ignore[arg-type]
        return tx

    def login(
        self,
        device_id: str = CAMERA,
        flow: Flow | None = None,
        *,
        password: str = PASSWORD,
        digest_uri: str = f"sip:{SERVER}@{DOMAIN}",
        **more: Any,
    ) -> FakeTx:
        """Both round trips; the second answer."""
        first = self.register(device_id, flow, **more)
        if first.status != 401:
            return first
        challenge = first.headers.get("WWW-Authenticate")
        assert challenge is not None
        authorization = build_authorization(
            challenge, "REGISTER", digest_uri, device_id, password, "cnonce"
        )
        return self.register(device_id, flow, authorization=authorization, **more)

    def message(self, body: bytes, device_id: str = CAMERA, flow: Flow | None = None) -> FakeTx:
        self._cseq += 1
        flow = flow or udp()
        text = f"""
MESSAGE sip:{SERVER}@{DOMAIN} SIP/2.0
Via: SIP/2.0/{flow.transport.upper()} 10.9.9.9:5060;rport;branch=z9hG4bKm{self._cseq}
From: <sip:{device_id}@{DOMAIN}>;tag=f
To: <sip:{SERVER}@{DOMAIN}>
Call-ID: m{self._cseq}
CSeq: {self._cseq} MESSAGE
Content-Type: Application/MANSCDP+xml
"""
        tx = self.message_of(text, flow, body)
        self.service.on_message(tx)  # type: ignore[arg-type]
        return tx

    def keepalive(self, device_id: str = CAMERA, flow: Flow | None = None) -> FakeTx:
        self._sn += 1
        return self.message(keepalive_body(device_id, self._sn), device_id, flow)

    # --- what a test waits for ----------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let the deadlines take effect."""
        self.now.advance(seconds)
        self.service._estate.expire()

    async def asked(self, kind: type[Message], count: int = 1) -> list[Message]:
        """Wait until the platform has sent so many queries of a kind."""
        async with asyncio.timeout(10):
            while len(found := self.sip.queries(kind)) < count:
                self.sip.came.clear()
                await self.sip.came.wait()
        return found

    async def catalog_sn(self, count: int = 1) -> str:
        return (await self.asked(CatalogQuery, count))[count - 1].sn

    def heard(self) -> list[Event]:
        """Events on the bus since the last call."""
        found = list(self.events._queue)
        self.events._queue.clear()
        return found

    def state(self, device_id: str = CAMERA) -> str:
        device = self.service.device(device_id)
        return "none" if device is None else device.state.value


def keepalive_body(device_id: str, sn: int) -> bytes:
    return (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
        f"<SN>{sn}</SN>\r\n<DeviceID>{device_id}</DeviceID>\r\n<Status>OK</Status>\r\n"
        "</Notify>\r\n"
    ).encode()


def item(code: str, name: str = "", **fields: str) -> str:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in fields.items())
    return f"<Item><DeviceID>{code}</DeviceID><Name>{name or code}</Name>{inner}</Item>"


def catalog_body(device_id: str, sn: str, total: int, items: Iterable[str]) -> bytes:
    listed = list(items)
    return (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Response><CmdType>Catalog</CmdType>'
        f"<SN>{sn}</SN><DeviceID>{device_id}</DeviceID><SumNum>{total}</SumNum>"
        f'<DeviceList Num="{len(listed)}">{"".join(listed)}</DeviceList></Response>\r\n'
    ).encode("gb18030")


def info_body(device_id: str, sn: str, name: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Response><CmdType>DeviceInfo</CmdType>'
        f"<SN>{sn}</SN><DeviceID>{device_id}</DeviceID><DeviceName>{name}</DeviceName>"
        "<Result>OK</Result><Manufacturer>NxCam</Manufacturer><Model>NX-1</Model>"
        "<Firmware>1.2.3</Firmware><Channel>2</Channel></Response>\r\n"
    ).encode("gb18030")


@asynccontextmanager
async def world(
    data_dir: Path, now: FakeClock | None = None, **options: Any
) -> AsyncIterator[World]:
    """A registry on the data directory; closing it is a clean stop."""
    now = now or FakeClock()
    clock = Clock(now, lambda: CIVIL + timedelta(seconds=now.now - FakeClock().now))
    settings = DeviceOptions(
        **{
            "server_id": SERVER,
            "domain": DOMAIN,
            "default_password": PASSWORD,
            "tree_interval_s": 0.001,
            "catalog_backoff_s": 0.01,
            **options,
        }
    )
    store = await Store.open(None, data_dir, StoreOptions(flush_interval_s=0.02))
    bus, sip = Bus(), FakeSip()
    service = DeviceService(
        settings,
        store=store,
        bus=bus,
        sip=sip,  # type: ignore[arg-type]
        nonce_key=b"k" * 32,
        clock=clock,
    )
    await service.start()
    try:
        yield World(service, sip, bus, now)
    finally:
        await service.aclose()
        await store.aclose()


__all__ = [
    "CAMERA",
    "NVR",
    "PASSWORD",
    "SERVER",
    "CatalogQuery",
    "DeviceInfoQuery",
    "FakeTx",
    "World",
    "catalog_body",
    "info_body",
    "item",
    "keepalive_body",
    "tcp",
    "udp",
    "world",
]
