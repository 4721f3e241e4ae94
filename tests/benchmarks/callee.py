"""The called side of the simulated devices: answers INVITE and sends pictures until BYE.

Answers at once and correctly; what can go wrong in a call is for the end-to-end tests.
"""

from __future__ import annotations

import errno
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from .footage import FPS, TICKS, Moment, moments
from .wire import answer

_USER = re.compile(rb"INVITE sip:(\d+)@")
_CALL_ID = re.compile(rb"(?i)\r\nCall-ID: *([^\r]+)")
_PORT = re.compile(rb"m=video (\d+) (\S+)")
_HOST = re.compile(rb"c=IN IP4 ([0-9.]+)")
_SSRC = re.compile(rb"y=(\d+)")


class Loop(Protocol):
    """What of `devices.Devices` is used here."""

    def at(self, moment: float, call: Callable[[], None]) -> None: ...
    def watch(self, sock: socket.socket, events: int, call: Callable[[], None]) -> None: ...
    def unwatch(self, sock: socket.socket) -> None: ...


class Stream:
    """The pictures of one call."""

    def __init__(self, name: str, sock: socket.socket, ssrc: int, tcp: bool) -> None:
        self.name, self.sock, self.ssrc, self.tcp = name, sock, ssrc, tcp
        self.sequence = 65500  # close to the wrap, so that every run crosses it
        self.number = 0
        self.started = 0.0
        self.backlog = b""
        self.over = False


class Studio:
    """All streams that are being sent."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._moments: list[Moment] = []
        self._streams: dict[str, Stream] = {}
        self.counts: Counter[str] = Counter()
        self.on_first: Callable[[str], None] = lambda name: None

    def load(
        self, width: int, height: int, bit_rate: int, seconds: int, gop: int
    ) -> tuple[float, float]:
        """Choose the pictures; returns packets and bits per second of a stream."""
        self._moments = moments(width, height, bit_rate, seconds, gop)
        share = FPS / len(self._moments)
        packets = sum(len(m.datagrams) for m in self._moments)
        return packets * share, 8 * sum(len(m.data) for m in self._moments) * share

    def begin(self, mode: str, to: tuple[str, int], ssrc: int, name: str) -> None:
        """A stream over UDP, or over a TCP connection we make."""
        tcp = mode != "udp"
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        sock.setblocking(False)
        code = sock.connect_ex(to)
        assert code in (0, errno.EINPROGRESS), errno.errorcode[code]
        stream = self._streams[name] = Stream(name, sock, ssrc, tcp)

        def ready() -> None:
            if tcp:
                self._loop.unwatch(sock)
            stream.started = time.monotonic()
            self._tick(stream)

        if tcp:
            self._loop.watch(sock, select.EPOLLOUT, ready)
        else:
            ready()

    def stop(self, name: str) -> None:
        stream = self._streams.pop(name, None)
        if stream is not None:
            stream.over = True
            self._loop.unwatch(stream.sock)
            stream.sock.close()

    def stop_all(self) -> None:
        for name in list(self._streams):
            self.stop(name)

    def _tick(self, stream: Stream) -> None:
        if stream.over:
            return
        number = stream.number
        stream.number += 1
        moment = self._moments[number % len(self._moments)]
        stream.sequence = moment.write(stream.sequence, number * TICKS, stream.ssrc)
        if stream.tcp:
            self._send_tcp(stream, moment)
        else:
            self._send_udp(stream, moment)
        if number == 0:
            self.on_first(stream.name)
        self.counts["frames"] += 1
        due = stream.started + stream.number / FPS
        if time.monotonic() > due + 1 / FPS:
            self.counts["late"] += 1
        self._loop.at(due, lambda: self._tick(stream))

    def _send_udp(self, stream: Stream, moment: Moment) -> None:
        send = stream.sock.send
        for datagram in moment.datagrams:
            try:
                send(datagram)
            except (BlockingIOError, ConnectionRefusedError):
                self.counts["unsent"] += 1

    def _send_tcp(self, stream: Stream, moment: Moment) -> None:
        try:
            if stream.backlog:
                stream.backlog += moment.data
                sent = stream.sock.send(stream.backlog)
                stream.backlog = stream.backlog[sent:]
                self.counts["blocked"] += 1
            else:
                sent = stream.sock.send(moment.data)
                if sent < len(moment.data):
                    stream.backlog = bytes(moment.data[sent:])
        except BlockingIOError:
            if not stream.backlog:
                stream.backlog = bytes(moment.data)
        except OSError:
            self.counts["cut"] += 1
            self.stop(stream.name)


class Callee:
    """Calls by Call-ID."""

    def __init__(self, loop: Loop) -> None:
        self.studio = Studio(loop)
        self.studio.on_first = self._first_sent
        self._waiting: dict[bytes, tuple[str, str, tuple[str, int], int]] = {}
        self._channels: dict[str, str] = {}
        self.first_pictures: dict[str, float] = {}
        """When the first key frame of a channel's newest call had left, monotonic."""

    def on_request(self, sock: socket.socket, data: bytes) -> None:
        found = _CALL_ID.search(data)
        call_id = found.group(1).strip() if found else b""
        method = data[: data.find(b" ")]
        if method == b"INVITE":
            self._invite(sock, data, call_id)
        elif method == b"ACK":
            if call_id in self._waiting:
                channel, mode, to, ssrc = self._waiting.pop(call_id)
                name = call_id.decode("latin-1")
                self._channels[name] = channel
                self.studio.begin(mode, to, ssrc, name)
        else:
            if method == b"BYE":
                self.studio.stop(call_id.decode("latin-1"))
            sock.send(answer(data, b"callee"))

    def _invite(self, sock: socket.socket, data: bytes, call_id: bytes) -> None:
        user, host = _USER.search(data), _HOST.search(data)
        media, ssrc = _PORT.search(data), _SSRC.search(data)
        assert user, data
        assert host, data
        assert media, data
        assert ssrc, data
        tcp = b"TCP" in media.group(2)
        assert not tcp or b"a=setup:passive" in data, "only the platform's listening side is used"
        to = (host.group(1).decode(), int(media.group(1)))
        channel = user.group(1).decode()
        mode = "tcp" if tcp else "udp"
        self._waiting[call_id] = (channel, mode, to, int(ssrc.group(1)))
        lines = [
            "v=0", f"o={channel} 0 0 IN IP4 127.0.0.1", "s=Play", "c=IN IP4 127.0.0.1", "t=0 0",
            f"m=video 9 {'TCP/' if tcp else ''}RTP/AVP 96", "a=sendonly", "a=rtpmap:96 PS/90000",
            *(["a=setup:active", "a=connection:new"] if tcp else []),
            f"y={ssrc.group(1).decode()}",
        ]  # fmt: skip
        here = "{}:{}".format(*sock.getsockname())
        extra = f"Contact: <sip:{channel}@{here}>\r\nContent-Type: application/sdp\r\n"
        body = "".join(f"{line}\r\n" for line in lines).encode()
        sock.send(answer(data, b"callee", extra.encode(), body))

    def _first_sent(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            self.first_pictures[channel] = time.monotonic()
