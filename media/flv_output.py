"""One stream as FLV: what is muxed once and given to every viewer.

Two renditions share their picture tags: pictures only, and with sound where the sound can be
carried.  Tags are made only while somebody looks; the tags since the last key frame are kept, so
that viewers who come in the middle get the same objects and nothing is muxed twice.
"""

from __future__ import annotations

from media import flv
from media.gop import GopCache
from media.unit import AccessUnit, AudioFormat, VideoFormat


class FlvOutput:
    """Headers and tags of one stream."""

    __slots__ = ("_gop", "_tags", "audio", "last_ms", "version", "video")

    def __init__(self, gop: GopCache) -> None:
        self._gop = gop
        self._tags: list[tuple[bool, bytes]] | None = None
        self.video: VideoFormat | None = None
        self.audio: AudioFormat | None = None
        """Set only where it is carried: G.711 never is."""
        self.version = 0
        """Rises with every change of the formats."""
        self.last_ms = 0

    def set_format(self, video: VideoFormat | None, audio: AudioFormat | None) -> None:
        self.video = video
        self.audio = audio if flv.carries_audio(audio) else None
        self.version += 1

    def head(self, *, audio: bool) -> bytes:
        """File header, metadata and sequence headers for a viewer who begins now."""
        sound = self.audio if audio else None
        header = flv.file_header(video=self.video is not None, audio=sound is not None)
        return header + self.change(audio=audio)

    def change(self, *, audio: bool) -> bytes:
        """Metadata and sequence headers, in mid-stream or behind a file header."""
        ms = self._gop_ms()
        sound = self.audio if audio else None
        parts = [flv.metadata_tag(self.video, sound)]
        if self.video is not None:
            parts.append(flv.video_sequence_header(self.video, ms))
        if sound is not None:
            parts.append(flv.audio_sequence_header(sound, ms))
        return b"".join(parts)

    def tag(self, unit: AccessUnit) -> bytes:
        """The tag of a unit that was just put into the cache; b"" when it is not carried."""
        if unit.video:
            tag = flv.video_tag(unit)
        elif self.audio is not None and unit.codec is self.audio.codec:
            tag = flv.audio_tag(unit)
        else:
            return b""
        self.last_ms = unit.dts // 90
        if not len(self._gop):
            self._tags = None
        elif unit.video and unit.key:
            self._tags = [(True, tag)]
        elif self._tags is not None:
            self._tags.append((unit.video, tag))
        return tag

    def burst(self, *, audio: bool) -> list[bytes]:
        """The tags since the last key frame, that one first; empty when none is cached."""
        if self._tags is None:
            self._tags = self._mux_cached()
        return [tag for video, tag in self._tags if tag and (video or audio)]

    def forget(self) -> None:
        """Nobody looks any more, or the cache was emptied."""
        self._tags = None

    def _mux_cached(self) -> list[tuple[bool, bytes]]:
        tags: list[tuple[bool, bytes]] = []
        for unit in self._gop:
            if unit.video:
                tags.append((True, flv.video_tag(unit)))
            elif self.audio is not None and unit.codec is self.audio.codec:
                tags.append((False, flv.audio_tag(unit)))
        return tags

    def _gop_ms(self) -> int:
        for unit in self._gop:
            return unit.dts // 90
        return self.last_ms
