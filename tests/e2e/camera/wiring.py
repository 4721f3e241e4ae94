"""The SIP socket of a camera: UDP, or one TCP connection used both ways."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable

from .loop import Loop
from .text import Framer, Msg, parse

_PIECE_GAP_S = 0.004

OnMessage = Callable[[Msg, tuple[str, int]], None]


class UdpWire:
    """A bound datagram socket."""

    name = "udp"

    def __init__(self, loop: Loop, host: str, port: int, on_message: OnMessage) -> None:
        self._loop = loop
        self._on_message = on_message
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, port))
        self.local: tuple[str, int] = self._socket.getsockname()
        self.open = True
        loop.watch(self._socket, selectors.EVENT_READ, self._on_ready)

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        if self.open:
            # A refused port on loopback shows up here; to a camera it is just a lost datagram.
            with contextlib.suppress(ConnectionError, BlockingIOError):
                self._socket.sendto(data, peer)

    def close(self) -> None:
        self.open = False
        self._loop.unwatch(self._socket)
        self._socket.close()

    def _on_ready(self, _events: int) -> None:
        for _ in range(64):
            try:
                data, peer = self._socket.recvfrom(65535)
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            self._on_message(parse(data), peer)


class TcpWire:
    """A client connection to the platform. Connects at once, blocking for at most 3 s."""

    name = "tcp"

    def __init__(
        self, loop: Loop, host: str, server: tuple[str, int], on_message: OnMessage
    ) -> None:
        self._loop = loop
        self._on_message = on_message
        self._framer = Framer()
        self._out: deque[bytes] = deque()
        self._busy = False
        self._peer = server
        self._socket = socket.create_connection(server, timeout=3, source_address=(host, 0))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local: tuple[str, int] = self._socket.getsockname()
        self.open = True
        self.ended = ""
        loop.watch(self._socket, selectors.EVENT_READ, self._on_ready)

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        self.send_pieces([data])

    def send_pieces(self, pieces: list[bytes]) -> None:
        """Each piece leaves as a segment of its own, a few milliseconds after the one before."""
        self._out.extend(pieces)
        if not self._busy:
            self._next()

    def close(self) -> None:
        self.open = False
        self._loop.unwatch(self._socket)
        self._socket.close()

    def reset(self) -> None:
        """Cut the connection with a RST, as a rebooting camera's kernel does."""
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        self.close()

    def _next(self) -> None:
        self._busy = bool(self._out)
        if not self._out or not self.open:
            self._busy = False
            return
        piece = self._out.popleft()
        try:
            sent = self._socket.send(piece)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(repr(error))
            return
        if sent < len(piece):
            self._out.appendleft(piece[sent:])
        if self._out:
            self._loop.later(_PIECE_GAP_S, self._next)
        else:
            self._busy = False

    def _on_ready(self, _events: int) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(repr(error))
            return
        if not data:
            self._lost("closed by the platform")
            return
        for message in self._framer.feed(data):
            self._on_message(message, self._peer)

    def _lost(self, reason: str) -> None:
        self.ended = reason
        self.close()


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def headers_then_body(data: bytes) -> list[bytes]:
    head, gap, body = data.partition(b"\r\n\r\n")
    half = len(body) // 2
    return [piece for piece in (head + gap, body[:half], body[half:]) if piece]
