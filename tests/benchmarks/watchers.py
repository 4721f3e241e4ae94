"""A child process: viewers that read HTTP-FLV and forget it; one of each stream looks inside.

python -m tests.benchmarks.watchers
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

from .child import CommandReader, say

VIDEO, KEY_PICTURE = 9, 0x17


class FlvReader:
    """Chunked HTTP body to FLV tags; complains about what a player would stumble over."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pictures = 0
        self.first_at = 0.0
        self.last_time = -1
        self.faults: Counter[str] = Counter()
        self._raw = bytearray()
        self._body = bytearray()
        self._state = "head"

    def feed(self, data: bytes) -> None:
        self._raw += data
        if self._state == "head":
            end = self._raw.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._raw.startswith(b"HTTP/1.1 200"):
                self.faults[bytes(self._raw[: self._raw.find(b"\r\n")]).decode("latin-1")] += 1
            del self._raw[: end + 4]
            self._state = "flv"
        self._unchunk()
        self._tags()

    def _unchunk(self) -> None:
        raw, at = self._raw, 0
        while True:
            end = raw.find(b"\r\n", at)
            if end < 0:
                break
            size = int(raw[at:end], 16)
            if len(raw) < end + size + 4:
                break
            self._body += raw[end + 2 : end + 2 + size]
            at = end + size + 4
        if at:
            del raw[:at]

    def _tags(self) -> None:
        body, at = self._body, 0
        if self._state == "flv":
            if len(body) < 13:
                return
            if body[:3] != b"FLV":
                self.faults["no FLV header"] += 1
            self._state, at = "tags", 13
        while len(body) - at >= 15:
            size = int.from_bytes(body[at + 1 : at + 4], "big")
            if len(body) - at < size + 15:
                break
            if body[at] == VIDEO and size > 5 and body[at + 12] == 1:
                self._picture(body[at + 11], int.from_bytes(body[at + 4 : at + 7], "big"))
            at += size + 15
        if at:
            del body[:at]

    def _picture(self, kind: int, time_ms: int) -> None:
        if not self.pictures:
            self.first_at = time.monotonic()
            if kind != KEY_PICTURE:
                self.faults["begins without a key picture"] += 1
        elif not 35 <= time_ms - self.last_time <= 45:
            self.faults["gap"] += 1
        self.last_time = time_ms
        self.pictures += 1


class Watchers:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, FlvReader | None]] = {}
        self._size = 0
        self._buffer = bytearray(1 << 20)
        self._reader = CommandReader(
            {"open": self._open, "counts": self._counts, "close": self._close}
        )
        self._epoll.register(self._reader.fileno, select.EPOLLIN)

    def run(self) -> None:
        say()
        view = memoryview(self._buffer)
        while True:
            for fd, _ in self._epoll.poll(None, 256):
                if fd == self._reader.fileno:
                    self._reader.read()
                    continue
                if fd not in self._sockets:
                    continue  # closed by a command that came with it
                sock, flv = self._sockets[fd]
                size = sock.recv_into(self._buffer)
                self._size += size
                if not size:
                    self._epoll.unregister(fd)
                elif flv is not None:
                    flv.feed(view[:size])

    def _open(self, urls: list[str], each: int, token: str = "") -> None:
        allow = f"Authorization: Bearer {token}\r\n" if token else ""
        for url in urls:
            for number in range(each):
                parts = urlsplit(url)
                sock = socket.create_connection((parts.hostname or "", parts.port or 80))
                path = f"{parts.path}?{parts.query}" if parts.query else parts.path
                head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{allow}\r\n"
                sock.sendall(head.encode())
                self._epoll.register(sock, select.EPOLLIN)
                self._sockets[sock.fileno()] = (sock, FlvReader(url) if number == 0 else None)
        say()

    def _counts(self) -> None:
        flv = [reader for _, reader in self._sockets.values() if reader is not None]
        faults: Counter[str] = Counter()
        for reader in flv:
            faults.update(reader.faults)
        say(
            size=self._size,
            pictures=sum(reader.pictures for reader in flv),
            first_at={reader.url: reader.first_at for reader in flv},
            faults=dict(faults),
        )

    def _close(self) -> None:
        for sock, _ in self._sockets.values():
            sock.close()  # leaves the epoll with it
        self._sockets.clear()
        say()


if __name__ == "__main__":
    sys.exit(Watchers().run())
