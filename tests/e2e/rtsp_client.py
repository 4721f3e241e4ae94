"""A small RTSP client of the tests' own: says what it is told, also nonsense."""

from __future__ import annotations

import base64
import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtspAnswer:
    """Status, headers (lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def session(self) -> str:
        return self.headers["session"].partition(";")[0]


class RtspClient:
    """One connection; interleaved frames that come between answers are kept in `frames`."""

    def __init__(
        self, address: tuple[str, int], timeout: float = 20.0, receive_buffer: int = 0
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer:  # before the connection, or the kernel keeps to a larger window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.frames: list[tuple[int, bytes]] = []
        self._buffer = b""
        self._cseq = 0

    def __enter__(self) -> RtspClient:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.socket.close()

    def ask(self, method: str, uri: str, body: bytes = b"", **headers: str) -> RtspAnswer:
        """Send a request and wait for its answer."""
        self.send(method, uri, body, **headers)
        return self.answer()

    def send(self, method: str, uri: str, body: bytes = b"", **headers: str) -> None:
        self.socket.sendall(self.request(method, uri, body, **headers))

    def request(self, method: str, uri: str, body: bytes = b"", **headers: str) -> bytes:
        self._cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def answer(self) -> RtspAnswer:
        """The next answer; frames in front of it are kept."""
        while True:
            self._need(4)
            if self._buffer[0] == 0x24:
                self.frames.append(self._frame())
                continue
            while b"\r\n\r\n" not in self._buffer:
                self._more()
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            pairs = (line.partition(":") for line in lines[1:])
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            size = int(headers.get("content-length", "0"))
            self._need(size)
            body, self._buffer = self._buffer[:size], self._buffer[size:]
            return RtspAnswer(int(lines[0].split()[1]), headers, body)

    def read_frames(self, count: int) -> list[tuple[int, bytes]]:
        """At least so many frames."""
        while len(self.frames) < count:
            self._need(4)
            assert self._buffer[0] == 0x24, self._buffer[:100]
            self.frames.append(self._frame())
        return self.frames

    def unread(self) -> bytes:
        """What came and was not looked at."""
        return self._buffer

    def is_closed(self) -> bool:
        """The server closes; what it still says is read away."""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return False
        return True

    def _frame(self) -> tuple[int, bytes]:
        self._need(4)
        size = int.from_bytes(self._buffer[2:4], "big")
        self._need(4 + size)
        channel, data = self._buffer[1], self._buffer[4 : 4 + size]
        self._buffer = self._buffer[4 + size :]
        return channel, data

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            self._more()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"the server closed; last: {self._buffer[-200:]!r}")
        self._buffer += data


def basic(user: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def controls(sdp: bytes) -> list[str]:
    """The addresses of the tracks."""
    return re.findall(r"^a=control:(rtsp://\S+)", sdp.decode(), re.M)
