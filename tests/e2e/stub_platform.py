"""A platform of a hundred lines, only good enough to try the test camera without the product."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

from .camera import Loop, Msg
from .camera.digest import authorization, challenge_values
from .camera.text import Framer, parse, response, wire

INVITE = """
INVITE sip:{channel}@{device} SIP/2.0
Via: SIP/2.0/{proto} {here};rport;branch={branch}
From: <sip:{server_id}@6401000000>;tag=p1
To: <sip:{channel}@6401000000>
Call-ID: {call_id}
CSeq: 1 INVITE
Contact: <sip:{server_id}@{here}>
Max-Forwards: 70
Subject: {channel}:0100000001,{server_id}:0
Content-Type: APPLICATION/SDP
"""

IN_DIALOG = """
{method} sip:{channel}@{device} SIP/2.0
Via: SIP/2.0/{proto} {here};rport;branch={branch}
From: <sip:{server_id}@6401000000>;tag=p1
To: {to}
Call-ID: {call_id}
CSeq: {cseq} {method}
Max-Forwards: 70
"""

QUERY = """
MESSAGE sip:{device_id}@{device} SIP/2.0
Via: SIP/2.0/{proto} {here};rport;branch={branch}
From: <sip:{server_id}@6401000000>;tag=q1
To: <sip:{device_id}@6401000000>
Call-ID: {call_id}
CSeq: 20 MESSAGE
Max-Forwards: 70
Content-Type: Application/MANSCDP+xml
"""

Reply = Callable[[bytes], None]


class StubPlatform:
    """Challenges REGISTER, answers everything else 200, and calls when told."""

    server_id = "64010000002000000001"
    nonce = "6e7800000000aa01"

    def __init__(self, password: str, *, qop: bool = True) -> None:
        self.password = password
        self.challenge = f'Digest realm="6401000000",nonce="{self.nonce}",algorithm=MD5' + (
            ',qop="auth"' if qop else ""
        )
        self.seen: list[Msg] = []
        self.loop = Loop()
        self._udp, self._tcp = _one_port_for_both()
        self.address: tuple[str, int] = self._udp.getsockname()
        self._replies: dict[str, Reply] = {}
        self._open: list[socket.socket] = [self._udp, self._tcp]
        self.loop.run_in(self._watch)

    def close(self) -> None:
        def action() -> None:
            for sock in self._open:
                self.loop.unwatch(sock)
                sock.close()

        self.loop.run_in(action)
        self.loop.stop()

    def wait(self, test: Callable[[Msg], bool], timeout: float = 5.0, count: int = 1) -> Msg:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = [message for message in list(self.seen) if test(message)]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.005)
        raise AssertionError(f"the stub never saw it; it saw {self.seen}")

    def send(self, device_id: str, template: str, body: bytes = b"", /, **values: object) -> None:
        """A request to the device on the flow it was last heard on."""
        here = f"{self.address[0]}:{self.address[1]}"
        values.setdefault("proto", "UDP")
        values.setdefault("device", "camera")
        data = wire(template, body, here=here, server_id=self.server_id, **values)
        self.loop.run_in(lambda: self._replies[device_id](data))

    # -- inside ----------------------------------------------------------------------------

    def _watch(self) -> None:
        self.loop.watch(self._udp, selectors.EVENT_READ, self._on_udp)
        self.loop.watch(self._tcp, selectors.EVENT_READ, self._on_connect)

    def _on_udp(self, _events: int) -> None:
        data, peer = self._udp.recvfrom(65535)
        self._on_message(parse(data), lambda out: self._udp.sendto(out, peer))

    def _on_connect(self, _events: int) -> None:
        sock, _peer = self._tcp.accept()
        self._open.append(sock)
        framer = Framer()

        def readable(_events: int) -> None:
            data = sock.recv(65536)
            if not data:
                self.loop.unwatch(sock)
            for message in framer.feed(data):
                self._on_message(message, sock.sendall)

        self.loop.watch(sock, selectors.EVENT_READ, readable)

    def _on_message(self, message: Msg, reply: Reply) -> None:
        self.seen.append(message)
        if not message.is_request:
            return
        device_id = message.header("From").split("sip:")[1].split("@")[0]
        self._replies[device_id] = reply
        if message.method == "REGISTER":
            status, extra = self._register(message, device_id)
            reply(response(message, status, "p9", extra))
        elif message.method != "ACK":
            reply(response(message, 200, "p9"))

    def _register(self, message: Msg, device_id: str) -> tuple[int, str]:
        given = challenge_values(message.header("Authorization"))
        if not given:
            return 401, f"WWW-Authenticate: {self.challenge}"
        right = challenge_values(
            authorization(
                self.challenge,
                method="REGISTER",
                uri=given["uri"],
                username=device_id,
                password=self.password,
                cnonce=given.get("cnonce", ""),
                use_qop="qop" in given,
            )
        )
        good = given["response"] == right["response"]
        return (200 if good else 403), f"Contact: {message.header('Contact')}"


def _one_port_for_both(tries: int = 20) -> tuple[socket.socket, socket.socket]:
    """The kernel gives a UDP port; somebody else may just have it over TCP: then take another."""
    for left in reversed(range(tries)):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()
            if not left:
                raise
    raise AssertionError("unreachable")
