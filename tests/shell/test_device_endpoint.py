"""The registry on a real endpoint and a real UDP socket: the seam between the two, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from gb28181.cluster.bus import Bus
from gb28181.device.options import DeviceOptions
from gb28181.device.service import DeviceService
from gb28181.store import Store, StoreOptions
from sip.digest import build_authorization
from sip.endpoint import Endpoint
from sip.errors import ParseError
from sip.flow import Flow
from sip.message import Request, Response
from sip.options import EndpointOptions, ServerTransaction
from sip.parser import parse_datagram
from tests.shell.device_support import (
    CAMERA,
    DOMAIN,
    PASSWORD,
    SERVER,
    catalog_body,
    keepalive_body,
)


class Desk:
    """The handler of the endpoint: devices only."""

    devices: DeviceService

    def on_request(self, tx: ServerTransaction) -> None:
        if tx.request.method == "REGISTER":
            self.devices.on_register(tx)
        else:
            self.devices.on_message(tx)

    def on_ack(self, request: Request, flow: Flow) -> None: ...
    def on_cancel(self, tx: ServerTransaction) -> None: ...
    def on_stray_response(self, response: Response, flow: Flow) -> None: ...
    def on_malformed(self, source: Flow, error: ParseError, sample: bytes) -> bool:
        return self.devices.may_answer_malformed(source)

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        self.devices.on_flow_closed(flow, reason)


class Camera(asyncio.DatagramProtocol):
    """A device on a socket: texts out, parsed messages in."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[Request | Response] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None
        self._cseq = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.inbox.put_nowait(parse_datagram(data))

    def send(self, method: str, body: bytes = b"", extra: str = "") -> None:
        self._cseq += 1
        assert self.transport is not None
        head = (
            f"{method} sip:{SERVER}@{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{self._cseq}\r\n"
            f"From: <sip:{CAMERA}@{DOMAIN}>;tag=c\r\nTo: <sip:{CAMERA}@{DOMAIN}>\r\n"
            f"Call-ID: c{method}\r\nCSeq: {self._cseq} {method}\r\n"
            f"Contact: <sip:{CAMERA}@127.0.0.1>\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        self.transport.sendto(head.encode() + body)

    async def response(self) -> Response:
        async with asyncio.timeout(10):
            message = await self.inbox.get()
        assert isinstance(message, Response)
        return message

    async def request(self) -> Request:
        """The next request, already answered 200."""
        async with asyncio.timeout(10):
            while True:
                message = await self.inbox.get()
                if isinstance(message, Request):
                    break
        assert self.transport is not None
        lines = [f"{n}: {v}" for n, v in message.headers if n in ("Via", "From", "Call-ID", "CSeq")]
        lines.append(f"To: {message.headers.get('To')};tag=x")
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        self.transport.sendto(text.encode())
        return message


async def test_a_camera_registers_lives_and_is_asked(tmp_path: Path) -> None:
    desk = Desk()
    endpoint = Endpoint(EndpointOptions(host="127.0.0.1", port=0), desk)
    store = await Store.open(None, tmp_path, StoreOptions(flush_interval_s=0.02))
    service = desk.devices = DeviceService(
        DeviceOptions(server_id=SERVER, domain=DOMAIN, default_password=PASSWORD),
        store=store,
        bus=Bus(),
        sip=endpoint,
        nonce_key=b"n" * 32,
    )
    await service.start()
    await endpoint.start()
    loop = asyncio.get_running_loop()
    transport, camera = await loop.create_datagram_endpoint(Camera, remote_addr=endpoint.bound)

    camera.send("REGISTER", extra="X-GB-Ver: 2.0\r\n")
    challenge = await camera.response()
    assert (challenge.status, challenge.headers.get("X-GB-Ver")) == (401, "3.0")
    value = challenge.headers.get("WWW-Authenticate") or ""
    answer = build_authorization(value, "REGISTER", f"sip:{SERVER}@x", CAMERA, PASSWORD, "c")
    camera.send("REGISTER", extra=f"Authorization: {answer}\r\nExpires: 3600\r\n")
    done = await camera.response()
    assert (done.status, done.headers.get("Expires")) == (200, "3600")

    info = await camera.request()
    assert b"<CmdType>DeviceInfo</CmdType>" in info.body
    catalog = await camera.request()
    assert b"<CmdType>Catalog</CmdType>" in catalog.body
    sn = catalog.body.partition(b"<SN>")[2].partition(b"</SN>")[0].decode()
    camera.send("MESSAGE", catalog_body(CAMERA, sn, 0, []))
    assert (await camera.response()).status == 200
    route = service.route(CAMERA)
    assert route is not None
    assert route.online
    assert route.flow is not None
    assert route.flow.remote == transport.get_extra_info("sockname")

    camera.send("MESSAGE", keepalive_body(CAMERA, 1))
    alive = await camera.response()
    assert (alive.status, alive.body) == (200, b"")
    assert service.keepalives == 1

    transport.close()
    await service.aclose()
    await endpoint.aclose()
    await store.aclose()
