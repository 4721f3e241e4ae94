"""The loudspeaker of a camera: takes the broadcast notification, calls the platform, and listens.

Decides nothing about registration; `Desk` is what it needs of the camera around it. A talk of 2016
(`s=Talk`) is taken here, too: then the platform calls, and the camera's microphone answers with a
tone.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Protocol

from . import bodies, text
from .calls import OpenCall
from .exchange import Answer
from .loop import Loop, Timer
from .text import Msg

Peer = tuple[str, int]

RESPONSE = """<?xml version="1.0"{label}?>
<Response>
<CmdType>Broadcast</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<Result>{result}</Result>
</Response>
"""

INVITE = """
INVITE sip:{server_id}@{platform} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: <sip:{caller}@{domain}>;tag={tag}
To: <sip:{source_id}@{domain}>
Call-ID: {call_id}
CSeq: {cseq} INVITE
Contact: <sip:{device_id}@{via}>
Max-Forwards: 70
{extra}
Content-Type: APPLICATION/SDP
"""

AGAIN = """
INVITE {target} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} INVITE
Contact: <sip:{device_id}@{via}>
Max-Forwards: 70
Content-Type: APPLICATION/SDP
"""

ACK = """
ACK {target} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} ACK
Max-Forwards: 70
"""

CANCEL = """
CANCEL sip:{server_id}@{platform} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} CANCEL
Max-Forwards: 70
"""

OFFER = """v=0
o={caller} 0 0 IN IP4 {host}
s=Play
c=IN IP4 {host}
t=0 0
m=audio {port} {proto} {payloads}
{setup}
a=recvonly
{maps}
{y}
f=v/////a/1/8/1
"""

TALK_ANSWER = """v=0
o={device_id} 0 0 IN IP4 {host}
s=Talk
c=IN IP4 {host}
t=0 0
m=audio {port} {proto} 8
{setup}
a=sendrecv
a=rtpmap:8 PCMA/8000
y={y}
f=v/////a/1/8/1
"""

TONE = bytes.fromhex("34212134B4A1A1B4") * 20
"""20 ms of the 1 kHz tone of ITU-T G.711 table 5, A-law."""
PACKET_S = 0.02


@dataclass(slots=True)
class Ear:
    """How a loudspeaker behaves; a test may change it at any time."""

    result: str = "OK"
    """Of its Response; empty: none is sent."""
    invites: bool = True
    """False: agrees and never calls."""
    invite_first: bool = False
    """The INVITE overtakes the Response."""
    transport: str = "udp"
    """`udp`; `active`: TCP, the camera connects; `passive`: TCP, the camera listens."""
    early: bool = False
    """Connects right after the 200, before its ACK (Dahua)."""
    connects: bool = True
    """False: TCP active, but never connects."""
    payloads: str = "8"
    maps: str = "a=rtpmap:8 PCMA/8000"
    host: str = ""
    """c= when not the true one."""
    y: str = ""
    """y= line of its offer, ten digits."""
    caller: str = ""
    """From and o= when not the target."""
    subject: bool = True
    acks: bool = True
    bye_after: float | None = None
    """Hangs up so long after the ACK."""
    cancel: bool = False
    """CANCEL right behind its INVITE."""
    talk_status: int = 0
    """Answer to `s=Talk`: 0 takes the call, else refuses with this."""
    answer_bye: bool = True


@dataclass(slots=True, eq=False)
class Hearing:
    """One call of the loudspeaker."""

    call_id: str
    target: str
    transport: str
    """As the sessions of the platform say it."""
    local: Peer
    state: str = "early"
    """early, confirmed, over"""
    status: int = 0
    """Final answer to the INVITE."""
    answer: dict[str, str] = field(default_factory=dict)
    """The parts of the platform's SDP."""
    packets: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sources: set[Peer] = field(default_factory=set)
    ended_by: str = ""
    request: Msg | None = None
    response: Msg | None = None
    cseq_out: int = 20
    branch: str = ""
    sock: socket.socket | None = None
    listener: socket.socket | None = None
    rest: bytes = b""
    talks: bool = False
    spoken: int = 0
    timer: Timer | None = None
    repeat: bytes = b""

    @property
    def samples(self) -> bytes:
        """Of all packets in their order, when they are bare G.711A."""
        return b"".join(packet[12:] for packet in self.packets)

    @property
    def heads(self) -> list[tuple[int, int, int, int, int]]:
        """(marker, payload type, sequence, timestamp, ssrc) of every packet."""
        out = []
        for packet in self.packets:
            first, second, sequence, stamp, ssrc = struct.unpack(">BBHII", packet[:12])
            assert first == 0x80, packet[:12]
            out.append((second >> 7, second & 0x7F, sequence, stamp, ssrc))
        return out

    @property
    def platform(self) -> Peer:
        return self.answer.get("host", ""), int(self.answer.get("port", "0"))


