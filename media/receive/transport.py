"""A transport stream in RTP to units: RTP timestamps say nothing of pictures here, PES times do.

ISO/IEC 13818-1 tables 2-30 to 2-36; RFC 2250 2.
"""

from __future__ import annotations

from typing import Final

from media.ps.psm import STREAM_TYPES
from media.receive.stats import PipelineStats
from media.receive.track import AudioTrack, Out, VideoTrack
from media.ts.demux import TsDemuxer, TsUnit
from media.unit import Codec

OTHER_VIDEO: Final = {0x01: "mpeg1", 0x02: "mpeg2", 0x33: "h266"}
"""Stream types that are in transport streams and in no map of GB/T 28181."""
OTHER_AUDIO: Final = {0x03: "mp2", 0x04: "mp2", 0x11: "aac_latm", 0x81: "ac3"}


class Transport:
    """The pictures and the sound of one program."""

    def __init__(
        self, video: VideoTrack, audio: AudioTrack, stats: PipelineStats, max_unit: int
    ) -> None:
        self.demuxer = TsDemuxer(max_unit)
        self._video = video
        self._audio = audio
        self._stats = stats

    def restart(self) -> None:
        """Another sender follows."""
        self.demuxer.reset()

    def feed(self, payload: bytes, gap: bool, arrival: float, out: Out) -> None:
        """Whole packets; `gap` says that some are missing in front of them."""
        if gap:
            self.demuxer.lost()
        for unit in self.demuxer.feed(payload):
            codec = STREAM_TYPES.get(unit.kind)
            if codec is None:
                self._other(unit.kind)
            elif unit.pid == self._first(codec.is_video):
                self._unit(codec, unit, arrival, out)

    def _unit(self, codec: Codec, unit: TsUnit, arrival: float, out: Out) -> None:
        if codec.is_video:
            if unit.whole:
                self._video.push(codec, unit.data, (unit.pts, unit.dts, None), arrival, out)
            else:
                self._video.drop_damaged(codec, unit.data, head_lost=False)
        elif unit.whole:
            self._audio.push(codec, unit.data, unit.pts, None, arrival, out)
        else:
            self._audio.drop_damaged()

    def _first(self, video: bool) -> int | None:
        """The stream of its kind that is carried: the first of the map."""
        for pid, kind in self.demuxer.streams.items():
            codec = STREAM_TYPES.get(kind)
            if codec is not None and codec.is_video == video:
                return pid
        return None

    def _other(self, kind: int) -> None:
        """Named, where it is picture or sound; subtitles and the like are left out silently."""
        stats = self._stats
        stats.unsupported_codec = OTHER_VIDEO.get(kind) or stats.unsupported_codec
        stats.unsupported_audio = OTHER_AUDIO.get(kind) or stats.unsupported_audio
