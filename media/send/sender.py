"""Senders: the sockets that bring speech or pictures to one address, over UDP and TCP.

A sender writes nothing before it is aimed (UDP) or connected (TCP). Over TCP it listens for the
other side, which may connect before its ACK (Dahua), or connects itself. Only addresses of the
given networks are written to, and the first connection is kept: what is sent goes to nobody else.

What comes back on the same socket (a two-way talk) is read and handed on; it counts only from the
address that is spoken to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from media.errors import MediaConnectFailed
from media.receive.source_lock import Networks
from media.receive.tcp import CONNECT_ATTEMPTS, CONNECT_PAUSE_S, CONNECT_TIMEOUT_S, open_tcp_socket
from media.receive.udp import DRAIN, SocketPoller
from media.rtp.packet import TcpSplitter
from media.rtp.segmented import Segmented
from media.send.outbox import MOST_PACKETS, Outbox

READS = 8
EXPEDITED = 0xB8
"""IP_TOS of DSCP EF (RFC 3246): networks that know it carry speech first."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is sent."""

    tos: int | None
    """IP_TOS, None as the system has it."""
    tcp_buffer: int | None
    """Bytes the kernel may hold back of a connection, None as many as it likes."""
    most: int
    """Packets that may wait for a connection; older ones go."""


SPEECH: Final = Manner(EXPEDITED, 4096, MOST_PACKETS)
"""What the kernel holds back is late, too: 64 KiB would be six seconds of speech."""
PICTURES: Final = Manner(None, None, 1 << 16)
"""Whoever sends waits for `room`; nothing is thrown away in the middle of a picture."""

Address = tuple[str, int]
Packets = Callable[[list[bytes]], None]


class Sender(Protocol):
    """What a node asks of a sender, whatever carries it."""

    @property
    def remote(self) -> Address | None:
        """Where packets go; None while they cannot."""
        ...

    @property
    def dropped(self) -> int:
        """Packets that the system or the device did not take in time."""
        ...

    @property
    def foreign(self) -> int:
        """Packets or connections from addresses that are not the device's."""
        ...

    def send(self, packet: bytes) -> bool:
        """Write one packet; False when it went nowhere."""
        ...

    def send_all(self, packets: list[bytes]) -> None:
        """Write several, in as few calls as can be."""
        ...

    async def room(self) -> None:
        """Wait until everything was taken, or nothing will be any more."""
        ...

    async def aim(self, host: str, port: int) -> None:
        """Speak to this address. Raises MediaConnectFailed."""
        ...

    def close(self) -> None: ...


