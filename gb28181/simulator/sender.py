"""Sends the packets of a stream in real time: over UDP, or over TCP in the frames of RFC 4571.

A sender has one timer for the next picture. A picture of many packets does not leave at once: a
real camera is slower than loopback, and a burst would only test the receiver's socket buffer.
Nothing here waits for the receiver: what does not fit is dropped and counted.

Faults of the network (loss, repetition, order) are made here, from a seeded source.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Final

from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.stream import Stream
from media.rtp.packet import frame_for_tcp

Address = tuple[str, int]

_WAIT: Final = 0.01
"""For a picture that is not encoded yet."""
_BURST: Final = 32
_BURST_PAUSE: Final = 0.002
_BEHIND: Final = 1.0
"""A sender this much behind, because the machine stood still, does not catch up."""
_TCP_BUFFER: Final = 1 << 20
_SEND_BUFFER: Final = 1 << 20


class Network:
    """What happens to packets on the way, by the faults of a device."""

    def __init__(self, faults: Faults, dice: random.Random) -> None:
        self._loss = faults.get(Fault.LOSS, 0.0)
        self._twice = faults.get(Fault.DUPLICATE, 0.0)
        self._swap = faults.get(Fault.REORDER, 0.0)
        self._dice = dice
        self._held: bytes | None = None
        self.is_perfect = not (self._loss or self._twice or self._swap)
        self.lost = 0

    def carry(self, packets: list[bytes]) -> list[bytes]:
        """The packets that arrive, in the order they do."""
        if self.is_perfect:
            return packets
        out: list[bytes] = []
        roll = self._dice.random
        for packet in packets:
            if roll() < self._loss:
                self.lost += 1
                continue
            if self._held is None and roll() < self._swap:
                self._held = packet
                continue
            out.append(packet)
            if roll() < self._twice:
                out.append(packet)
            if self._held is not None:
                out.append(self._held)
                self._held = None
        return out


class Sender:
    """Drives one stream; `write` takes the packets of a picture."""

    def __init__(
        self,
        stream: Stream,
        write: Callable[[list[bytes]], None],
        on_error: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> None:
        """`on_end`: the stream has no more pictures."""
        self.stream = stream
        self._write = write
        self._on_error = on_error
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._closed = False

    @property
    def is_running(self) -> bool:
        return self._timer is not None

    def start(self) -> None:
        """Idempotent."""
        if self._timer is None and not self._closed:
            self._next = self._loop.time()
            self._timer = self._loop.call_later(0, self._run)

    def pause(self) -> None:
        """Idempotent; `start` goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hurry(self) -> None:
        """The next picture is due now: the stream goes at another pace or from another place."""
        if self._timer is not None:
            self.pause()
            self.start()

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        self.pause()

    def _run(self) -> None:
        now = self._loop.time()
        stream = self.stream
        if not stream.is_ready:
            if stream.error:
                self._on_error(stream.error)
                return
            self._next = now + _WAIT
        else:
            if now - self._next > _BEHIND:
                self._next = now
            period = stream.period
            packets = stream.packets()
            if not packets:
                self._timer = None
                self._on_end()
                return
            self._write(packets)
            self._next += period
        if not self._closed:
            self._timer = self._loop.call_at(self._next, self._run)


class UdpOutput:
    """A socket of its own for one call, as a camera has."""

    def __init__(self, local: Address, network: Network) -> None:
        """Binds; raises OSError."""
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self._socket.bind(local)
        except OSError:
            self._socket.close()
            raise
        self._network = network
        self._waiting: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self.port: int = self._socket.getsockname()[1]
        self.packets = 0
        self.bytes = 0
        self.dropped = 0

    def connect(self, remote: Address) -> None:
        """Where everything goes; raises OSError."""
        if self._socket is not None:
            self._socket.connect(remote)

    def write(self, packets: list[bytes]) -> None:
        self._waiting += self._network.carry(packets)
        if self._timer is None:
            self._flush()

    def _flush(self) -> None:
        """One burst; the rest a moment later."""
        sock, self._timer = self._socket, None
        if sock is None:
            return
        for packet in self._waiting[:_BURST]:
            try:
                sock.send(packet)
            except BlockingIOError:
                self.dropped += 1
            except OSError:
                continue  # the receiver closed its port (ICMP): a camera goes on, BYE ends it
            self.packets += 1
            self.bytes += len(packet)
        del self._waiting[:_BURST]
        if self._waiting:
            self._timer = self._loop.call_later(_BURST_PAUSE, self._flush)

    def close(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class TcpOutput(asyncio.Protocol):
    """The connection of one call, opened by us or by the platform."""

    def __init__(self, on_open: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._on_open = on_open
        self._on_lost = on_lost
        self._transport: asyncio.WriteTransport | None = None
        self._closed = False
        self.packets = 0
        self.bytes = 0
        self.dropped = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._closed:
            transport.close()
            return
        self._transport = transport  # type: ignore[assignment]  # that of uvloop is no subclass
        self._on_open()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None and not self._closed:
            self._transport = None
            self._on_lost()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def write(self, packets: list[bytes]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _TCP_BUFFER:
            self.dropped += len(packets)
            return
        data = b"".join([frame_for_tcp(packet) for packet in packets])
        transport.write(data)
        self.packets += len(packets)
        self.bytes += len(data)

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class Unwanted(asyncio.Protocol):
    """A connection where one is there already."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


Output = UdpOutput | TcpOutput
