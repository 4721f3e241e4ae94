"""Sends the media of one call: frames of a source as PS over RTP, on UDP or TCP, in real time."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .elementary import Source
from .loop import Loop, Timer
from .ps import PsWriter
from .rtp import Line, Packetizer, framed

_CHUNK = 24
"""Packets of a frame sent at once; a real camera's network card spreads a key frame likewise."""
_TCP_BACKLOG = 4 * 1024 * 1024


@dataclass(slots=True)
class SenderCounters:
    frames: int = 0
    packets: int = 0
    bytes: int = 0
    blocked: int = 0
    """Packets the socket did not take."""
    errors: list[str] = field(default_factory=list)


class Sender:
    """Owns the media socket from the moment it is handed over. Lives in the loop's thread."""

    def __init__(
        self,
        loop: Loop,
        source: Source,
        packetizer: Packetizer,
        *,
        writer: PsWriter,
        line: Line,
        burst: bool = False,
        on_closed: Callable[[str], None] | None = None,
        first: int = 0,
        end: int | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Frames from number `first` on; with `end` only up to there, then `on_end`."""
        self._loop = loop
        self._source = source
        self._packetizer = packetizer
        self._writer = writer
        self._line = line
        self._burst = burst
        self._on_closed = on_closed or (lambda reason: None)
        self._socket: socket.socket | None = None
        self._peer: tuple[str, int] | None = None
        self._backlog = b""
        self._waiting: deque[bytes] = deque()
        self._timer: Timer | None = None
        self._started_at = 0.0
        self._number = first
        self._first, self._end = first, end
        self._on_end = on_end or (lambda: None)
        self.scale = 1.0
        """How many times faster than real time; media times stay those of the recording. Below 0
        backwards: groups in reverse order, frames inside forwards, media times go on rising."""
        self._paced = self._sent_of_group = 0
        self._shift = 0
        """Frames by which media times are ahead of the recording after running backwards."""
        self.counters = SenderCounters()
        self.stalled = False

    @property
    def running(self) -> bool:
        return self._timer is not None

    @property
    def line(self) -> Line:
        return self._line

    def start_udp(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        self._socket, self._peer = sock, peer
        self._begin()

    def start_tcp(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket, self._peer = sock, None
        self._loop.watch(sock, selectors.EVENT_READ, self._on_tcp)
        self._begin()

    def pause(self) -> None:
        """The stream stops without a word; the socket stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()

    def resume(self) -> None:
        if self._timer is None and self._socket is not None:
            self._begin()

    def seek(self, number: int) -> None:
        """Go on with this frame, whether paused or not."""
        self.pause()
        self._number = number
        self.resume()

    def run(self, scale: float) -> None:
        """Another speed from here on; backwards it begins with the group it is in."""
        self.pause()
        if scale < 0 or self.scale < 0:
            self._go(self._group_of(self._number))
        self.scale = scale
        self.resume()

    def _group_of(self, number: int) -> int:
        """The key frame of the group a frame belongs to."""
        while number > self._first and not self._source.frame(number).key:
            number -= 1
        return number

    def _go(self, number: int) -> None:
        """To another frame, without a jump of media times."""
        self._shift += self._number - number
        self._number = number

    def _turn_back(self) -> bool:
        """At the end of a group backwards: to the one before; False at the beginning."""
        group = self._group_of(self._number - 1)
        if group <= self._first:
            return False
        self._go(self._group_of(group - 1))
        self._sent_of_group = 0
        return True

    def stall(self) -> None:
        """TCP: the connection stays open in the middle of a packet and nothing more comes."""
        self.stalled = True
        if self._socket is not None and self._peer is None:
            self._loop.watch(self._socket, selectors.EVENT_READ, self._on_tcp)

    def close(self) -> None:
        self.pause()
        sock, self._socket = self._socket, None
        if sock is not None:
            self._loop.unwatch(sock)
            sock.close()

    # -- pace ------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._started_at = time.monotonic()
        self._paced = 0
        self._sent_of_group = 0
        self._tick()

    def _tick(self) -> None:
        if self._socket is None:
            return
        number = self._number
        over = self._end is not None and number >= self._end
        group_sent = self._sent_of_group and (over or self._source.frame(number).key)
        if self.scale < 0 and group_sent:
            over = not self._turn_back()
            number = self._number
        if over:
            self._timer = None
            if not self._waiting:
                self._on_end()
            else:
                self._loop.later(0.01, self._tick)
            return
        self._sent_of_group += 1
        pace = self._source.fps * abs(self.scale)
        self._paced += 1
        due = self._started_at + self._paced / pace
        self._timer = self._loop.at(due, self._tick)
        self._number += 1
        ticks = (number - self._first + self._shift) * 90000 // self._source.fps
        frame = self._source.frame(number)
        packets = [
            *self._packetizer.packets(self._writer.video(frame.data, ticks, frame.key), ticks)
        ]
        sound = self._source.sound_of(number) if self._writer.audio else b""
        if sound:
            packets += self._packetizer.packets(self._writer.sound(sound, ticks), ticks)
        self.counters.frames += 1
        self._waiting.extend(self._line.carry(packets))
        self._drain()

    def _drain(self) -> None:
        limit = len(self._waiting) if self._burst or self._peer is None else _CHUNK
        for _ in range(min(limit, len(self._waiting))):
            if not self._waiting:
                break  # the connection was lost meanwhile
            self._send(self._waiting.popleft())
        if self._waiting and (self._timer is not None or self._end is not None):
            self._loop.later(0.002, self._drain)

    # -- wire ------------------------------------------------------------------------------

    def _send(self, packet: bytes) -> None:
        if self._socket is None:
            return
        self.counters.packets += 1
        self.counters.bytes += len(packet)
        if self._peer is None:
            self._send_tcp(framed(packet))
            return
        try:
            self._socket.sendto(packet, self._peer)
        except BlockingIOError:
            self.counters.blocked += 1
        except OSError as error:
            # A closed port on loopback answers with ICMP; a camera takes no notice of it.
            if error.errno != errno.ECONNREFUSED:
                self.counters.errors.append(repr(error))

    def _send_tcp(self, data: bytes) -> None:
        if self.stalled:
            return
        if len(self._backlog) > _TCP_BACKLOG:
            self.counters.blocked += 1
            return
        self._backlog += data
        self._flush()

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._backlog) if self._backlog else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(repr(error))
            return
        self._backlog = self._backlog[sent:]
        write = selectors.EVENT_WRITE if self._backlog else 0
        self._loop.watch(self._socket, selectors.EVENT_READ | write, self._on_tcp)

    def _on_tcp(self, events: int) -> None:
        if self._socket is None:
            return
        if events & selectors.EVENT_READ:
            data = None
            with contextlib.suppress(BlockingIOError):
                try:
                    data = self._socket.recv(65536)
                except ConnectionError:
                    data = b""
            if data == b"":
                self._lost("closed by the platform")
                return
        if events & selectors.EVENT_WRITE and not self.stalled:
            self._flush()

    def _lost(self, reason: str) -> None:
        self.close()
        self._on_closed(reason)
