"""RTP packets in, access units out: the whole receiving side of a stream in one object.

``feed_all`` is written for the packet that continues the open frame in order, of which there are
hundreds a second and stream: it reads the header into locals, appends the payload and goes on.
Everything unusual (first packets, disorder, header extensions, other senders, bare sound) takes
the second door, ``_general``. Nothing here raises on bad input, and nothing grows without bound:
the frame is limited by ``max_frame``, the ring by its window, foreign packets by ``TAKEOVER``.

Who is the sender. The first SSRC is locked. Another one is the same sender when it goes on with the
next sequence number, and takes over when ``TAKEOVER`` packets of it come with none of the locked
one in between, or the locked one is silent for ``SILENT_S``; packets held meanwhile are not lost.
Cameras write 0 or whatever they like, so the value itself is never judged here.

GB/T 28181-2022 Annex C.1, C.2.4; RFC 3550 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.ps.probe import NAMED_VIDEO, STATIC_AUDIO, STATIC_OTHER, Container, starts_ps
from media.receive.assembler import MAX_FRAME, Assembler
from media.receive.clock import Clock
from media.receive.sound_in import SoundIn
from media.receive.stats import PipelineStats
from media.receive.track import AudioTrack, Formats, Out, VideoTrack
from media.rtp.packet import HEADER, HEADER_BYTES, PLAIN_FIRST_OCTET, is_rtcp, payload_of
from media.rtp.reception import Counts, Reception
from media.rtp.reorder import WINDOW, Mark, Reorder
from media.sound import g711
from media.unit import AudioFormat, Codec, VideoFormat

TAKEOVER = 8
SILENT_S = 5.0
SAME_SPACE = 32
"""Bare sound whose sequence numbers are this close to the picture's shares their space."""
UNKNOWN_LIMIT = 200
"""Packets without a recognisable container after which the payload type names the codec."""

EXPECTED = {Codec.H264: Container.H264, Codec.H265: Container.H265}

SoundTrack = tuple[Codec, int, AudioFormat | None, tuple[int, int, int]]
"""Codec, clock, format of AAC, bits of its headers."""

_unpack = HEADER.unpack_from


class BareAudio:
    """Sound in its own RTP payload type beside the picture (RFC 3551, types 0 and 8)."""

    __slots__ = ("_last", "_scale", "_size", "_time", "order", "separate", "votes")

    def __init__(self) -> None:
        self.order: Reorder[bytes] = Reorder(window=16)
        self.separate: bool | None = None
        """Whether it has its own sequence numbers; None until the first packet tells."""
        self.votes = 0
        self._last = 0
        self._size = 0
        self._time = 0
        self._scale = 0

    def ticks(self, timestamp: int, size: int) -> int:
        """90 kHz time of a packet; some senders count sound in 90 kHz, against RFC 3551."""
        step = (timestamp - self._last) & 0xFFFFFFFF
        if not self._scale and self._size and step:
            self._scale = 1 if step == g711.duration(self._size) else 2
        self._last = timestamp
        self._size = size
        if step < 0x80000000:
            self._time += step if self._scale == 1 else g711.rtp_ticks(step)
        return self._time


