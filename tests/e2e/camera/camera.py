"""The camera itself: registers, keeps alive, answers queries and calls, and misbehaves when told.

Every public method may be called from the test's thread; the work is done in the loop's thread.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from . import bodies, digest, recordings, text
from .callee import Callee
from .calls import Call, OpenCall
from .catalog import Pager, device_info
from .elementary import Source
from .exchange import Answer, Exchange
from .faults import Faults
from .history import Entry, History
from .loop import Loop, Timer, shared_loop
from .reporter import Reporter
from .sender import SenderCounters
from .speaker import Speaker
from .text import Msg
from .wiring import TcpWire, UdpWire, headers_then_body, split


@runtime_checkable
class Noting(Protocol):
    """An `on_message` that wants to know before the 200 leaves."""

    def note(self, message: Msg) -> None: ...


class Camera:
    """A camera, or an NVR when it has several items. See `faults.Faults` for what can go wrong."""

    def __init__(
        self,
        device_id: str,
        server: tuple[str, int],
        *,
        server_id: str,
        password: str,
        domain: str = "",
        transport: str = "udp",
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "摄像机",
        manufacturer: str = "NxCam",
        model: str = "NX-2",
        firmware: str = "V5.6.0 build 200101",
        items: Sequence[bodies.Item] | None = None,
        per_page: int = 1,
        charset: str = "gb18030",
        label: str = "GB2312",
        gb_version: str = "",
        expires: int = 3600,
        contact: str = "",
        via: str = "",
        source: Source | Mapping[str, Source] | None = None,
        faults: Faults | None = None,
        max_calls: int = 16,
        t1: float = 0.5,
        loop: Loop | None = None,
    ) -> None:
        self.device_id = device_id
        self.server = server
        self.server_id = server_id
        self.password = password
        self.domain = domain or server_id[:10]
        self.transport = transport
        self.host = host
        self.name, self.manufacturer = name, manufacturer
        self.model, self.firmware = model, firmware
        self.items: list[bodies.Item] = (
            [bodies.channel_item(device_id, name)] if items is None else list(items)
        )
        self.per_page = per_page
        self.charset, self.label = charset, label
        self.gb_version = gb_version
        self.expires = expires
        self.contact = contact
        self.via = via
        """host:port to write in Via (and Contact) instead of the true one."""
        self.faults = faults or Faults()
        self.history = History()
        self.max_calls = max_calls
        self.on_message: Callable[[Msg], bool] | None = None
        """Sees each MESSAGE before the camera answers its command; True = handled."""
        self.last_authorization = ""
        self._sources = source
        self.t1 = t1
        self.records: list[recordings.Record] = []
        """What it recorded, for RecordInfo; a call for any time is served all the same."""
        self.records_per_packet = 2
        self.loop = loop or shared_loop()
        self._exchange = Exchange(self.loop, t1)
        self._sn = itertools.count(1)
        self._nc = itertools.count(1)
        self._cseq = itertools.count(1)
        self._register_call_id = ""
        self._register_tag = ""
        self._keepalive_timer: Timer | None = None
        self._callee = Callee(self)
        self.reporter = Reporter(self)
        """Takes SUBSCRIBE and notifies."""
        self.speaker = Speaker(self)
        """Its loudspeakers and its microphone."""
        self._answered: dict[tuple[str, str, str], bytes] = {}
        self.wire: UdpWire | TcpWire
        self.loop.run_in(lambda: self._open_wire(port))

    # -- life ------------------------------------------------------------------------------

    @property
    def local(self) -> tuple[str, int]:
        return self.wire.local

    def close(self) -> None:
        """Gone without a word: sockets closed, calls forgotten."""

        def action() -> None:
            self._stop_keepalive()
            self._callee.drop_all("camera closed")
            self.speaker.drop_all("camera closed")
            self.wire.close()

        self.loop.run_in(action)

    def vanish(self) -> None:
        """Silent death: power lost. Nothing is answered or sent any more, no BYE, calls gone."""

        def action() -> None:
            self.faults.mute = True
            self._stop_keepalive()
            self._callee.drop_all("power lost")
            self.speaker.drop_all("power lost")

        self.loop.run_in(action)

    def revive(self, port: int = 0) -> None:
        """Power again: a new boot knows no call and has a new port. It does not register itself."""

        def action() -> None:
            self.wire.close()
            self.faults.mute = False
            self._register_call_id = ""
            self._open_wire(port)

        self.loop.run_in(action)

    def move(self, *, host: str = "", port: int = 0) -> None:
        """Another address or port (NAT, DHCP); calls go on. On TCP: a new connection."""

        def action() -> None:
            self.wire.close()
            self.host = host or self.host
            self._open_wire(port)

        self.loop.run_in(action)

    def cut_tcp(self, *, reset: bool = False) -> None:
        def action() -> None:
            assert isinstance(self.wire, TcpWire)
            if reset:
                self.wire.reset()
            else:
                self.wire.close()

        self.loop.run_in(action)

    def _open_wire(self, port: int) -> None:
        if self.transport == "tcp":
            self.wire = TcpWire(self.loop, self.host, self.server, self._on_wire)
        else:
            self.wire = UdpWire(self.loop, self.host, port, self._on_wire)

    # -- registration ----------------------------------------------------------------------

    def register(self, *, expires: int | None = None, timeout: float = 5.0, **how: str) -> Msg:
        """REGISTER, answer one challenge, return the final response, whatever it is."""
        return self.register_later(expires=expires, **how).wait(timeout)

    def register_later(
        self, *, expires: int | None = None, contact: str = "", authorization: str = ""
    ) -> Answer:
        """As `register` without waiting. `authorization`: send this header at once, as it is."""
        life = self.expires if expires is None else expires
        final = Answer(f"REGISTER of {self.device_id}", self.history.ladder)

        def second(first: Msg | None) -> None:
            if first is None:
                final.fail()
            elif first.status == 401 and not authorization:
                self._register_with(self._credentials(first), life, contact).then(last)
            else:
                final.set(first)

        def last(message: Msg | None) -> None:
            if message is None:
                final.fail()
            else:
                final.set(message)

        self.loop.call_soon(lambda: self._register_with(authorization, life, contact).then(second))
        return final

    def unregister(self, *, star: bool = False, timeout: float = 5.0) -> Msg:
        return self.register(expires=0, contact="*" if star else "", timeout=timeout)

    def replay(self, timeout: float = 5.0) -> Msg:
        """The last credentials once more: same nonce, same nc."""
        return self.register(authorization=self.last_authorization, timeout=timeout)

    def _credentials(self, challenge: Msg) -> str:
        self.last_authorization = digest.authorization(
            challenge.header("WWW-Authenticate"),
            method="REGISTER",
            uri=self.faults.digest_uri or f"sip:{self.server_id}@{self.domain}",
            username=self.device_id,
            password=self.password,
            nc=1,
            use_qop=self.faults.use_qop,
        )
        return self.last_authorization

    def _register_with(self, authorization: str, life: int, contact: str) -> Answer:
        if not self._register_call_id:
            self._register_call_id = secrets.token_hex(8)
            self._register_tag = secrets.token_hex(4)
        address = self.contact or f"<sip:{self.device_id}@{self.here()}>"
        extra = [
            f"Expires: {life}" if life >= 0 else "",  # below 0: the header is left out
            f"X-GB-Ver: {self.gb_version}" if self.gb_version else "",
            f"Date: {self.faults.date}" if self.faults.date else "",
            f"Authorization: {authorization}" if authorization else "",
        ]
        return self._request(
            text.REGISTER,
            call_id=self._register_call_id,
            tag=self._register_tag,
            contact=f"Contact: {contact or address}",
            extra="\n".join(line for line in extra if line),
        )

    # -- messages of our own ---------------------------------------------------------------

    def keepalive(self, *, timeout: float = 5.0, sn: int | None = None) -> Msg:
        return self.loop.run_in(lambda: self._keepalive(sn)).wait(timeout)

    def keepalive_every(self, seconds: float) -> None:
        """Keep alive until `stop_keepalive`, `vanish` or `close`; a 403 makes it register again."""
        self.loop.run_in(lambda: self._beat(seconds))

    def stop_keepalive(self) -> None:
        self.loop.run_in(self._stop_keepalive)

    def message(self, body: bytes | str, *, timeout: float = 5.0) -> Msg:
        """Any MESSAGE; text is encoded in the camera's charset with CRLF."""
        data = bodies.encode(body, self.charset) if isinstance(body, str) else body
        return self.post(data).wait(timeout)

    def post(self, body: bytes) -> Answer:
        return self.loop.run_in(lambda: self._message(body))

    def push_catalog(
        self, items: Sequence[bodies.Item], *, sn: str = "900001", sum_num: int | None = None
    ) -> None:
        """A Catalog Response nobody asked for."""
        self.loop.run_in(lambda: self._pager().send(sn, items, self.per_page, sum_num))

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are, from the camera's SIP socket."""
        self.loop.run_in(lambda: self.wire.send(data, self.server))

    def _keepalive(self, sn: int | None = None) -> Answer:
        number = next(self._sn) if sn is None else sn
        return self._message(
            bodies.fill(
                bodies.KEEPALIVE, self.charset, self.label, sn=number, device_id=self.device_id
            )
        )

    def _beat(self, seconds: float) -> None:
        def answered(message: Msg | None) -> None:
            if message is not None and message.status == 403 and not self.faults.mute:
                self.register_later()

        self._keepalive().then(answered)
        self._keepalive_timer = self.loop.later(seconds, lambda: self._beat(seconds))

    def _stop_keepalive(self) -> None:
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()
            self._keepalive_timer = None

    def _message(self, body: bytes) -> Answer:
        return self._request(
            text.MESSAGE, body, call_id=secrets.token_hex(8), tag=secrets.token_hex(4)
        )

    # -- calls -----------------------------------------------------------------------------

    def open_calls(self) -> list[OpenCall]:
        """What this camera believes is going on, early calls included."""

        def action() -> list[OpenCall]:
            calls = [call.describe() for call in self._callee.running()]
            return calls + self.speaker.open_calls()

        found: list[OpenCall] = self.loop.run_in(action)
        return found

    def counters(self, call_id: str) -> SenderCounters:
        sender = self._callee.calls[call_id].sender
        assert sender is not None, "this call never sent media"
        return sender.counters

    def hang_up(self, call_id: str = "", *, timeout: float = 5.0) -> Msg:
        """BYE from the camera for this call (or the only open one)."""
        call = self._callee.pick(call_id)
        return self.loop.run_in(lambda: self._bye(call)).wait(timeout)

    def stop_media(self, call_id: str = "") -> None:
        """The stream stops, the call stays."""
        call = self._callee.pick(call_id)
        self.loop.run_in(lambda: call.sender and call.sender.pause())

    def resume_media(self, call_id: str = "") -> None:
        call = self._callee.pick(call_id)
        self.loop.run_in(lambda: call.sender and call.sender.resume())

    def stall_media(self, call_id: str = "") -> None:
        """TCP media: the connection stays open and nothing more comes."""
        call = self._callee.pick(call_id)
        self.loop.run_in(lambda: call.sender and call.sender.stall())

    def _bye(self, call: Call) -> Answer:
        call.close("BYE of the camera")
        call.cseq_out += 1
        return self._request(
            text.BYE,
            cseq=call.cseq_out,
            call_id=call.call_id,
            target=call.remote_target,
            local=f"{call.invite.header('To')};tag={call.tag}",
            remote=call.invite.header("From"),
        )

    # -- sending ---------------------------------------------------------------------------

    def here(self) -> str:
        host, port = self.wire.local
        return self.via or f"{host}:{port}"

    def proto(self) -> str:
        return self.wire.name.upper()

    def ask(self, template: str, body: bytes = b"", **values: object) -> Answer:
        """A request of its loudspeaker."""
        return self._request(template, body, **values)

    def _request(self, template: str, body: bytes = b"", **values: object) -> Answer:
        branch = str(values.pop("branch", "")) or f"z9hG4bK{secrets.token_hex(8)}"
        values.setdefault("cseq", next(self._cseq))
        data = text.wire(
            template,
            body,
            branch=branch,
            proto=self.wire.name.upper(),
            via=self.here(),
            server_id=self.server_id,
            domain=self.domain,
            device_id=self.device_id,
            **values,
        )
        method = template.split(maxsplit=1)[0]
        answer = Answer(f"{method} of {self.device_id}", self.history.ladder)
        self._exchange.open(
            (branch, method),
            answer,
            lambda: self.send(data),
            repeat=self.wire.name == "udp" and self.faults.retransmit,
        )
        return answer

    def send(self, data: bytes, peer: tuple[str, int] | None = None) -> None:
        faults = self.faults
        if faults.mute or not self.wire.open:
            return
        message = text.parse(data)
        target = peer or self.server
        if faults.drop_out is not None and faults.drop_out(message):
            return
        self.history.add("out", self.wire.name, target, message)
        if isinstance(self.wire, UdpWire):
            self.wire.send(data, target)
        elif faults.body_apart:
            self.wire.send_pieces(headers_then_body(data))
        elif faults.tcp_split:
            self.wire.send_pieces(split(data, faults.tcp_split))
        else:
            self.wire.send(data, target)

    def respond(
        self, request: Msg, peer: tuple[str, int], status: int, *, tag: str = "", extra: str = "",
        body: bytes = b"",
    ) -> bytes:  # fmt: skip
        data = text.response(request, status, tag or secrets.token_hex(4), extra, body)
        if status >= 200:
            self._answered[(request.branch, request.method, request.call_id)] = data
        self.send(data, peer)
        return data

    # -- receiving -------------------------------------------------------------------------

    def _on_wire(self, message: Msg, peer: tuple[str, int]) -> None:
        faults = self.faults
        if faults.mute or (faults.drop_in is not None and faults.drop_in(message)):
            return
        self.history.add("in", self.wire.name, peer, message)
        if not message.is_request:
            if not self._exchange.handle(message):
                self.speaker.on_late_response(message)
            return
        seen = self._answered.get((message.branch, message.method, message.call_id))
        if seen is not None and message.method != "ACK":
            self.send(seen, peer)
            return
        if not self._on_speech(message, peer):
            self._on_request(message, peer)

    def _on_request(self, message: Msg, peer: tuple[str, int]) -> None:
        match message.method:
            case "INVITE":
                self._callee.on_invite(message, peer)
            case "ACK":
                self._callee.on_ack(message)
            case "BYE":
                self._callee.on_bye(message, peer)
            case "CANCEL":
                self._callee.on_cancel(message, peer)
            case "MESSAGE":
                self._on_message(message, peer)
            case "SUBSCRIBE":
                self.reporter.on_subscribe(message, peer)
            case _:
                status, body = self._on_other(message)
                kind = "Content-Type: Application/MANSRTSP" if body else ""
                self.respond(message, peer, status, extra=kind, body=body)

    def _on_speech(self, message: Msg, peer: tuple[str, int]) -> bool:
        """What belongs to a call of the loudspeaker."""
        speaker = self.speaker
        match message.method:
            case "INVITE":
                return speaker.on_invite(message, peer)
            case "ACK":
                return speaker.on_ack(message)
            case "BYE":
                return speaker.on_bye(message, peer)
            case "CANCEL":
                return speaker.on_cancel(message, peer)
        return False

    def _on_message(self, message: Msg, peer: tuple[str, int]) -> None:
        if isinstance(self.on_message, Noting):
            self.on_message.note(message)
        if self.faults.message_status:
            self.respond(message, peer, self.faults.message_status)
        if self.faults.message_status == 200:
            self._on_command(message)

    def _on_command(self, message: Msg) -> None:
        if self.on_message is not None and self.on_message(message):
            return
        if message.xml("CmdType") == "Broadcast":
            self.speaker.on_notify(message)
            return
        if not self.faults.answer_queries or "<Query>" not in message.text:
            return
        sn = self.faults.catalog_sn or message.xml("SN")
        match message.xml("CmdType"):
            case "Catalog":
                self._pager().send(sn, self.items, self.per_page)
            case "RecordInfo":
                self._send_records(message)
            case "DeviceInfo":
                self._message(
                    device_info(
                        self.charset,
                        self.label,
                        sn=message.xml("SN"),
                        device_id=self.device_id,
                        name=self.name,
                        manufacturer=self.manufacturer,
                        model=self.model,
                        firmware=self.firmware,
                        channels=len(self.items),
                    )
                )

    def _send_records(self, query: Msg) -> None:
        packets = recordings.answers(
            self.records,
            sn=query.xml("SN"),
            channel_id=query.xml("DeviceID"),
            start=query.xml("StartTime"),
            end=query.xml("EndTime"),
            per_packet=self.records_per_packet,
            label=self.label or "GB2312",
        )
        for packet in self.faults.arrange_records(packets):
            self._message(packet)

    def _on_other(self, message: Msg) -> tuple[int, bytes]:
        if message.method == "INFO":
            return self._on_info(message)
        return (200 if message.method in ("OPTIONS", "NOTIFY") else 405), b""

    def _on_info(self, info: Msg) -> tuple[int, bytes]:
        call = self._callee.calls.get(info.call_id)
        if call is None or call.sender is None or call.recorded is None:
            return 481, b""
        order = recordings.read_info(info.body)
        if (order.scale is not None or order.seek is not None) and self.faults.info_status != 200:
            return self.faults.info_status, b""
        body = b""
        if order.method == "PAUSE":
            call.sender.pause()
        elif order.scale is not None:
            if order.scale < 0 and self.faults.backwards == "refused":
                return 400, b""
            if order.scale < 0 and self.faults.backwards == "slow":
                order = replace(order, scale=-1.0)
                body = recordings.TAKEN.replace("\n", "\r\n").encode()
            call.sender.run(order.scale or 1.0)
        elif order.seek is not None:
            fps = call.source_fps
            call.sender.seek(int((call.recorded[0] + order.seek) * fps))
        elif order.method == "PLAY":
            call.sender.resume()
        return 200, body

    def recording_sent(self, call: Call) -> None:
        """The last frame of a recording left."""
        how = self.faults.media_status
        if how == "none":
            return
        name = self.device_id if how == "device" else call.channel_id
        body = bodies.encode(
            recordings.MEDIA_STATUS.format(
                label=self.label or "GB2312", sn=next(self._sn), device_id=name
            ),
            self.charset,
        )
        if how != "dialog":
            self._message(body)
            return
        call.cseq_out += 1
        self._request(
            recordings.IN_CALL,
            body,
            cseq=call.cseq_out,
            call_id=call.call_id,
            target=call.remote_target,
            local=f"{call.invite.header('To')};tag={call.tag}",
            remote=call.invite.header("From"),
        )

    def _pager(self) -> Pager:
        def post(body: bytes, answered: Callable[[], None]) -> None:
            self._message(body).then(lambda _message: answered())

        return Pager(self.loop, self.faults, self.device_id, self.charset, self.label, post)

    # -- what its calls ask of it ------------------------------------------------------------

    def channel_ids(self) -> list[str]:
        return [str(item["DeviceID"]) for item in self.items if not isinstance(item, str)]

    def callable_ids(self) -> list[str]:
        return [self.device_id, *self.channel_ids()]

    def source_of(self, channel_id: str) -> Source | None:
        if isinstance(self._sources, Mapping):
            return self._sources.get(channel_id)
        return self._sources

    # -- looking back ----------------------------------------------------------------------

    def received(self, method: str, status: int | None = None) -> list[Entry]:
        return self.history.find("in", method, status)

    def sent(self, method: str, status: int | None = None) -> list[Entry]:
        return self.history.find("out", method, status)

    def wait_received(
        self,
        method: str,
        status: int | None = None,
        match: Callable[[Msg], bool] | None = None,
        *,
        count: int = 1,
        timeout: float = 10.0,
    ) -> Entry:
        return self.history.wait("in", method, status, match, count=count, timeout=timeout)
