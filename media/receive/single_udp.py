"""All streams over UDP on one port: whose packet it is, told by source address and SSRC together.

Never by the SSRC alone: whoever knows or guesses one could take a stream over. A packet belongs to
the receiver that has locked its address and SSRC. One of an unknown pair is offered to a receiver
that was asked for with this SSRC and lets this address in; a camera that writes another SSRC is
found by its address, where exactly one receiver waits for it. What fits nobody is counted.

The address alone decides where one sender has one stream here, so its other SSRCs (sound, RTCP, a
sender that begins anew) reach it too.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from time import monotonic

from media.receive.source_lock import Address, SourceLock
from media.receive.udp import DRAIN, READ_BYTES, Deliver, Feed, SocketPoller

Key = tuple[Address, bytes]


class SharedReceiver:
    """One stream on the shared port; to its stream the same as a receiver with its own."""

    def __init__(
        self,
        port: SingleUdp,
        lock: SourceLock,
        feed: Feed,
        deliver: Deliver,
        *,
        on_new_source: Callable[[], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self.lock = lock
        self.kernel_drops = 0
        self.on_failed = on_failed
        self._port = port
        self._feed = feed
        self._deliver = deliver
        self._on_new_source = on_new_source
        port.add(self)

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
        """Once a second."""

    def send(self, packet: bytes, *, above: bool) -> None:
        """RTCP for the locked source: to the port media comes from, or to the one above it."""
        source = self.lock.source
        if source is not None:
            self._port.send(packet, (source[0], source[1] + above, *source[2:]))

    def close(self) -> None:
        """Take no more. Idempotent."""
        self._port.remove(self)

    def take(self, packets: list[bytes], now: float) -> None:
        """Packets of the locked source."""
        self.lock.last_at = now
        outs = self._feed(packets, now)
        if outs:
            self._deliver(outs)

    def offer(self, packet: bytes, address: Address, now: float) -> bool:
        """A packet of an address that is not locked; whether it is now."""
        before = self.lock.source
        packets = self.lock.offer(address, packet, now)
        if not packets:
            return False
        if before is not None:
            self._on_new_source()
        self.take(packets, now)
        return True


class SingleUdp:
    """The shared socket."""

    def __init__(self, poller: SocketPoller, sock: socket.socket) -> None:
        """`sock` is bound, and ours from here on."""
        self.foreign = 0
        """Packets nobody waited for."""
        self._sock = sock
        self._poller = poller
        self._receivers: dict[SharedReceiver, None] = {}
        self._routes: dict[Key, SharedReceiver] = {}
        poller.add(sock.fileno(), self._readable)

    def close(self) -> None:
        """Free the port."""
        self._poller.remove(self._sock.fileno())
        self._sock.close()
        self._receivers.clear()
        self._routes.clear()

    def add(self, receiver: SharedReceiver) -> None:
        self._receivers[receiver] = None

    def remove(self, receiver: SharedReceiver) -> None:
        self._receivers.pop(receiver, None)
        self._forget(receiver)

    def send(self, packet: bytes, address: Address) -> None:
        """A datagram from the shared port."""
        if address[1] <= 65535:
            # A report that cannot be sent now is followed by another one.
            with contextlib.suppress(OSError):
                self._sock.sendto(packet, address)

    def _readable(self) -> None:
        now = monotonic()
        recvfrom_into, buffer = self._sock.recvfrom_into, self._poller.buffer
        found: dict[SharedReceiver, list[bytes]] = {}
        routes = self._routes
        try:
            for _ in range(DRAIN):
                size, address = recvfrom_into(buffer, READ_BYTES)
                packet = bytes(buffer[:size])
                receiver = routes.get((address, packet[8:12]))
                if receiver is None or receiver.lock.source != address:
                    receiver = self._whose(packet, address, now)
                    if receiver is None:
                        continue
                found.setdefault(receiver, []).append(packet)
        except BlockingIOError:
            pass
        except OSError as error:
            if not isinstance(error, ConnectionError):
                for one in list(self._receivers):
                    one.on_failed(str(error))
        for receiver, packets in found.items():
            if receiver in self._receivers:
                receiver.take(packets, now)

    def _whose(self, packet: bytes, address: Address, now: float) -> SharedReceiver | None:
        """The receiver that is to take this packet; None when it was taken or is nobody's."""
        ssrc = packet[8:12]
        here = [one for one in self._receivers if one.lock.source == address]
        if len(here) == 1 and not self._asked(ssrc, address):
            return here[0]
        for receiver in self._candidates(ssrc, address):
            if receiver.offer(packet, address, now):
                self._forget(receiver)
                self._routes[address, ssrc] = receiver
            return None
        self.foreign += 1
        return None

    def _asked(self, ssrc: bytes, address: Address) -> bool:
        """Whether a stream that has not begun was asked for with this SSRC, from there."""
        number = int.from_bytes(ssrc, "big")
        return any(
            one.lock.ssrc == number
            and one.lock.source is None
            and one.lock.networks.allow(address[0])
            for one in self._receivers
        )

    def _candidates(self, ssrc: bytes, address: Address) -> list[SharedReceiver]:
        """Who the packet may be for, by both what it carries and where it comes from."""
        number = int.from_bytes(ssrc, "big")
        near = [one for one in self._receivers if one.lock.networks.allow(address[0])]
        asked = [one for one in near if one.lock.ssrc == number]
        if asked:
            return asked[:1]
        waiting = [one for one in near if one.lock.source is None and one.lock.networks.named]
        return waiting if len(waiting) == 1 else []

    def _forget(self, receiver: SharedReceiver) -> None:
        for key in [key for key, one in self._routes.items() if one is receiver]:
            del self._routes[key]