class Pipeline:
    """Receives one stream."""

    def __init__(
        self,
        *,
        ordered: bool = False,
        window: int = WINDOW,
        max_wait: float = 0.1,
        max_frame: int = MAX_FRAME,
    ) -> None:
        """``ordered``: the transport keeps packets in order (TCP), so no gap is waited for."""
        self._stats = PipelineStats()
        self._clock = Clock()
        self._formats = Formats()
        self._video = VideoTrack(self._clock, self._formats, self._stats)
        self._audio = AudioTrack(self._clock, self._formats, self._stats)
        self._frame = Assembler(self._video, self._audio, self._stats, max_frame=max_frame)
        self._order: Reorder[bytes] = Reorder(window=0 if ordered else window, max_wait=max_wait)
        self._bare = BareAudio()
        self._max_frame = max_frame
        self._ordered = ordered
        self._told: tuple[Codec, list[bytes]] | None = None
        self._sound_in: SoundIn | None = None
        self._ssrc = -1
        self._payload_type = -1
        self._gap = False
        self._foreign_ssrc = -1
        self._foreign: list[bytes] = []
        self._locked_at = 0.0
        self._not_audio: set[int] = set()
        self.reception = Reception()
        """What is told to the sender, and heard from it, by RTCP."""
        self.rtcp_muxed = False
        """The sender's RTCP comes to the port of its RTP (RFC 5761)."""

    @property
    def stats(self) -> PipelineStats:
        """Counters up to now; always the same object."""
        stats = self._stats
        order, bare = self._order, self._bare.order
        stats.lost = order.lost + bare.lost
        stats.late = order.late + bare.late
        stats.duplicates = order.duplicates + bare.duplicates
        stats.restarts = order.restarts
        stats.bad_ps = self._frame.ps.bad + self._frame.ts.demuxer.bad
        stats.clock_repairs = self._clock.repairs
        return stats

    @property
    def video_format(self) -> VideoFormat | None:
        return self._formats.video

    @property
    def audio_format(self) -> AudioFormat | None:
        return self._formats.audio

    @property
    def jitter_ms(self) -> float:
        """Of the arrivals of frames."""
        return self._frame.jitter.ms

    def counts(self) -> Counts | None:
        """What a receiver report tells now; None while there is no sender."""
        stats, order = self._stats, self._order
        if self._ssrc < 0:
            return None
        return Counts(
            self._ssrc,
            (order.expected - 1) & 0xFFFF,
            stats.packets - stats.bad_rtp - stats.rtcp - stats.foreign,
            order.lost,
            order.late,
            order.duplicates,
            round(self._frame.jitter.ticks),
        )

    def expect(self, codec: Codec | None, units: list[bytes], sound: SoundTrack | None) -> None:
        """What was told beforehand of pictures and sound, for the sender that comes now."""
        self._told = None if codec is None else (codec, units)
        self._sound_in = None
        self._frame.expected = None if codec is None else EXPECTED.get(codec)
        if sound is not None:
            self._sound_in = SoundIn(self._audio, *sound, ordered=self._ordered)
        self._frame.restart()
        self._apply_told()

    def feed_sound(self, packets: Sequence[bytes], arrival: float) -> Out:
        """Packets of sound that is a stream of its own."""
        out: Out = []
        self._stats.last_packet_at = arrival
        if self._sound_in is not None:
            for packet in packets:
                self._stats.packets += 1
                self._stats.bytes += len(packet)
                self._sound_in.push(packet, arrival, out)
        return out

    def count(self, size: int, arrival: float) -> None:
        """A message came that is no RTP packet."""
        stats = self._stats
        stats.packets += 1
        stats.bytes += size
        stats.last_packet_at = arrival
        if stats.first_packet_at is None:
            stats.first_packet_at = arrival

    def picture(self, codec: Codec, data: bytes, pts: int, dts: int, arrival: float) -> Out:
        """A whole picture with its times, 90 kHz."""
        out: Out = []
        self._stats.container = "flv"
        self._video.push(codec, data, (pts, dts, None), arrival, out)
        return out

    def sound(self, told: AudioFormat, data: bytes, pts: int, arrival: float) -> Out:
        """A whole frame of sound, or the samples of one message, with its time, 90 kHz."""
        out: Out = []
        self._audio.push_whole(told, data, pts, arrival, out)
        return out

    def not_carried(self, codec: str, *, video: bool) -> None:
        """What came is of a codec that is not carried."""
        if video:
            self._stats.unsupported_codec = codec
        else:
            self._stats.unsupported_audio = codec

    def _apply_told(self) -> None:
        if self._told is not None:
            self._video.expect(*self._told)

    def feed(self, packet: bytes, arrival: float) -> Out:
        """Takes one RTP packet; ``arrival`` in monotonic seconds."""
        return self.feed_all((packet,), arrival)

    def feed_all(self, packets: Sequence[bytes], arrival: float) -> Out:
        """Takes RTP packets that were read together."""
        stats, order, frame = self._stats, self._order, self._frame
        stats.packets += len(packets)
        stats.last_packet_at = arrival
        out: Out = []
        for packet in packets:
            size = len(packet)
            stats.bytes += size
            if size < HEADER_BYTES:
                stats.bad_rtp += 1
                continue
            first, second, sequence, timestamp, ssrc = _unpack(packet)
            if (
                sequence != order.expected
                or ssrc != self._ssrc
                or second & 0x7F != self._payload_type
                or first != PLAIN_FIRST_OCTET
                or not order.calm
                or self._gap
                or self._foreign
            ):
                self._general(packet, second, sequence, ssrc, arrival, out)
                continue
            order.expected = (sequence + 1) & 0xFFFF
            if timestamp == frame.timestamp and second < 0x80 and arrival < frame.until:
                frame.chunks.append(packet[HEADER_BYTES:])
                frame.size += size - HEADER_BYTES
                if frame.size > self._max_frame:
                    frame.overflow()
                continue
            self._locked_at = arrival
            frame.push(packet[HEADER_BYTES:], timestamp, second >= 0x80, False, arrival, out)
        return out

    def flush(self, now: float) -> Out:
        """Gives up gaps that have lasted too long; call some times a second."""
        out: Out = []
        if self._order.due(now):
            self._deliver(self._order.expire(now), now, out)
        if self._bare.order.due(now):
            self._deliver_bare(self._bare.order.expire(now), now, out)
        self._frame.flush(now, out)
        if self._sound_in is not None:
            self._sound_in.flush(now, out)
        if self._frame.container is None and self._stats.packets > UNKNOWN_LIMIT:
            named = NAMED_VIDEO.get(self._payload_type)
            self._stats.unsupported_codec = named or self._stats.unsupported_codec
        return out

    def restart(self) -> Out:
        """Another sender follows; output times go on, what was open comes out."""
        out: Out = []
        self._deliver(self._order.drain(), self._stats.last_packet_at or 0.0, out)
        self._frame.finish(out)
        self._frame.restart()
        self._clock.restart()
        self._video.restart()
        self._audio.restart()
        self._bare = BareAudio()
        self._ssrc = -1
        self._payload_type = -1
        self._foreign = []
        self._foreign_ssrc = -1
        self._gap = False
        self._not_audio.clear()
        self.rtcp_muxed = False
        return out

    def _general(
        self, packet: bytes, second: int, sequence: int, ssrc: int, arrival: float, out: Out
    ) -> None:
        if packet[0] >> 6 != 2:
            self._stats.bad_rtp += 1
            return
        if is_rtcp(packet):
            self._stats.rtcp += 1
            self.rtcp_muxed = self.reception.hear(packet, arrival) or self.rtcp_muxed
            return
        if self._stats.first_packet_at is None:
            self._stats.first_packet_at = arrival
        kind = second & 0x7F
        if (kind in STATIC_AUDIO or kind in STATIC_OTHER) and kind not in self._not_audio:
            if not starts_ps(packet[HEADER_BYTES : HEADER_BYTES + 4]):
                self._sound(packet, sequence, ssrc, arrival, out)
                return
            self._not_audio.add(kind)
        if ssrc != self._ssrc and not self._accept(packet, sequence, ssrc, arrival, out):
            return
        if self._foreign:
            self._stats.foreign += len(self._foreign)
            self._foreign = []
        self._payload_type = kind
        self._locked_at = arrival
        self._deliver(self._order.push(sequence, packet, arrival), arrival, out)

    def _accept(self, packet: bytes, sequence: int, ssrc: int, arrival: float, out: Out) -> bool:
        """Whether the packet of another SSRC is to be taken as the stream's."""
        if self._ssrc < 0:
            self._lock(ssrc)
            return True
        if sequence == self._order.expected:
            # The number goes on: the same sender, only its SSRC was rewritten.
            self._stats.ssrc_changes += 1
            self._lock(ssrc)
            return True
        if ssrc != self._foreign_ssrc:
            self._stats.foreign += len(self._foreign)
            self._foreign = []
            self._foreign_ssrc = ssrc
        self._foreign.append(packet)
        if len(self._foreign) < TAKEOVER and arrival - self._locked_at < SILENT_S:
            return False
        held, self._foreign = self._foreign[:-1], []
        self._take_over(ssrc, arrival, out)
        for earlier in held:
            number = int.from_bytes(earlier[2:4], "big")
            self._deliver(self._order.push(number, earlier, arrival), arrival, out)
        return True

    def _lock(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._stats.ssrc = ssrc

    def _take_over(self, ssrc: int, arrival: float, out: Out) -> None:
        """Another sender on the same port: finish what is open, begin anew, keep the times."""
        self._stats.ssrc_changes += 1
        self._deliver(self._order.drain(), arrival, out)
        self._frame.finish(out)
        self._frame.restart()
        self._video.restart()
        self._audio.restart()
        self._apply_told()
        self._gap = False
        self._lock(ssrc)

    def _deliver(self, items: list[bytes | Mark], arrival: float, out: Out) -> None:
        for item in items:
            if isinstance(item, Mark):
                self._gap = True
                self._video.note_loss()
                if item is Mark.RESTART:
                    self._video.restart()
                    self._apply_told()
                continue
            self._consume(item, arrival, out)

    def _consume(self, packet: bytes, arrival: float, out: Out) -> None:
        payload = payload_of(packet)
        if payload is None:
            self._stats.bad_rtp += 1
            return
        _, second, _, timestamp, _ = _unpack(packet)
        kind = second & 0x7F
        if (kind in STATIC_AUDIO or kind in STATIC_OTHER) and kind not in self._not_audio:
            self._bare_payload(kind, payload, timestamp, arrival, out)
            return
        gap, self._gap = self._gap, False
        self._frame.push(payload, timestamp, second > 0x7F, gap, arrival, out)

    def _sound(self, packet: bytes, sequence: int, ssrc: int, arrival: float, out: Out) -> None:
        """Bare sound: through the picture's sequence numbers when it shares them, else its own."""
        kind = packet[1] & 0x7F
        if kind in STATIC_OTHER:
            self._stats.unsupported_audio = STATIC_OTHER[kind]
        bare = self._bare
        distance = (sequence - self._order.expected + SAME_SPACE) & 0xFFFF
        near = ssrc == self._ssrc and distance < 2 * SAME_SPACE
        if bare.separate is None:
            bare.separate = not near
        elif bare.separate == near:
            # It looks like the other way of numbering; three times in a row is no accident.
            bare.votes += 1
            if bare.votes >= 3:
                bare.separate, bare.votes = not near, 0
        else:
            bare.votes = 0
        if bare.separate:
            self._deliver_bare(bare.order.push(sequence, packet, arrival), arrival, out)
        else:
            self._deliver(self._order.push(sequence, packet, arrival), arrival, out)

    def _deliver_bare(self, items: list[bytes | Mark], arrival: float, out: Out) -> None:
        for item in items:
            if isinstance(item, Mark):
                continue
            payload = payload_of(item)
            if payload:
                _, second, _, timestamp, _ = _unpack(item)
                self._bare_payload(second & 0x7F, payload, timestamp, arrival, out)

    def _bare_payload(
        self, kind: int, payload: bytes, timestamp: int, arrival: float, out: Out
    ) -> None:
        codec = STATIC_AUDIO.get(kind)
        if codec is not None and payload:
            time = self._bare.ticks(timestamp, len(payload))
            self._audio.push(codec, payload, None, time, arrival, out)
