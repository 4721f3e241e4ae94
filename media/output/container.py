"""One stream in one container: what is muxed once and given to every viewer.

All viewers of a container share their picture chunks; they differ in the sound they get: none, the
camera's own, or AAC.  Chunks are made only while somebody looks; those since the last key frame are
kept, so that viewers who come in the middle get the same objects and nothing is muxed twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from media.node import Sound
from media.output.gop import GopCache
from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat


class Output(ABC):
    """Headers and chunks of one stream; a container says how they look."""

    adds_tracks = False
    """A viewer can be given a sound it was not told of at first, and may leave it out itself."""

    def __init__(self, gop: GopCache) -> None:
        self._gop = gop
        self._chunks: list[tuple[AccessUnit, bytes]] | None = None
        self._codecs: frozenset[Codec] = frozenset()
        self._tracks: dict[Sound, AudioFormat | None] = {}
        self.video: VideoFormat | None = None
        self.version = 0
        """Rises with every change of the formats."""
        self.last_dts = 0

    @abstractmethod
    def head(self, sound: AudioFormat | None) -> bytes:
        """What a viewer who begins now gets first."""

    @abstractmethod
    def change(self, sound: AudioFormat | None) -> bytes:
        """What a viewer gets where the formats change in mid-stream."""

    @abstractmethod
    def mux(self, unit: AccessUnit) -> bytes:
        """The chunk of one unit that is carried; b"" when nothing is left of it."""

    @staticmethod
    @abstractmethod
    def carries(audio: AudioFormat) -> bool:
        """Whether a track of this format goes into the container."""

    def set_format(
        self, video: VideoFormat | None, raw: AudioFormat | None, aac: AudioFormat | None
    ) -> None:
        """`raw` is the camera's sound, `aac` the same or what is made of it."""
        self.video = video
        self._tracks = {
            "raw": raw if raw is not None and self.carries(raw) else None,
            "aac": aac if aac is not None and self.carries(aac) else None,
            "auto": aac if aac is not None and aac is raw and self.carries(aac) else None,
        }
        self._codecs = frozenset(track.codec for track in self._tracks.values() if track)
        self.version += 1

    def track(self, sound: Sound) -> AudioFormat | None:
        """The track a viewer who wishes this gets."""
        return self._tracks.get(sound)

    def chunk(self, unit: AccessUnit) -> bytes:
        """The chunk of a unit that was just put into the cache; b"" when it is not carried."""
        if not (unit.video or unit.codec in self._codecs):
            return b""
        chunk = self.mux(unit)
        self.last_dts = unit.dts
        if not len(self._gop):
            self._chunks = None
        elif unit.video and unit.key:
            self._chunks = [(unit, chunk)]
        elif self._chunks is not None:
            self._chunks.append((unit, chunk))
        return chunk

    def burst(self, sound: AudioFormat | None) -> list[bytes]:
        """The chunks since the last key frame, that one first; empty when none is cached."""
        if self._chunks is None:
            self._chunks = [
                (unit, self.mux(unit))
                for unit in self._gop
                if unit.video or unit.codec in self._codecs
            ]
        codec = None if sound is None else sound.codec
        return [
            chunk for unit, chunk in self._chunks if chunk and (unit.video or unit.codec is codec)
        ]

    def forget(self) -> None:
        """Nobody looks any more, or the cache was emptied."""
        self._chunks = None

    def begins_at(self) -> int:
        """Decoding time of the first picture a new viewer gets."""
        for unit in self._gop:
            return unit.dts
        return self.last_dts
