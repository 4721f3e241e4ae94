"""A child process: viewers that read an output and forget it; one of each stream looks inside.

python -m tests.benchmarks.watchers
"""

from __future__ import annotations

import select
import socket
import sys
from collections import Counter

from .child import CommandReader, say
from .readers import Reader, viewer


class Watchers:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, Reader, bool]] = {}
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
                sock, reader, _ = self._sockets[fd]
                size = sock.recv_into(self._buffer)
                self._size += size
                if not size:
                    self._epoll.unregister(fd)
                else:
                    reader.feed(view[:size])

    def _open(self, urls: list[str], each: int, token: str = "") -> None:
        for url in urls:
            for number in range(each):
                sock, reader = viewer(url, looks=number == 0, token=token)
                self._epoll.register(sock, select.EPOLLIN)
                self._sockets[sock.fileno()] = (sock, reader, number == 0)
        say()

    def _counts(self) -> None:
        looking = [reader for _, reader, looks in self._sockets.values() if looks]
        faults: Counter[str] = Counter()
        for reader in looking:
            faults.update(reader.faults)
        say(
            size=self._size,
            pictures=sum(reader.pictures for reader in looking),
            first_at={reader.url: reader.first_at for reader in looking},
            faults=dict(faults),
        )

    def _close(self) -> None:
        for sock, _, _ in self._sockets.values():
            sock.close()  # leaves the epoll with it
        self._sockets.clear()
        say()


if __name__ == "__main__":
    sys.exit(Watchers().run())
