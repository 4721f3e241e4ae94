"""From elementary data to access units: formats, key frames, what is withheld after a loss.

Rules after a loss, and why. A damaged picture is never given out: browsers end the whole playback
on a slice they cannot decode, while a missing picture is concealed by every decoder. Pictures that
refer to a missing one go on, because a short smear is less than a frozen second. When the damaged
picture was (or may have been) the key frame, or a group of pictures was hit ``MAX_HITS`` times,
there is nothing sound left to refer to: then video waits for the next key frame, and
``waiting_key`` lets the session ask the device for one.
"""

from __future__ import annotations

from typing import Final

from media.errors import StreamFormatError
from media.ps.probe import video_codec
from media.receive.clock import Clock
from media.receive.stats import PipelineStats
from media.sound.aac import SAMPLES_PER_FRAME, AdtsSplitter
from media.sound.g711 import narrow_format
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat
from media.video.nal import Head, ParameterSets, join, read_head

Out = list[AccessUnit | FormatChanged]

MAX_HITS: Final = 12
"""Losses one group of pictures may take: half a second at 25 frames a second."""

VIDEO: Final = 0
AUDIO: Final = 1


class Formats:
    """The formats announced last; both are repeated whenever one changes."""

    def __init__(self) -> None:
        self.video: VideoFormat | None = None
        self.audio: AudioFormat | None = None

    def set_video(self, video: VideoFormat, out: Out) -> None:
        if video != self.video:
            self.video = video
            out.append(FormatChanged(video, self.audio))

    def set_audio(self, audio: AudioFormat, out: Out) -> None:
        if audio != self.audio:
            self.audio = audio
            out.append(FormatChanged(self.video, audio))


class VideoTrack:
    """Pictures of one stream, in decoding order."""

    def __init__(self, clock: Clock, formats: Formats, stats: PipelineStats) -> None:
        self._clock = clock
        self._formats = formats
        self._stats = stats
        self._sets: ParameterSets | None = None
        self._hits = 0
        self._since_key = 0
        self._group = 0
        self._key_dts: int | None = None

    def expect(self, codec: Codec, units: list[bytes]) -> None:
        """The codec is known beforehand, and perhaps its parameter sets."""
        self._sets = ParameterSets(codec)
        self._sets.update(units)

    def restart(self) -> None:
        """Another sender follows: nothing before may be referred to."""
        self._sets = None
        self._key_dts = None
        self._await_key()
        self._group = 0

    def note_loss(self) -> None:
        """Packets are missing; which picture they belonged to may be unknown."""
        self._hits += 1
        if self._hits > MAX_HITS:
            self._await_key()

    def drop_damaged(self, codec: Codec | None, data: bytes, *, head_lost: bool) -> None:
        """A picture with missing parts: counted, and judged by whether others rest on it."""
        self._stats.damaged += 1
        self._since_key += 1
        if head_lost or codec is None:
            # Its kind went with its head: by its place in the group it may be the key frame, and
            # while the group's length is not known any picture may.
            key = self._since_key >= self._group
        else:
            key = read_head(codec, data).key
        if key:
            self._await_key()

    def push(
        self,
        claimed: Codec | None,
        data: bytes,
        times: tuple[int | None, int | None, int | None],
        arrival: float,
        out: Out,
    ) -> None:
        """A whole picture; ``claimed`` is what the sender calls it, ``times`` is PTS, DTS, RTP."""
        codec, head = self._recognise(claimed, data)
        if codec is None or head is None:
            self._stats.skipped += self._stats.unsupported_codec is None
            return
        sets = self._sets
        if sets is None or sets.codec is not codec:
            sets = self._sets = ParameterSets(codec)
            self._await_key()
        if head.slice_at < 0:
            sets.update(head.parameter_sets)
            return
        self._since_key += 1
        if head.key:
            ready = self._key_frame(sets, head, data, out)
            if ready is None:
                self._await_key()
                self._stats.skipped += 1
                return
            data = ready
        elif self._stats.waiting_key:
            sets.update(head.parameter_sets)
            self._stats.skipped += 1
            return
        elif head.parameter_sets:
            # Some cameras repeat SPS and PPS in front of every picture.
            sets.update(head.parameter_sets)
            data = join(head.prefix) + data[head.slice_at :]
        pts, dts = self._clock.stamp(VIDEO, *times, arrival)
        self._stats.frames += 1
        if head.key:
            if self._key_dts is not None:
                self._stats.gop_ticks = dts - self._key_dts
            self._key_dts = dts
        out.append(AccessUnit(True, codec, pts, dts, head.key, data))

    def _recognise(self, claimed: Codec | None, data: bytes) -> tuple[Codec | None, Head | None]:
        """The codec this data really is, with its head read."""
        known = self._sets.codec if self._sets is not None else None
        codec = known or claimed
        if claimed is Codec.SVAC:
            # Its units look like H.264 without being it: here the sender's word counts.
            self._stats.unsupported_codec = claimed
            return None, None
        if codec is not None and codec.is_carried:
            head = read_head(codec, data)
            if head.slice_at >= 0 and not self._stats.waiting_key and not head.foreign:
                return codec, head
        found = video_codec(data)
        if found is None:
            if claimed is not None and not claimed.is_carried:
                self._stats.unsupported_codec = claimed
                return None, None
            if codec is None:
                return None, None
            found = codec
        self._stats.unsupported_codec = None
        head = read_head(found, data)
        return found, None if head.foreign else head

    def _key_frame(self, sets: ParameterSets, head: Head, data: bytes, out: Out) -> bytes | None:
        """Announces the format; the picture with all sets in front, None when it is of no use."""
        sets.update(head.parameter_sets)
        if not sets.ready:
            return None
        try:
            video = sets.format()
        except StreamFormatError:
            return None
        self._formats.set_video(video, out)
        if set(head.parameter_sets) != set(sets.units):
            data = join([*sets.units, *head.prefix]) + data[head.slice_at :]
        if not self._stats.waiting_key:
            self._group = self._stats.gop_frames = self._since_key
        self._since_key = 0
        self._hits = 0
        self._stats.waiting_key = False
        self._stats.key_frames += 1
        return data

    def _await_key(self) -> None:
        self._stats.waiting_key = True
        self._key_dts = None
        self._hits = 0
        self._since_key = 0


