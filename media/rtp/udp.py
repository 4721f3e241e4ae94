"""One track to one viewer over UDP: a pair of ports of our own, tied to the viewer's.

Both sockets are connected, so the kernel lets nobody else in and tells when the viewer's port is
closed. A burst is spread: a key frame sent at once overruns the receive buffer most players have.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from time import monotonic

from media.errors import PortsExhausted
from media.ports import PortPool
from media.rtp.segmented import Segmented

REST_S = 5.0
"""A pair of ports rests so long: late reports of the last viewer go to nobody."""
BURST = 24
"""Packets sent without a pause."""
BURST_PAUSE_S = 0.004
"""Between two bursts: about 57 Mbit/s at most."""
REFUSALS = 20
"""ICMP answers in a row after which the viewer is gone."""
SEND_BUFFER = 1 << 20
RTCP_BYTES = 2048
RTCP_DRAIN = 16


class UdpTrack:
    """The sockets of one track."""

    def __init__(
        self,
        ports: PortPool,
        local: str,
        remote: tuple[str, int, int],
        on_rtcp: Callable[[bytes], None],
    ) -> None:
        """Takes a pair of ports on `local`; `remote` is host, RTP and RTCP port of the viewer.

        Raises PortsExhausted, OSError. The pool counts pairs: its n is the port 2n.
        """
        self._ports = ports
        self._on_rtcp = on_rtcp
        self._pair, self._rtp, self._rtcp = _bound_pair(ports, local)
        self._segmented = Segmented(self._rtp)
        self._refused = 0
        self.dropped = 0
        """Packets the kernel did not take."""
        host, rtp_port, rtcp_port = remote
        try:
            self._rtp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._rtp.connect((host, rtp_port))
            self._rtcp.connect((host, rtcp_port))
        except OSError:
            self._close_sockets(0.0)
            raise
        loop = asyncio.get_running_loop()
        loop.add_reader(self._rtp.fileno(), self._drain, self._rtp, False)
        loop.add_reader(self._rtcp.fileno(), self._drain, self._rtcp, True)
        self._loop = loop

    @property
    def local_ports(self) -> tuple[int, int]:
        return self._pair * 2, self._pair * 2 + 1

    @property
    def gone(self) -> bool:
        """The viewer's host says that nobody listens there any more."""
        return self._refused >= REFUSALS

    def send(self, packets: list[bytes]) -> None:
        """RTP packets, or as many of them as the kernel takes."""
        try:
            self.dropped += self._segmented.send(packets)
        except ConnectionRefusedError:
            self._refused += 1
        except OSError:
            self.dropped += len(packets)

    def send_rtcp(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):
            self._rtcp.send(packet)

    def close(self) -> None:
        """Give the ports back. Idempotent."""
        if self._rtp.fileno() >= 0:
            self._loop.remove_reader(self._rtp.fileno())
            self._loop.remove_reader(self._rtcp.fileno())
            self._close_sockets(REST_S)

    def _close_sockets(self, rest_s: float) -> None:
        self._rtp.close()
        self._rtcp.close()
        self._ports.release(self._pair, monotonic(), rest_s)

    def _drain(self, sock: socket.socket, reports: bool) -> None:
        """Reports are life; what players send to the RTP port to open their firewall is not."""
        for _ in range(RTCP_DRAIN):
            try:
                data = sock.recv(RTCP_BYTES)
            except ConnectionRefusedError:
                self._refused += 1
                return
            except OSError:
                return
            if reports and data:
                self._refused = 0
                self._on_rtcp(data)


class Pacer:
    """Spreads bursts: counts packets and says when to rest."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = 0.0

    async def send(self, packets: list[bytes], take: Callable[[list[bytes]], None]) -> None:
        """Give all of `packets` to `take`, resting between bursts."""
        now = monotonic()
        if now - self._at >= BURST_PAUSE_S:
            self._left = BURST
        at = 0
        while at < len(packets):
            if not self._left:
                await asyncio.sleep(BURST_PAUSE_S)
                self._left = BURST
            burst = packets[at : at + self._left]
            self._left -= len(burst)
            at += len(burst)
            take(burst)
        self._at = monotonic()


def _bound_pair(ports: PortPool, local: str) -> tuple[int, socket.socket, socket.socket]:
    while True:
        pair = ports.lease(monotonic())
        opened: list[socket.socket] = []
        try:
            for port in (pair * 2, pair * 2 + 1):
                family = socket.AF_INET6 if ":" in local else socket.AF_INET
                sock = socket.socket(family, socket.SOCK_DGRAM)
                opened.append(sock)
                sock.setblocking(False)
                sock.bind((local, port))
        except OSError as error:
            for sock in opened:
                sock.close()
            ports.refuse(pair, monotonic())
            if len(opened) < 1:
                raise PortsExhausted(f"no socket: {error}") from error
            continue
        return pair, opened[0], opened[1]