class UdpSender:
    """One leased port, packets to one address."""

    def __init__(
        self,
        poller: SocketPoller,
        sock: socket.socket,
        networks: Networks,
        on_packets: Packets,
        manner: Manner = SPEECH,
    ) -> None:
        self.remote: Address | None = None
        self.dropped = 0
        self.foreign = 0
        self._poller = poller
        self._sock = sock
        self._networks = networks
        self._on_packets = on_packets
        self._segmented = Segmented(sock)
        self._closed = False
        _mark(sock, manner)
        poller.add(sock.fileno(), self._readable)

    async def aim(self, host: str, port: int) -> None:
        _check(self._networks, host, port)
        if self._closed:
            raise MediaConnectFailed(host, port, "sender closed")
        self.remote = (host, port)

    def send(self, packet: bytes) -> bool:
        if self.remote is None or self._closed:
            return False
        try:
            self._sock.sendto(packet, self.remote)
        except OSError:
            # The buffer is full, or the network is gone for the moment: nothing of it waits.
            self.dropped += 1
            return False
        return True

    def send_all(self, packets: list[bytes]) -> None:
        if self.remote is None or self._closed:
            return
        try:
            self.dropped += self._segmented.send(packets, self.remote)
        except OSError:
            self.dropped += len(packets)

    async def room(self) -> None:
        """The system takes a datagram at once, or never."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._poller.remove(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        packets: list[bytes] = []
        for _ in range(DRAIN):
            try:
                data, address = self._sock.recvfrom(65_536)
            except OSError:
                break  # nothing left, or the ICMP error of a packet sent before
            remote = self.remote
            if remote is None or address[0] != remote[0]:
                self.foreign += 1
                continue
            if address[1] != remote[1]:
                # Behind a NAT the port of the SDP is not the one packets come from.
                self.remote = (remote[0], address[1])
            packets.append(data)
        if packets:
            self._on_packets(packets)


class TcpSender:
    """One leased port over TCP, in either direction; one connection, once."""

    def __init__(
        self,
        poller: SocketPoller,
        local: Address,
        listening: socket.socket | None,
        networks: Networks,
        on_packets: Packets,
        *,
        on_connected: Callable[[], None],
        on_closed: Callable[[str], None],
        manner: Manner = SPEECH,
    ) -> None:
        """``listening``: a bound socket, ours from here on; None when we connect."""
        self.remote: Address | None = None
        self.foreign = 0
        self._manner = manner
        self._outbox = Outbox(manner.most)
        self._room: asyncio.Future[None] | None = None
        self._poller = poller
        self._local = local
        self._networks = networks
        self._on_packets = on_packets
        self._on_connected = on_connected
        self._on_closed = on_closed
        self._listening = listening
        self._splitter = TcpSplitter()
        self._sock: socket.socket | None = None
        self._writing = False
        self._over = False
        if listening is not None:
            listening.listen(4)
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept)

    @property
    def dropped(self) -> int:
        return self._outbox.dropped

    async def aim(self, host: str, port: int) -> None:
        """Connect (annex D: at least three times, at least a second apart)."""
        _check(self._networks, host, port)
        reason = "sender closed"
        for attempt in range(CONNECT_ATTEMPTS):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            if not self._wanted():
                break
            try:
                sock = await _connect(host, port, self._local if attempt == 0 else None)
            except (OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                continue
            if self._wanted():
                self._take(sock, (host, port))
                return
            sock.close()
        raise MediaConnectFailed(host, port, reason)

    def _wanted(self) -> bool:
        """Whether a connection still is."""
        return not self._over and self._sock is None

    def send(self, packet: bytes) -> bool:
        if self._sock is None:
            return False
        self._outbox.put(packet)
        if not self._writing:
            self._write()
        return self._sock is not None

    def close(self) -> None:
        self._over = True
        self._stop_listening()
        self._drop()

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            sock, address = self._listening.accept()
        except (BlockingIOError, ConnectionError):
            return  # the peer gave up meanwhile
        except OSError as error:
            self._stop_listening()  # no descriptor is free: trying at once would be a busy loop
            self._lost(str(error))
            return
        if self._sock is not None or not self._networks.allow(address[0]):
            self.foreign += 1
            sock.close()
            return
        self._take(sock, (address[0], address[1]))
        self._stop_listening()

    def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            asyncio.get_running_loop().remove_reader(listening.fileno())
            listening.close()

    def _take(self, sock: socket.socket, remote: Address) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._manner.tcp_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._manner.tcp_buffer)
        _mark(sock, self._manner)
        self._sock, self.remote = sock, remote
        self._poller.add(sock.fileno(), self._readable)
        self._on_connected()

    def _write(self) -> None:
        sock = self._sock
        if sock is None:
            return
        data = self._outbox.waiting()
        try:
            size = sock.send(data) if data else 0
        except BlockingIOError:
            size = 0
        except OSError as error:
            self._lost(str(error))
            return
        self._outbox.sent(size)
        self._wait_to_write(bool(len(self._outbox)))
        if not len(self._outbox):
            self._make_room()

    def send_all(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.send(packet)

    async def room(self) -> None:
        while self._sock is not None and len(self._outbox):
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wait_to_write(self, more: bool) -> None:
        if more == self._writing or self._sock is None:
            return
        self._writing = more
        loop, number = asyncio.get_running_loop(), self._sock.fileno()
        if more:
            loop.add_writer(number, self._write)
        else:
            loop.remove_writer(number)

    def _readable(self) -> None:
        for _ in range(READS):
            if self._sock is None:
                return
            try:
                data = self._sock.recv(65_536)
            except BlockingIOError:
                return
            except OSError as error:
                self._lost(str(error))
                return
            if not data:
                self._lost("the other side closed its connection")
                return
            packets = self._splitter.feed(data)
            if packets:
                self._on_packets(packets)

    def _lost(self, reason: str) -> None:
        self._drop()
        if not self._over:
            self._over = True
            self._on_closed(reason)

    def _drop(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._wait_to_write(False)
        self._sock = self.remote = None
        self._make_room()
        self._poller.remove(sock.fileno())
        sock.close()


@dataclass(frozen=True, slots=True)
class Leased:
    """A leased port, and what a sender on it needs."""

    poller: SocketPoller
    udp: bool
    local: Address
    sock: socket.socket | None
    """What is bound to it; None where we connect."""
    networks: Networks

    def sender(
        self,
        on_packets: Packets,
        on_connected: Callable[[], None],
        on_closed: Callable[[str], None],
        manner: Manner = SPEECH,
    ) -> Sender:
        """The socket is the sender's from here on."""
        if self.udp and self.sock is not None:
            return UdpSender(self.poller, self.sock, self.networks, on_packets, manner)
        return TcpSender(
            self.poller,
            self.local,
            self.sock,
            self.networks,
            on_packets,
            on_connected=on_connected,
            on_closed=on_closed,
            manner=manner,
        )


def _check(networks: Networks, host: str, port: int) -> None:
    try:
        allowed = networks.allow(host)
    except ValueError:
        raise MediaConnectFailed(host, port, "not an IP address") from None
    if not allowed:
        raise MediaConnectFailed(host, port, "address not allowed")
    if not 0 < port < 65_536:
        raise MediaConnectFailed(host, port, "no port")


async def _connect(host: str, port: int, local: Address | None) -> socket.socket:
    """A connection, from the leased port where the system allows it."""
    local = local or ("::" if ":" in host else "0.0.0.0", 0)
    sock = open_tcp_socket(local[0], local[1], fallback=True)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _mark(sock: socket.socket, manner: Manner) -> None:
    """Ask the network for haste; nobody has to grant it."""
    if manner.tos is None:
        return
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, manner.tos)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, manner.tos)