class AudioTrack:
    """Sound of one stream."""

    def __init__(self, clock: Clock, formats: Formats, stats: PipelineStats) -> None:
        self._clock = clock
        self._formats = formats
        self._stats = stats
        self._adts = AdtsSplitter()

    def restart(self) -> None:
        self._adts.reset()

    def drop_damaged(self) -> None:
        self._stats.damaged += 1
        self._adts.reset()

    def push(
        self, codec: Codec, data: bytes, pts: int | None, rtp: int | None, arrival: float, out: Out
    ) -> None:
        """One PES or one RTP payload of sound."""
        if not codec.is_carried:
            self._stats.unsupported_audio = codec
            return
        self._stats.unsupported_audio = None
        if codec is Codec.AAC:
            self._push_aac(data, pts, rtp, arrival, out)
        elif data:
            self._formats.set_audio(narrow_format(codec), out)
            self._emit(codec, data, pts, rtp, arrival, out)

    def push_whole(
        self, told: AudioFormat, data: bytes, pts: int, arrival: float, out: Out
    ) -> None:
        """One frame of a format that was told beforehand, with its own time."""
        self._stats.unsupported_audio = None
        self._formats.set_audio(told, out)
        self._emit(told.codec, data, pts, None, arrival, out)

    def push_raw(self, told: AudioFormat, frame: bytes, rtp: int, arrival: float, out: Out) -> None:
        """One frame of a format that was told beforehand."""
        self._stats.unsupported_audio = None
        self._formats.set_audio(told, out)
        self._emit(told.codec, frame, None, rtp, arrival, out)

    def _push_aac(
        self, data: bytes, pts: int | None, rtp: int | None, arrival: float, out: Out
    ) -> None:
        carried = self._adts.unfinished
        frames = self._adts.feed(data)
        audio = self._adts.format
        if not frames or audio is None:
            return
        self._formats.set_audio(audio, out)
        for index, frame in enumerate(frames):
            # The time stands for the first frame that begins in the payload (13818-1 2.4.3.7).
            place = index - 1 if carried else index
            later = place * SAMPLES_PER_FRAME * CLOCK_HZ // audio.sample_rate
            self._emit(
                Codec.AAC,
                frame,
                None if pts is None else pts + later,
                None if rtp is None else rtp + later,
                arrival,
                out,
            )

    def _emit(
        self, codec: Codec, data: bytes, pts: int | None, rtp: int | None, arrival: float, out: Out
    ) -> None:
        # Sound has no reordering: its PTS is its DTS.
        pts, dts = self._clock.stamp(AUDIO, pts, pts, rtp, arrival)
        self._stats.audio_frames += 1
        out.append(AccessUnit(False, codec, pts, dts, True, data))
