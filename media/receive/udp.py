"""UDP receiver: owns its socket and drains it, at most 64 datagrams per wake.

Not a DatagramProtocol: stock asyncio's costs 27 us per packet against 2 us for this loop, and only
an own socket can be asked for its receive buffer and its drops.  One key frame of a 1080P camera
comes as a burst that overruns the default buffer, so 4 MiB are asked for and what was granted is
read back.  Datagrams that the kernel had to throw away are counted apart from network loss
(SO_RXQ_OVFL, read from one datagram a second).

Waking.  A camera sends a picture as a burst.  With every socket in the loop's own epoll, an idle
core is woken by the first datagram, takes it, sleeps, is woken by the second, and so on; a wake
through the loop costs as much as several packets.  So all media sockets stand in one epoll of
their own (`SocketPoller`), of which the loop sees a single descriptor.  When it becomes readable,
the sockets that have something are drained, and then the poller looks again by timer until
nothing came a few times in a row; only then it goes back to sleep.  Bursts have then arrived as a
whole, and one wake serves all streams.  A packet waits 4 ms at most, a tenth of a frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import socket
import struct
from collections.abc import Callable, Sequence
from time import monotonic

from media.receive.batch import SLOTS, Batch, batch_of
from media.receive.source_lock import SourceLock
from media.unit import AccessUnit, FormatChanged

log = logging.getLogger("gb28181.media.receiver")

DRAIN = SLOTS
"""Datagrams per wake: one busy camera must not keep the loop from the others."""
RECEIVE_BUFFER = 4 << 20
LOOK_PAUSE_S = 0.004
QUIET_LOOKS = 3
"""Looks without a packet after which the poller sleeps."""
READ_BYTES = 65_536
"""More than the largest datagram."""
_SO_RCVBUFFORCE = 33
_SO_RXQ_OVFL = 40
_U32 = struct.Struct("=I")

Outs = list[AccessUnit | FormatChanged]
Feed = Callable[[Sequence[bytes], float], Outs]
Deliver = Callable[[Outs], None]

_warned: set[int] = set()


def open_udp_socket(host: str, port: int) -> socket.socket:
    """A bound, non-blocking socket with the large buffer.  Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        _ask_for_buffer(sock)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _ask_for_buffer(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it
    if granted < RECEIVE_BUFFER:
        with contextlib.suppress(OSError):  # needs CAP_NET_ADMIN
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if granted < RECEIVE_BUFFER and granted not in _warned:
        _warned.add(granted)
        log.warning(
            "media sockets got %d bytes of receive buffer instead of %d, key frames may be lost:"
            " sysctl -w net.core.rmem_max=%d",
            granted,
            RECEIVE_BUFFER,
            RECEIVE_BUFFER,
        )


class SocketPoller:
    """Drains the readable ones of many sockets; one serves all receivers of a node."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drains: dict[int, Callable[[], None]] = {}
        self._epoll: select.epoll | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._quiet = 0
        self.buffer = memoryview(bytearray(READ_BYTES))
        """Where all sockets read into. A buffer of full size for each packet would make the
        allocator cut and mend its heap hundreds of times a second and stream."""
        self._batches: dict[int, Batch | None] = {}

    @property
    def awake(self) -> bool:
        """It looks by timer; otherwise the loop wakes it."""
        return self._timer is not None

    def batch(self, family: int) -> Batch | None:
        """For reading many datagrams at once from a socket of this family, where that is known to
        work."""
        if family not in self._batches:
            self._batches[family] = batch_of(family)
        return self._batches[family]

    def add(self, fd: int, drain: Callable[[], None]) -> None:
        """Call `drain` whenever this socket has something; it takes a bounded number."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._wake)
        self._drains[fd] = drain
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Before the socket is closed.  With the last one everything is given back."""
        if self._drains.pop(fd, None) is None or self._epoll is None:
            return
        self._epoll.unregister(fd)
        if not self._drains:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            else:
                self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _wake(self) -> None:
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._quiet = 0
            self._look()

    def _look(self) -> None:
        epoll = self._epoll
        if epoll is None:
            return
        # Armed first: a drain may close sockets, the last one included.
        self._timer = self._loop.call_later(LOOK_PAUSE_S, self._look)
        ready = epoll.poll(0)
        if ready:
            self._quiet = 0
            drains = self._drains
            for fd, _ in ready:
                drain = drains.get(fd)
                if drain is not None:
                    drain()
            return
        self._quiet += 1
        if self._quiet >= QUIET_LOOKS:
            self._timer.cancel()
            self._timer = None
            self._loop.add_reader(epoll.fileno(), self._wake)


class UdpReceiver:
    """One port, one locked source, packets to `feed` and what comes of them to `deliver`."""

    def __init__(
        self,
        poller: SocketPoller,
        sock: socket.socket,
        lock: SourceLock,
        feed: Feed,
        deliver: Deliver,
        *,
        on_new_source: Callable[[], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self.lock = lock
        self.kernel_drops = 0
        self._sock = sock
        self._recvfrom_into = sock.recvfrom_into
        self._feed = feed
        self._deliver = deliver
        self._on_new_source = on_new_source
        self._on_failed = on_failed
        self._sample = True
        self._closed = False
        self._poller = poller
        self._batch = poller.batch(sock.family)
        self._names = b""
        """The name of the locked source as the kernel writes it, for all slots of a batch."""
        self._named: tuple[str, int] | None = None
        poller.add(sock.fileno(), self._readable)

    @property
    def source(self) -> tuple[str, int] | None:
        source = self.lock.source
        return None if source is None else (source[0], source[1])

    @property
    def last_at(self) -> float:
        return self.lock.last_at

    @property
    def foreign(self) -> int:
        return self.lock.foreign

    @property
    def foreign_source(self) -> tuple[str, int] | None:
        source = self.lock.foreign_source
        return None if source is None else (source[0], source[1])

    def tick(self, now: float) -> None:
        """Once a second: look at the kernel's drop counter with the next datagram."""
        self._sample = True

    def send(self, packet: bytes, *, above: bool) -> None:
        """RTCP for the locked source: to the port media comes from, or to the one above it."""
        source = self.lock.source
        if source is None or self._closed:
            return
        address = (source[0], source[1] + 1, *source[2:]) if above else source
        if address[1] <= 65535:
            # A report that cannot be sent now is followed by another one.
            with contextlib.suppress(OSError):
                self._sock.sendto(packet, address)

    def close(self) -> None:
        """Stop receiving and free the port.  Idempotent."""
        if not self._closed:
            self._closed = True
            self._poller.remove(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        now = monotonic()
        if self._sample:
            self._sample_drops(now)
            if self._closed:
                return
        if self._batch is None:
            self._read_singly(now)
            return
        try:
            count = self._batch.read(self._sock.fileno())
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)
            return
        if self._named is not self.lock.source or not self._batch.all_from(self._names, count):
            self._sort(self._batch, count, now)
        else:
            self._take(self._batch.packets(count), now)

    def _sort(self, batch: Batch, count: int, now: float) -> None:
        """Packets of which not all are known to come from the locked source."""
        packets: list[bytes] = []
        names = [batch.name(at) for at in range(count)]
        read = list(zip(batch.packets(count), names, map(batch.address, range(count)), strict=True))
        for packet, name, address in read:
            if address == self.lock.source:
                packets.append(packet)
                self._names, self._named = name * SLOTS, self.lock.source
                continue
            self._take(packets, now)
            packets = []
            self._stranger(packet, address, now)
            if self._closed:
                return
        self._take(packets, now)

    def _read_singly(self, now: float) -> None:
        lock = self.lock
        source = lock.source
        recvfrom_into, buffer = self._recvfrom_into, self._poller.buffer
        packets: list[bytes] = []
        failure: OSError | None = None
        try:
            for _ in range(DRAIN):
                size, address = recvfrom_into(buffer)
                if address == source:
                    packets.append(bytes(buffer[:size]))
                    continue
                self._take(packets, now)
                packets = []
                self._stranger(bytes(buffer[:size]), address, now)
                source = lock.source
                if self._closed:
                    return
        except BlockingIOError:
            pass
        except OSError as error:
            failure = error
        self._take(packets, now)
        if failure is not None:
            self._fail(failure)

    def _take(self, packets: list[bytes], now: float) -> None:
        """Packets of the locked source."""
        if packets and not self._closed:
            self.lock.last_at = now
            outs = self._feed(packets, now)
            if outs:
                self._deliver(outs)

    def _sample_drops(self, now: float) -> None:
        """Take one datagram with its ancillary data: drops since the socket was opened."""
        self._sample = False
        try:
            packet, ancillary, _, address = self._sock.recvmsg(READ_BYTES, 64)
        except OSError:
            return  # none there, or an error the drain loop meets again
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                self.kernel_drops = _U32.unpack_from(data)[0]
        if address == self.lock.source:
            self._take([packet], now)
        else:
            self._stranger(packet, address, now)

    def _stranger(self, packet: bytes, address: tuple[str, int], now: float) -> None:
        before = self.lock.source
        packets = self.lock.offer(address, packet, now)
        if packets and before is not None:
            self._on_new_source()
        outs = self._feed(packets, now)
        if outs:
            self._deliver(outs)

    def _fail(self, error: OSError) -> None:
        # An ICMP error of something sent before is no reason to stop; a dead descriptor is.
        if not isinstance(error, ConnectionError):
            self.close()
            self._on_failed(str(error))
