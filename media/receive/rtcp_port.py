"""The port above a receiver's own: where a camera that knows RFC 3550 sends its RTCP.

It is opened where it is free and given up as soon as a stream needs it, so ports for RTCP never
cost a stream. Only the host media comes from is listened to; reports go where its RTCP came from,
or, before any came, to the port above the one its media leaves from (RFC 3550 11).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from time import monotonic

from media.receive.udp import SocketPoller

READS = 8
"""Datagrams per look: two a minute are usual."""
MAX_BYTES = 1500


class RtcpPort:
    """One socket beside that of a receiver."""

    def __init__(
        self,
        poller: SocketPoller,
        host: str,
        port: int,
        hear: Callable[[bytes, float], object],
    ) -> None:
        """Raises OSError when the port cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.bind((host, port))
        except BaseException:
            self._sock.close()
            raise
        self.expected: str | None = None
        """The host media comes from; nobody else is heard."""
        self._hear = hear
        self._remote: tuple[str, int] | None = None
        self._poller = poller
        self._closed = False
        poller.add(self._sock.fileno(), self._readable)

    def send(self, packet: bytes, host: str, port: int) -> None:
        """A report for the sender whose media leaves from this address."""
        remote = self._remote
        if remote is None or remote[0] != host:
            remote = (host, port + 1)
        if not self._closed and remote[1] <= 65535:
            # A report that cannot be sent now is followed by another one.
            with contextlib.suppress(OSError):
                self._sock.sendto(packet, remote)

    def close(self) -> None:
        """Free the port. Idempotent."""
        if not self._closed:
            self._closed = True
            self._poller.remove(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        now = monotonic()
        for _ in range(READS):
            try:
                packet, address = self._sock.recvfrom(MAX_BYTES)
            except OSError:
                return
            if address[0] == self.expected and self._hear(packet, now):
                self._remote = (address[0], address[1])
