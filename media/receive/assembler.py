"""Collects the payloads of one RTP timestamp (a *burst*) and turns them into units.

Theory. A burst ends when a packet with another timestamp comes; it is joined once and walked once,
so a packet costs an append and nothing more. Three things bend this rule:

* The marker bit says the same one packet earlier, which saves a frame of delay, but nothing obliges
  a sender to set it well. It is believed only after ``TRUST`` bursts in a row had it on their last
  packet and nowhere else, and only when every stated PES length is satisfied.
* Some senders cut a program stream into packets without regard for frames. Then the first packet of
  a new timestamp does not begin with a header: what is finished goes out, the rest stays.
* Some senders never change the timestamp. When a burst lasts longer than ``FROZEN_S``, bursts are
  cut at pack headers instead (without a program stream: at markers).

A burst that grows beyond the limit is dropped and counted, so memory is bounded whatever comes.

GB/T 28181-2022 4.3.6 (one timestamp per frame) and Annex C.1.
"""

from __future__ import annotations

from typing import Final

from media.ps.demux import PACK, START, Piece, PsDemuxer
from media.ps.probe import Container, audio_codec, container_of, starts_ps, video_codec
from media.ps.psm import STREAM_TYPES
from media.receive.jitter import Jitter
from media.receive.stats import PipelineStats
from media.receive.track import AudioTrack, Out, VideoTrack
from media.receive.transport import Transport
from media.rtp import es
from media.ts.demux import continues_ts, starts_ts
from media.unit import Codec

MAX_FRAME: Final = 4 * 1024 * 1024
TRUST: Final = 8
FROZEN_S: Final = 0.5
QUIET_S: Final = 0.2
"""A complete burst that nothing follows for so long is given out by ``flush``."""

MAX_BARREN: Final = 50
"""Bursts without a single PES after which the stream is probed anew."""

PACK_START: Final = START + bytes((PACK,))
ES_CODECS: Final = {Container.H264: Codec.H264, Container.H265: Codec.H265}


