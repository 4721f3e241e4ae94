"""All streams over TCP (we listen) on one port: the first packet and the address tell whose it is.

A connection belongs to nobody until its first whole packet is there; what waits for that is bounded
in number, size and time. The rule is that of `single_udp`: SSRC and address together, or the
address alone where exactly one receiver waits for it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from time import monotonic
from typing import Final

from media.errors import PortsExhausted
from media.receive.single_udp import SingleUdp
from media.receive.tcp import TcpReceiver, open_tcp_socket
from media.receive.udp import SocketPoller, open_udp_socket
from media.rtp.packet import TcpSplitter

FIRST_S: Final = 10.0
"""A connection that has not sent a packet by then is closed."""
MOST_WAITING: Final = 256
MOST_WAITING_PER_ADDRESS: Final = 32
MOST_BYTES: Final = 128 * 1024
"""Before the first whole packet."""
BACKLOG: Final = 256


class _Arrival:
    """A connection whose first packet is awaited."""

    __slots__ = ("_splitter", "at", "data", "port", "remote", "sock")

    def __init__(self, port: SingleTcp, sock: socket.socket, remote: tuple[str, int]) -> None:
        self.port = port
        self.sock = sock
        self.remote = remote
        self.at = monotonic()
        self.data = bytearray()
        self._splitter = TcpSplitter()

    def readable(self) -> None:
        try:
            size = self.sock.recv_into(self.port.poller.buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self.port.drop(self)
            return
        data = bytes(self.port.poller.buffer[:size])
        self.data += data
        packets = self._splitter.feed(data)
        if packets:
            self.port.sort(self, packets[0])
        elif len(self.data) > MOST_BYTES:
            self.port.drop(self)


class SingleTcp:
    """The shared listening socket."""

    def __init__(self, poller: SocketPoller, sock: socket.socket) -> None:
        """`sock` is bound, and ours from here on."""
        self.poller = poller
        self.foreign = 0
        """Connections nobody waited for."""
        self._sock = sock
        self._receivers: dict[TcpReceiver, int | None] = {}
        self._arrivals: dict[_Arrival, None] = {}
        self._accepting = True
        sock.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._accept)

    def close(self) -> None:
        """Free the port."""
        if self._accepting:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()
        for arrival in list(self._arrivals):
            self.drop(arrival)

    def add(self, receiver: TcpReceiver, ssrc: int | None) -> None:
        """Connections that fit go to this receiver."""
        self._receivers[receiver] = ssrc

    def remove(self, receiver: TcpReceiver) -> None:
        self._receivers.pop(receiver, None)

    def tick(self, now: float) -> None:
        """Once a second: who has waited too long goes; after a lack of descriptors, go on."""
        for arrival in [one for one in self._arrivals if now - one.at > FIRST_S]:
            self.drop(arrival)
        if not self._accepting:
            self._accepting = True
            asyncio.get_running_loop().add_reader(self._sock.fileno(), self._accept)

    def drop(self, arrival: _Arrival) -> None:
        """Nobody's, or gone."""
        if self._forget(arrival):
            self.foreign += 1
            arrival.sock.close()

    def sort(self, arrival: _Arrival, packet: bytes) -> None:
        """Hand a connection to whom its first packet is for."""
        receiver = self._whose(packet, arrival.remote[0])
        if receiver is None:
            self.drop(arrival)
        elif self._forget(arrival):
            receiver.adopt(arrival.sock, arrival.remote, bytes(arrival.data))

    def _whose(self, packet: bytes, host: str) -> TcpReceiver | None:
        ssrc = int.from_bytes(packet[8:12], "big")
        near = [one for one in self._receivers if one.networks.allow(host)]
        for one in near:
            if self._receivers[one] == ssrc:
                return one
        waiting = [one for one in near if not one.connected and one.networks.named]
        return waiting[0] if len(waiting) == 1 else None

    def _forget(self, arrival: _Arrival) -> bool:
        if arrival not in self._arrivals:
            return False
        del self._arrivals[arrival]
        self.poller.remove(arrival.sock.fileno())
        return True

    def _accept(self) -> None:
        try:
            sock, address = self._sock.accept()
        except (BlockingIOError, ConnectionError):
            return  # the peer gave up meanwhile
        except OSError:
            # No descriptor is free: trying at once would be a busy loop.
            self._accepting = False
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            return
        remote = (address[0], address[1])
        by_address = Counter(one.remote[0] for one in self._arrivals)
        known = any(one.networks.allow(remote[0]) for one in self._receivers)
        if not known or by_address[remote[0]] >= MOST_WAITING_PER_ADDRESS:
            self.foreign += 1
            sock.close()
            return
        if len(self._arrivals) >= MOST_WAITING:
            self.drop(next(iter(self._arrivals)))
        sock.setblocking(False)
        arrival = _Arrival(self, sock, remote)
        self._arrivals[arrival] = None
        self.poller.add(sock.fileno(), arrival.readable)


def open_shared(poller: SocketPoller, host: str, port: int) -> tuple[SingleUdp, SingleTcp]:
    """Both shared sockets of a port, or none.  Raises PortsExhausted."""
    try:
        udp = open_udp_socket(host, port)
        try:
            tcp = open_tcp_socket(host, port)
        except BaseException:
            udp.close()
            raise
    except OSError as error:
        raise PortsExhausted(f"the shared media port {port}: {error}") from error
    return SingleUdp(poller, udp), SingleTcp(poller, tcp)
