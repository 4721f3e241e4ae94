"""SIP over UDP on one socket of our own (RFC 3261 §18): receive in bounded drains, send without
waiting.

Why no asyncio datagram transport: a drain costs one wake-up for up to 64 datagrams; the kernel
tells how many it had to drop (SO_RXQ_OVFL); and on a wildcard address each datagram tells which of
our addresses it was sent to (IP_PKTINFO), so that the answer leaves from that one. Cameras behind
NAT, and any peer configured with a virtual address, ignore answers from another.

Waking. A process that sleeps and is woken for each message finds its caches cold; a message then
costs twice of what it costs in a crowd. So after a second wake within `PAUSE_S` the loop is not
woken any more: the socket is looked at by timer until there is nothing, as network cards do it. A
message on its own, as in a quiet night, is taken at once.

Nothing is parsed here. `OSError` does not leave this file.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from time import monotonic

from sip.errors import TransportFailed
from sip.flow import Address, Flow

MAX_DATAGRAM = 65_535
DRAIN = 64
DRAIN_S = 0.005
"""What one wake may take before others of the loop have their turn: a page of a catalog takes
milliseconds, a heartbeat hundredths of one."""
PAUSE_S = 0.01
"""Between two looks while datagrams come quickly: what a message may wait at most."""
_SEND_QUEUE = 4_096
_FLOW_CACHE = 65_536

# Linux numbers that the socket module of 3.11 does not name.
_SO_RXQ_OVFL = 40
_IP_PKTINFO = 8
_IN_PKTINFO = struct.Struct("=I4s4s")
_UINT = struct.Struct("=I")
_ANCILLARY = socket.CMSG_SPACE(_UINT.size) + socket.CMSG_SPACE(_IN_PKTINFO.size)

Ancillary = list[tuple[int, int, bytes]]


class UdpTransport:
    def __init__(
        self, address: Address, receive_buffer: int, on_datagram: Callable[[bytes, Flow], None]
    ) -> None:
        self._on_datagram = on_datagram
        self._wanted = receive_buffer
        self._address = address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._wildcard = False
        self._flows: dict[tuple[Address, bytes], Flow] = {}
        self._sources: dict[str, Ancillary] = {}
        self._queue: deque[tuple[bytes, Flow]] = deque()
        # One for all: a buffer of full size for each datagram keeps the allocator busy.
        self._buffer = memoryview(bytearray(MAX_DATAGRAM))
        self._into = (self._buffer,)
        self._woken = 0.0
        self._timer: asyncio.TimerHandle | None = None
        """The next look; None while the loop wakes us."""
        self.bound: Address = address
        self.receive_buffer = 0
        """What the kernel granted, without the half it adds for its own use."""
        self.kernel_drops = 0
        self.send_dropped = 0
        """Datagrams that found the socket full and the queue behind it too."""

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._wanted)
            sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the TCP listener
            sock.bind((host, port))
            self._wildcard = host == "0.0.0.0"
            if self._wildcard:
                sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        except OSError as error:
            sock.close()
            raise TransportFailed(f"cannot listen on udp {host}:{port}: {error}", error) from error
        self.bound = sock.getsockname()[:2]
        self.receive_buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        self._socket = sock
        self._loop = loop
        loop.add_reader(sock.fileno(), self._wake)

    def close(self) -> None:
        sock, self._socket = self._socket, None
        if sock is None or self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())
        while self._queue:  # a last try: answers of the shutdown itself may wait here
            data, flow = self._queue.popleft()
            try:
                self._write(sock, data, flow)
            except OSError:
                break
        self._queue.clear()
        sock.close()

    def send(self, data: bytes, flow: Flow) -> None:
        """Raises TransportFailed when the kernel refuses for good."""
        sock = self._socket
        if sock is None:
            raise TransportFailed("the UDP socket is closed")
        if self._queue:
            self._enqueue(data, flow)
            return
        try:
            if self._wildcard:
                self._write(sock, data, flow)
            else:
                sock.sendto(data, flow.remote)
        except BlockingIOError:
            self._enqueue(data, flow)
        except OSError as error:
            raise TransportFailed(f"cannot send to {flow}: {error}", error) from error

    def flow_to(self, remote: Address, local: Address | None = None) -> Flow:
        return Flow("udp", remote, local or self.bound)

    def _write(self, sock: socket.socket, data: bytes, flow: Flow) -> None:
        source = flow.local[0]
        if not self._wildcard or source == "0.0.0.0":
            sock.sendto(data, flow.remote)
            return
        ancillary = self._sources.get(source)
        if ancillary is None:
            packed = _IN_PKTINFO.pack(0, socket.inet_aton(source), bytes(4))
            ancillary = self._sources[source] = [(socket.IPPROTO_IP, _IP_PKTINFO, packed)]
        try:
            sock.sendmsg((data,), ancillary, 0, flow.remote)
        except BlockingIOError:
            raise
        except OSError:
            # The address has left this machine (a virtual one moved): better from another than not.
            sock.sendto(data, flow.remote)

    def _enqueue(self, data: bytes, flow: Flow) -> None:
        if len(self._queue) >= _SEND_QUEUE:
            self.send_dropped += 1
            return
        self._queue.append((data, flow))
        if len(self._queue) == 1 and self._loop is not None and self._socket is not None:
            self._loop.add_writer(self._socket.fileno(), self._flush)

    def _flush(self) -> None:
        sock = self._socket
        if sock is None or self._loop is None:
            return
        while self._queue:
            data, flow = self._queue[0]
            try:
                self._write(sock, data, flow)
            except BlockingIOError:
                return
            except OSError:
                self.send_dropped += 1
            self._queue.popleft()
        self._loop.remove_writer(sock.fileno())

    def _wake(self) -> None:
        now = monotonic()
        pause = self._drain(now) or 0.0
        if self._socket is not None and self._loop is not None and now - self._woken < PAUSE_S:
            self._loop.remove_reader(self._socket.fileno())
            self._timer = self._loop.call_later(pause, self._look)
        self._woken = now

    def _look(self) -> None:
        self._timer = None
        pause = self._drain(monotonic())
        if self._socket is None or self._loop is None:
            return
        if pause is None:
            self._loop.add_reader(self._socket.fileno(), self._wake)
        else:
            self._timer = self._loop.call_later(pause, self._look)

    def _drain(self, now: float) -> float | None:
        """Take what has come. When to look again, at once if there is more; None: nothing came."""
        flows = self._flows
        deliver = self._on_datagram
        buffer, into = self._buffer, self._into
        until = now + DRAIN_S
        pause: float | None = None
        for _ in range(DRAIN):
            sock = self._socket  # the handler may have closed us
            if sock is None:
                return pause
            try:
                size, ancillary, _, source = sock.recvmsg_into(into, _ANCILLARY)
            except (BlockingIOError, InterruptedError):
                return pause
            except OSError:
                continue  # an ICMP error of an earlier datagram; it says nothing about this socket
            local = self._read_ancillary(ancillary) if ancillary else b""
            flow = flows.get((source, local))
            if flow is None:
                flow = self._new_flow(source, local)
            pause = PAUSE_S
            deliver(bytes(buffer[:size]), flow)
            if monotonic() > until:
                break
        return 0.0

    def _read_ancillary(self, ancillary: Ancillary) -> bytes:
        local = b""
        for level, kind, data in ancillary:
            if kind == _IP_PKTINFO and level == socket.IPPROTO_IP:
                local = data[4:8]  # spec_dst: where an answer should come from
            elif kind == _SO_RXQ_OVFL and level == socket.SOL_SOCKET:
                self.kernel_drops = _UINT.unpack_from(data)[0]
        return local

    def _new_flow(self, source: Address, local: bytes) -> Flow:
        host = socket.inet_ntoa(local) if local else self.bound[0]
        flow = Flow("udp", (source[0], source[1]), (host, self.bound[1]))
        if len(self._flows) >= _FLOW_CACHE:
            self._flows.clear()  # only a cache; a flood of sources must not grow it
        self._flows[(source, local)] = flow
        return flow
