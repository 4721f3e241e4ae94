"""The ports of a node and what listens on them: one for each stream or one for all, those of RTCP,
and those something is sent from."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from media.errors import PortsExhausted
from media.node import ReceiveMode, ReceiverInfo, SenderInfo
from media.options import NodeOptions
from media.outgoing import ForwardInfo
from media.ports import PortPool
from media.receive.rtcp_port import RtcpPort
from media.receive.single_tcp import SingleTcp, open_shared
from media.receive.single_udp import SingleUdp
from media.receive.source_lock import Networks
from media.receive.tcp import open_tcp_socket
from media.receive.udp import SocketPoller, open_udp_socket
from media.send.sender import Leased
from media.stream import Stream

_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Sockets:
    """Leases and opens; `rest` gives back."""

    def __init__(self, options: NodeOptions, own_ssrc: int, clock: Callable[[], float]) -> None:
        self.ports = PortPool(options.first_port, options.last_port)
        self.ports.rest(options.resting, clock())
        self.own_ssrc = own_ssrc
        """With which receiver reports are sent; 0: none are."""
        self.single_udp: SingleUdp | None = None
        self.single_tcp: SingleTcp | None = None
        self._options = options
        self._clock = clock
        self._poller: SocketPoller | None = None
        self._rtcp: dict[int, RtcpPort] = {}
        """By port; one that is needed for a stream is taken back."""
        self._more_ports: dict[str, list[int]] = {}
        """By receiver, besides its own."""

    def aclose(self) -> None:
        """Close the shared port."""
        if self.single_udp is not None and self.single_tcp is not None:
            self.single_udp.close()
            self.single_tcp.close()
            self.single_udp = self.single_tcp = None

    def tick(self, now: float) -> None:
        """Once a second."""
        if self.single_tcp is not None:
            self.single_tcp.tick(now)

    def poller(self) -> SocketPoller:
        """Made with the first receiver, when the loop is known."""
        if self._poller is None:
            self._poller = SocketPoller(asyncio.get_running_loop())
        return self._poller

    def open(self, mode: ReceiveMode, now: float) -> tuple[int, socket.socket | None]:
        """A leased port and what listens on it; ports that others hold are passed over."""
        if mode == "fed":
            return 0, None
        while True:
            port = self.ports.lease(now)
            borrowed = self._rtcp.pop(port, None)
            if borrowed is not None:
                borrowed.close()
            try:
                if mode == "udp":
                    return port, open_udp_socket(self._options.bind_host, port)
                if mode == "tcp-passive":
                    return port, open_tcp_socket(self._options.bind_host, port)
                return port, None
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self.ports.release(port, now, 0.0)
                    raise PortsExhausted(f"no socket: {error}") from error
                self.ports.refuse(port, now)

    def for_tracks(self, info: ReceiverInfo) -> Callable[[str], socket.socket]:
        """Where a pull over UDP gets its packets: a port for each track, which rests with that of
        the receiver. Raises PortsExhausted."""

        def bound(kind: str) -> socket.socket:
            port, sock = self.open("udp", self._clock())
            self._more_ports.setdefault(info.receiver_id, []).append(port)
            if sock is None:
                raise PortsExhausted(f"no port for {kind}")
            return sock

        return bound

    def share(self) -> None:
        """Open the shared port with the first stream on it. Raises PortsExhausted."""
        if self.single_udp is not None:
            return
        host, port = self._options.bind_host, self._options.single_port
        self.single_udp, self.single_tcp = open_shared(self.poller(), host, port)

    def open_rtcp(self, stream: Stream, port: int) -> None:
        """Listen for RTCP, where nobody has that port; a report can be sent without."""
        ours = self._options.first_port < port <= self._options.last_port and port % 2
        if not self.own_ssrc or stream.receiver is None or not ours or port in self.ports.leased:
            return
        with contextlib.suppress(OSError):
            rtcp = RtcpPort(self.poller(), self._options.bind_host, port, stream.hear)
            stream.receiver.rtcp = self._rtcp[port] = rtcp

    @contextmanager
    def lease(self, mode: ReceiveMode, networks: tuple[str, ...]) -> Iterator[Leased]:
        """A leased port to send from, given back when nothing comes of it."""
        allowed = Networks(networks)
        port, sock = self.open(mode, self._clock())
        try:
            yield Leased(
                self.poller(), mode == "udp", (self._options.bind_host, port), sock, allowed
            )
        except BaseException:
            if sock is not None:
                sock.close()
            self.ports.release(port, self._clock(), 0.0)
            raise

    def rest(self, info: ReceiverInfo, rest_s: float) -> None:
        """The ports of a receiver rest; the shared one stays."""
        self._rtcp.pop(info.port + 1, None)
        for port in self._more_ports.pop(info.receiver_id, ()):
            self.ports.release(port, self._clock(), rest_s)
        if info.port not in (0, self._options.single_port):
            self.ports.release(info.port, self._clock(), rest_s)

    def release(self, info: SenderInfo | ForwardInfo | None, rest_s: float) -> None:
        """The port of what sent from it rests."""
        if info is not None:
            self.ports.release(info.port, self._clock(), rest_s)