class Assembler:
    """Bursts of the main payload type of one sender."""

    def __init__(
        self,
        video: VideoTrack,
        audio: AudioTrack,
        stats: PipelineStats,
        *,
        max_frame: int = MAX_FRAME,
    ) -> None:
        self._video = video
        self._audio = audio
        self._stats = stats
        self._max_frame = max_frame
        self.ps = PsDemuxer()
        self.ts = Transport(video, audio, stats, max_frame)
        self.jitter = Jitter()
        self.container: Container | None = None
        self.expected: Container | None = None
        """What was told beforehand; it need not be recognised."""
        self.timestamp = -1
        """RTP timestamp of the open burst; -1 when none is open for more packets."""
        self.chunks: list[bytes] = []
        self.size = 0
        self.until = 0.0
        """Up to this arrival time a packet that continues the burst may simply be appended."""
        self._deadline = 0.0
        self._arrival = 0.0
        self._last_arrival = 0.0
        self._rtp = 0
        self._damaged = False
        self._head_lost = False
        self._markers = 0
        self._marked = False
        self._trust = 0
        self._cut = False
        self._overflow = False
        self._quiet_size = 0
        self._scanned = 0
        """Chunks already searched for a pack header that closes the open unit."""
        self._after_marker = False
        self._barren = 0

    def restart(self) -> None:
        """Another sender follows; what is open is thrown away."""
        self._open(-1, 0.0)
        self._rtp = 0
        self._trust = 0
        self._cut = False
        self.jitter.restart()
        self.ps.reset()
        self.ts.restart()
        self._forget_container()

    def push(
        self,
        payload: bytes,
        timestamp: int,
        marker: bool,
        gap: bool,
        arrival: float,
        out: Out,
    ) -> None:
        """The next payload in order; ``gap`` says that packets are missing in front of it."""
        if self.container is Container.TS or (self.container is None and starts_ts(payload)):
            self._transport(payload, timestamp, gap, arrival, out)
            return
        if timestamp != self.timestamp:
            if self.container is Container.PS and not starts_ps(payload):
                self._headless(gap, payload, timestamp, arrival, out)
            else:
                self._next(gap, payload, timestamp, arrival, out)
        elif arrival >= self._deadline or self._cut:
            if not self._cut:
                self._cut = True
                self.until = 0.0
            if payload.startswith(PACK_START):
                self._next(gap, payload, timestamp, arrival, out)
                self._cut = True
            elif gap:
                self._damaged = True
        elif gap:
            self._damaged = True
        self._add(payload, arrival)
        if marker:
            self._on_marker(out)

    def _transport(
        self, payload: bytes, timestamp: int, gap: bool, arrival: float, out: Out
    ) -> None:
        """A payload of transport packets: their RTP timestamps say nothing of pictures."""
        if not continues_ts(payload):
            self._barren += 1
            if self._barren > MAX_BARREN or starts_ps(payload):
                self._forget_container()
                self.ts.restart()
            return
        if self.container is None:
            self._open(-1, 0.0)
            self.container = self._stats.container = Container.TS
        self._barren = 0
        self.jitter.take(timestamp, arrival)
        self.ts.feed(payload, gap, arrival, out)

    def flush(self, now: float, out: Out) -> None:
        """Gives out a complete unit that nothing has followed for a while."""
        if not self.chunks or now - self._last_arrival < QUIET_S or self._quiet_size == self.size:
            return
        self._quiet_size = self.size
        self._try_whole(out)

    def finish(self, out: Out) -> None:
        """Nothing follows: what is there goes out, if it has its end."""
        self._end(True, out)
        self._open(-1, 0.0)

    def _next(self, gap: bool, payload: bytes, timestamp: int, arrival: float, out: Out) -> None:
        """Ends the open burst and begins the one of ``payload``."""
        self._end(gap, out)
        marked = self._marked
        self._cut = self._cut and timestamp == self.timestamp
        self._open(timestamp, arrival)
        self._head_lost = gap
        self._after_marker = marked
        if self.container is not Container.PS and payload.startswith(PACK_START):
            self._forget_container()

    def _forget_container(self) -> None:
        self.container = self._stats.container = self.expected
        self._barren = 0

    def _open(self, timestamp: int, arrival: float) -> None:
        self.timestamp = timestamp
        if timestamp >= 0:
            self.jitter.take(timestamp, arrival)
        self.chunks = []
        self.size = 0
        self._deadline = arrival + FROZEN_S
        self.until = 0.0 if self._cut or self.container is None else self._deadline
        self._arrival = arrival
        self._rtp = timestamp
        self._damaged = False
        self._head_lost = False
        self._markers = 0
        self._marked = False
        self._overflow = False
        self._quiet_size = 0
        self._scanned = 0

    def _add(self, payload: bytes, arrival: float) -> None:
        self._last_arrival = arrival
        self._marked = False
        if self._overflow:
            return
        if self.container is None:
            self._recognise(payload)
        self.chunks.append(payload)
        self.size += len(payload)
        if self.size > self._max_frame:
            self.overflow()

    def overflow(self) -> None:
        """The burst is larger than any frame: forget it and wait for the next."""
        self._overflow = True
        self.until = 0.0
        self.chunks = []
        self.size = 0
        self._stats.oversized += 1
        self._video.drop_damaged(None, b"", head_lost=True)

    def _recognise(self, payload: bytes) -> None:
        found = container_of(payload)
        if found is not None:
            self.container = found
            self._stats.container = found

    def _on_marker(self, out: Out) -> None:
        self._markers += 1
        self._marked = True
        if self._cut and self.container is not Container.PS:
            self._end(False, out)
            self._open(self.timestamp, self._last_arrival)
        elif self._trust >= TRUST and self._markers == 1 and not self._damaged:
            if self._try_whole(out):
                # The timestamp stays: should more of it come, the marker had lied.
                self._markers = 1
            else:
                self._trust = -TRUST

    def _try_whole(self, out: Out) -> bool:
        """Gives out the burst if it is complete as far as its own structure tells."""
        if self._damaged or self._head_lost or not self.chunks:
            return False
        if self.container is None:
            return False
        if self.container is not Container.PS:
            codec, data, whole = self._bare_picture(self.chunks)
            if whole:
                self._used()
                self._picture(codec, data, out)
            return whole
        data = b"".join(self.chunks)
        if not starts_ps(data):
            return False
        bad = self.ps.bad
        pieces, _ = self.ps.parse(data)
        if self.ps.unfinished or not pieces or not all(piece.complete for piece in pieces):
            self.ps.bad = bad
            return False
        self._used()
        for piece in pieces:
            self._piece(piece, False, out)
        return True

    def _bare_picture(self, chunks: list[bytes]) -> tuple[Codec | None, bytes, bool]:
        """Codec, Annex B and wholeness of a picture without a program stream around it."""
        if self.container is Container.H264 or self.container is Container.H265:
            codec = ES_CODECS[self.container]
            data, whole = es.assemble(codec, chunks)
            return codec, data, whole
        data = b"".join(chunks)
        return video_codec(data), data, True

    def _used(self) -> None:
        self.chunks = []
        self.size = 0
        self._quiet_size = 0

    def _end(self, tail_lost: bool, out: Out) -> None:
        """The burst is over; with ``tail_lost`` packets are missing behind its last one."""
        if not tail_lost and not self._damaged and self.timestamp >= 0:
            good = self._marked and self._markers == 1
            self._trust = min(self._trust + 1, TRUST) if good else min(self._trust, 0) - 1
            self._trust = max(self._trust, -TRUST)
        chunks, marked = self.chunks, self._marked
        self.chunks = []
        self.size = 0
        if not chunks or self.container is None:
            return
        if self.container is Container.PS:
            self._end_ps(b"".join(chunks), tail_lost and not marked, out)
            return
        # Missing packets in front of this burst are its own when the one before had its marker.
        damaged = self._damaged or (self._head_lost and self._after_marker)
        damaged = damaged or (tail_lost and not marked)
        codec, data, whole = self._bare_picture(chunks)
        if damaged or not whole:
            self._video.drop_damaged(codec, data, head_lost=self._head_lost)
        else:
            self._picture(codec, data, out)

    def _end_ps(self, data: bytes, tail_lost: bool, out: Out) -> None:
        headless = self._head_lost and not starts_ps(data)
        pieces, _ = self.ps.parse(data)
        last = pieces[-1] if pieces else None
        self._barren = 0 if pieces else self._barren + 1
        if self._barren > MAX_BARREN:
            self._forget_container()
        seen_video = False
        for piece in pieces:
            if piece.stream < 0xE0:
                hurt = self._damaged or (tail_lost and piece is last)
                self._piece(piece, hurt and not piece.complete, out)
                continue
            lost = tail_lost and piece is last and not piece.surely_whole
            if self._head_lost and not seen_video:
                # Without its beginning a picture does not begin with a start code.
                lost = lost or headless or not piece.data.startswith((START, b"\x00" + START))
            seen_video = True
            self._piece(piece, self._damaged or lost, out)
        if (headless and not seen_video) or (self._damaged and not pieces):
            self._video.drop_damaged(None, b"", head_lost=True)

    def _piece(self, piece: Piece, damaged: bool, out: Out) -> None:
        kind = self.ps.streams.get(piece.stream)
        codec = STREAM_TYPES.get(kind) if kind is not None else None
        if piece.stream >= 0xE0:
            if piece.stream != self._chosen(range(0xE0, 0xF0), piece.stream):
                return
            if damaged:
                self._video.drop_damaged(codec, piece.data, head_lost=self._head_lost)
            elif self._unknown(kind, codec, piece.data):
                self._stats.unsupported_codec = f"0x{kind:02x}"
            else:
                times = (piece.pts, piece.dts, self._rtp)
                self._video.push(codec, piece.data, times, self._arrival, out)
        elif piece.stream == self._chosen(range(0xC0, 0xE0), 0xC0):
            if damaged:
                self._audio.drop_damaged()
                return
            if kind is not None and codec is None:
                self._stats.unsupported_audio = f"0x{kind:02x}"
                return
            codec = codec or audio_codec(piece.data)
            self._audio.push(codec, piece.data, piece.pts, self._rtp, self._arrival, out)

    def _unknown(self, kind: int | None, codec: Codec | None, data: bytes) -> bool:
        """A stream type without a name, and no picture of a known codec has come to light."""
        if kind is None or codec is not None or not self._stats.waiting_key:
            return False
        return video_codec(data) is None

    def _chosen(self, ids: range, otherwise: int) -> int:
        """The one stream of its kind that is carried: the first of the map."""
        for stream in self.ps.streams:
            if stream in ids:
                return stream
        return otherwise

    def _picture(self, codec: Codec | None, data: bytes, out: Out) -> None:
        self._video.push(codec, data, (None, None, self._rtp), self._arrival, out)

    def _headless(
        self, gap: bool, payload: bytes, timestamp: int, arrival: float, out: Out
    ) -> None:
        """A new timestamp in a program stream whose payload does not begin with a header."""
        found = container_of(payload)
        if found in ES_CODECS:
            # The sender has left the program stream: nobody sends a parameter set like this in it.
            self._next(gap, payload, timestamp, arrival, out)
            self.container = found
            self._stats.container = found
        elif gap or self._damaged or not self.chunks:
            self._next(gap, payload, timestamp, arrival, out)
        elif not self._scanned and self._try_whole(out):
            # The open unit has all it wants; what comes now belongs to one whose head is unknown.
            self._next(gap, payload, timestamp, arrival, out)
        else:
            self._carry(timestamp, arrival, out)

    def _carry(self, timestamp: int, arrival: float, out: Out) -> None:
        """Frames do not end with packets here: give out what is closed, keep the open unit.

        Only a pack header can close a unit, so the burst is parsed when a new one has come, and
        every payload is searched once.
        """
        closed = any(
            payload.find(PACK_START, 0 if index else 1) >= 0
            for index, payload in enumerate(self.chunks)
            if index >= self._scanned
        )
        self._scanned = len(self.chunks)
        self.timestamp = timestamp
        self._deadline = arrival + FROZEN_S
        if not closed:
            return
        data = b"".join(self.chunks)
        pieces, used = self.ps.parse(data, final=False)
        for piece in pieces:
            self._piece(piece, False, out)
        rest = data[used:]
        head_lost = self._head_lost and not pieces
        self._open(timestamp, arrival)
        self._head_lost = head_lost
        self.chunks = [rest]
        self.size = len(rest)
        self._scanned = 1