class Desk(Protocol):
    """The camera as its loudspeaker sees it."""

    loop: Loop
    device_id: str
    server_id: str
    server: Peer
    domain: str
    host: str
    charset: str
    label: str
    t1: float

    def here(self) -> str: ...
    def ask(self, template: str, body: bytes = b"", **values: object) -> Answer: ...
    def post(self, body: bytes) -> Answer: ...
    def proto(self) -> str: ...
    def send(self, data: bytes, peer: Peer | None = None) -> None: ...
    def respond(
        self, request: Msg, peer: Peer, status: int, *, tag: str = "", extra: str = "",
        body: bytes = b"",
    ) -> bytes: ...  # fmt: skip


class Speaker:
    """All calls of one camera's loudspeakers. Runs in the loop's thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.ear = Ear()
        self.calls: dict[str, Hearing] = {}
        self.notified: list[str] = []
        """TargetID of every notification."""

    # -- from the test's thread --------------------------------------------------------------

    def open_calls(self) -> list[OpenCall]:
        """What it believes is going on."""
        return [
            OpenCall(
                call.call_id,
                call.target,
                call.transport,
                int(call.answer.get("y") or 0),
                call.platform,
                call.local,
                call.state == "confirmed",
                False,
            )
            for call in self.calls.values()
            if call.state != "over"
        ]

    def last(self) -> Hearing:
        return list(self.calls.values())[-1]

    def call(self, target: str = "", *, how: Ear | None = None) -> Hearing:
        """INVITE the platform, whether it asked for that or not."""
        return self._desk.loop.run_in(lambda: self._invite(target or self._desk.device_id, how))

    def hang_up(self, call: Hearing | None = None) -> None:
        found = call or self.last()
        self._desk.loop.run_in(lambda: self._bye(found, "BYE of the camera"))

    def drop_connection(self, call: Hearing | None = None) -> None:
        """TCP: the connection is closed and nothing is said."""
        found = call or self.last()
        self._desk.loop.run_in(lambda: self._close_sockets(found))

    def again(self, call: Hearing, *, port: int | None = None) -> Answer:
        """A re-INVITE inside the call."""

        def action() -> Answer:
            call.cseq_out += 1
            return self._again(call, self._offer(call, self.ear, port=port))

        return self._desk.loop.run_in(action)

    # -- broadcast -----------------------------------------------------------------------------

    def on_notify(self, message: Msg) -> None:
        target = message.xml("TargetID")
        self.notified.append(target)
        ear = self.ear
        if ear.invite_first:
            self._invite(target, ear)
        if not ear.result:
            return
        answer = self._desk.post(
            bodies.fill(
                RESPONSE,
                self._desk.charset,
                self._desk.label,
                sn=message.xml("SN"),
                device_id=target,
                result=ear.result,
            )
        )
        if ear.result == "OK" and ear.invites and not ear.invite_first:

            def answered(final: Msg | None) -> None:
                if final is not None and final.status == 200:
                    self._invite(target, ear)

            answer.then(answered)

    def _invite(self, target: str, how: Ear | None) -> Hearing:
        ear, desk = how or self.ear, self._desk
        transport = {"udp": "udp", "active": "tcp-passive", "passive": "tcp-active"}[ear.transport]
        call = Hearing(secrets.token_hex(8), target, transport, (desk.host, 0))
        self.calls[call.call_id] = call
        self._open(call)
        caller = ear.caller or target
        tag = secrets.token_hex(4)
        subject = f"Subject: {desk.server_id}:0100000001,{target}:1" if ear.subject else ""
        values: dict[str, object] = {
            "platform": f"{desk.server[0]}:{desk.server[1]}",
            "source_id": desk.server_id,
            "caller": caller,
            "tag": tag,
            "call_id": call.call_id,
            "cseq": call.cseq_out,
            "extra": subject,
            "branch": f"z9hG4bK{secrets.token_hex(8)}",
        }
        call.branch = str(values["branch"])
        answer = desk.ask(INVITE, self._offer(call, ear), **values)
        local = f"<sip:{caller}@{desk.domain}>;tag={tag}"
        remote = f"<sip:{desk.server_id}@{desk.domain}>"
        call.request = text.parse(
            f"INVITE x SIP/2.0\r\nFrom: {local}\r\nTo: {remote}\r\n\r\n".encode()
        )
        answer.then(lambda final: self._answered(call, ear, final))
        if ear.cancel:
            desk.ask(
                CANCEL,
                platform=values["platform"],
                branch=call.branch,
                local=local,
                remote=remote,
                call_id=call.call_id,
                cseq=call.cseq_out,
            )
        return call

    def _offer(self, call: Hearing, ear: Ear, *, port: int | None = None) -> bytes:
        tcp = ear.transport != "udp"
        own = call.local[1] if ear.transport != "active" else 9
        return bodies.sdp(
            OFFER,
            caller=ear.caller or call.target,
            host=ear.host or self._desk.host,
            port=own if port is None else port,
            proto="TCP/RTP/AVP" if tcp else "RTP/AVP",
            payloads=ear.payloads,
            maps=ear.maps,
            setup=f"a=setup:{ear.transport}\na=connection:new" if tcp else "",
            y=f"y={ear.y}" if ear.y else "",
        )

    def _answered(self, call: Hearing, ear: Ear, final: Msg | None) -> None:
        if final is None:
            self._close(call, "no answer")
            return
        call.status, call.response = final.status, final
        if final.status != 200:
            self._ack(call, final)
            self._close(call, f"refused with {final.status}")
            return
        call.answer = read_audio(final.body)
        if call.transport == "tcp-passive" and ear.connects and ear.early:
            self._connect(call)
        if not ear.acks:
            return
        self._ack(call, final)
        call.state = "confirmed"
        if call.transport == "tcp-passive" and ear.connects and not ear.early:
            self._connect(call)
        if ear.bye_after is not None:
            self._desk.loop.later(ear.bye_after, lambda: self._bye(call, "BYE of the camera"))

    def on_late_response(self, response: Msg) -> None:
        """A 200 that comes again: its ACK was lost."""
        call = self.calls.get(response.call_id)
        if call is not None and response.method == "INVITE" and call.state == "confirmed":
            self._ack(call, response)

    def _ack(self, call: Hearing, final: Msg) -> None:
        branch = call.branch if final.status != 200 else f"z9hG4bK{secrets.token_hex(8)}"
        desk = self._desk
        target = text.uri_of(final.header("Contact")) or f"sip:{desk.server_id}@{desk.domain}"
        data = text.wire(
            ACK,
            target=target,
            proto=desk.proto(),
            via=desk.here(),
            branch=branch,
            local=final.header("From"),
            remote=final.header("To"),
            call_id=call.call_id,
            cseq=final.cseq,
        )
        desk.send(data)

    def _again(self, call: Hearing, offer: bytes) -> Answer:
        assert call.response is not None
        desk = self._desk
        answer = desk.ask(
            AGAIN,
            offer,
            target=text.uri_of(call.response.header("Contact")),
            local=call.response.header("From"),
            remote=call.response.header("To"),
            call_id=call.call_id,
            cseq=call.cseq_out,
        )
        answer.then(lambda final: self._ack(call, final) if final is not None else None)
        return answer

    # -- talk of 2016 --------------------------------------------------------------------------

    def on_invite(self, invite: Msg, peer: Peer) -> bool:
        """`s=Talk` of the platform; False for anything else."""
        if b"s=Talk" not in invite.body:
            return False
        known = self.calls.get(invite.call_id)
        if known is not None:
            if known.repeat:
                self._desk.send(known.repeat, peer)
            return True
        ear = self.ear
        if ear.talk_status:
            self._desk.respond(invite, peer, ear.talk_status)
            return True
        offer = read_audio(invite.body)
        udp = "TCP" not in offer["proto"]
        transport = "udp" if udp else f"tcp-{offer['setup']}"
        call = Hearing(invite.call_id, text.uri_user(invite.start), transport, (self._desk.host, 0))
        call.answer, call.request, call.talks = offer, invite, True
        self.calls[call.call_id] = call
        self._open(call)
        setup = {"tcp-passive": "active", "tcp-active": "passive"}.get(transport, "")
        body = bodies.sdp(
            TALK_ANSWER,
            device_id=call.target,
            host=ear.host or self._desk.host,
            port=9 if transport == "tcp-passive" else call.local[1],
            proto=offer["proto"],
            setup=f"a=setup:{setup}\na=connection:new" if setup else "",
            y=offer["y"],
        )
        call.repeat = text.response(
            invite,
            200,
            secrets.token_hex(4),
            f"Contact: <sip:{call.target}@{self._desk.here()}>\nContent-Type: application/sdp",
            body,
        )
        call.response = text.parse(call.repeat)
        self._desk.send(call.repeat, peer)
        return True

    def on_ack(self, ack: Msg) -> bool:
        call = self.calls.get(ack.call_id)
        if call is None or not call.talks:
            return False
        if call.state == "early":
            call.state = "confirmed"
            if call.transport == "tcp-passive":
                self._connect(call)
            self._speak(call)
        return True

    def _speak(self, call: Hearing) -> None:
        """The camera's microphone: a tone, 50 packets a second."""
        if call.state == "over":
            return
        n = call.spoken
        packet = struct.pack(">BBHII", 0x80, 8, n & 0xFFFF, n * 160, 77) + TONE
        with contextlib.suppress(OSError):
            if call.sock is not None and call.transport == "udp":
                call.sock.sendto(packet, call.platform)
                call.spoken += 1
            elif call.sock is not None:
                call.sock.send(struct.pack(">H", len(packet)) + packet)
                call.spoken += 1
        call.timer = self._desk.loop.later(PACKET_S, lambda: self._speak(call))

    # -- both ----------------------------------------------------------------------------------

    def on_bye(self, bye: Msg, peer: Peer) -> bool:
        call = self.calls.get(bye.call_id)
        if call is None:
            return False
        over = call.state == "over"
        self._close(call, call.ended_by or "BYE of the platform")
        if self.ear.answer_bye:
            self._desk.respond(bye, peer, 481 if over else 200)
        return True

    def on_cancel(self, cancel: Msg, peer: Peer) -> bool:
        call = self.calls.get(cancel.call_id)
        if call is None:
            return False
        self._desk.respond(cancel, peer, 200)
        return True

    def _bye(self, call: Hearing, why: str) -> None:
        if call.state == "over" or call.response is None:
            return
        self._close(call, why)
        call.cseq_out += 1
        ours, theirs = ("To", "From") if call.talks else ("From", "To")
        target = call.request if call.talks else call.response
        assert target is not None
        self._desk.ask(
            text.BYE,
            cseq=call.cseq_out,
            call_id=call.call_id,
            target=text.uri_of(target.header("Contact")),
            local=call.response.header(ours),
            remote=call.response.header(theirs),
        )

    def drop_all(self, why: str) -> None:
        for call in self.calls.values():
            self._close(call, why)

    def _close(self, call: Hearing, why: str) -> None:
        if call.state != "over":
            call.state, call.ended_by = "over", why
        if call.timer is not None:
            call.timer.cancel()
        self._close_sockets(call)

    def _close_sockets(self, call: Hearing) -> None:
        for sock in (call.sock, call.listener):
            if sock is not None:
                self._desk.loop.unwatch(sock)
                sock.close()
        call.sock = call.listener = None

    # -- sockets -------------------------------------------------------------------------------

    def _open(self, call: Hearing) -> None:
        loop, host = self._desk.loop, self._desk.host
        if call.transport == "udp":
            call.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            call.sock.setblocking(False)
            call.sock.bind((host, 0))
            call.local = call.sock.getsockname()
            loop.watch(call.sock, selectors.EVENT_READ, lambda _: self._datagrams(call))
        elif call.transport == "tcp-active":
            call.listener = socket.create_server((host, 0))
            call.listener.setblocking(False)
            call.local = call.listener.getsockname()
            loop.watch(call.listener, selectors.EVENT_READ, lambda _: self._accept(call))

    def _connect(self, call: Hearing) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind((self._desk.host, 0))
        call.local = sock.getsockname()
        code = sock.connect_ex(call.platform)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            return

        def ready(_events: int) -> None:
            self._desk.loop.unwatch(sock)
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or call.state == "over":
                sock.close()
                return
            self._take(call, sock)

        self._desk.loop.watch(sock, selectors.EVENT_WRITE, ready)

    def _accept(self, call: Hearing) -> None:
        if call.listener is None:
            return  # closed by what came in the same look
        with contextlib.suppress(BlockingIOError):
            sock, peer = call.listener.accept()
            sock.setblocking(False)
            call.sources.add(peer)
            self._take(call, sock)

    def _take(self, call: Hearing, sock: socket.socket) -> None:
        call.sock = sock
        self._desk.loop.watch(sock, selectors.EVENT_READ, lambda _: self._stream(call))

    def _datagrams(self, call: Hearing) -> None:
        while call.sock is not None:
            try:
                data, peer = call.sock.recvfrom(65535)
            except (BlockingIOError, ConnectionError):
                return
            call.sources.add(peer)
            self._heard(call, data)

    def _stream(self, call: Hearing) -> None:
        if call.sock is None:
            return  # closed by what came in the same look
        try:
            data = call.sock.recv(65535)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._desk.loop.unwatch(call.sock)
            return
        call.rest += data
        while len(call.rest) >= 2:
            size = int.from_bytes(call.rest[:2], "big")
            if len(call.rest) < 2 + size:
                break
            self._heard(call, call.rest[2 : 2 + size])
            call.rest = call.rest[2 + size :]

    def _heard(self, call: Hearing, packet: bytes) -> None:
        call.packets.append(packet)
        call.times.append(time.monotonic())


def read_audio(body: bytes) -> dict[str, str]:
    """The parts of the platform's SDP a loudspeaker looks at."""
    found = dict.fromkeys(("host", "port", "proto", "payload", "setup", "y", "direction"), "")
    for line in body.decode("latin-1").replace("\r\n", "\n").split("\n"):
        kind, _, value = line.partition("=")
        if kind == "c":
            found["host"] = value.split()[-1]
        elif kind == "m" and value.startswith("audio"):
            _, found["port"], found["proto"], found["payload"] = value.split()[:4]
        elif kind == "y":
            found["y"] = value.strip()
        elif kind == "a" and value.startswith("setup:"):
            found["setup"] = value[6:].strip()
        elif kind == "a" and value.strip() in ("sendonly", "recvonly", "sendrecv"):
            found["direction"] = value.strip()
    return found
