"""A stream as FLV: pictures only, with AAC, or, where it is asked for, with the camera's G.711."""

from __future__ import annotations

from media.output import flv
from media.output.container import Output
from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat


class FlvOutput(Output):
    """Headers and tags of one stream."""

    def head(self, sound: AudioFormat | None) -> bytes:
        """File header, metadata and sequence headers."""
        header = flv.file_header(video=self.video is not None, audio=sound is not None)
        return header + self.change(sound)

    def change(self, sound: AudioFormat | None) -> bytes:
        """Metadata and sequence headers, in mid-stream or behind a file header."""
        ms = self.begins_at() // 90
        parts = [flv.metadata_tag(self.video, sound)]
        if self.video is not None:
            parts.append(flv.video_sequence_header(self.video, ms))
        if sound is not None and sound.codec is Codec.AAC:
            parts.append(flv.audio_sequence_header(sound, ms))
        return b"".join(parts)

    def mux(self, unit: AccessUnit) -> bytes:
        return flv.video_tag(unit) if unit.video else flv.audio_tag(unit)

    @staticmethod
    def carries(audio: AudioFormat) -> bool:
        return flv.carries_audio(audio)


def still(video: VideoFormat, key: AccessUnit) -> bytes:
    """A file of one picture; b"" when the parameter sets do not suffice."""
    sequence_header = flv.video_sequence_header(video, 0)
    if not sequence_header:
        return b""
    header = flv.file_header(video=True, audio=False) + flv.metadata_tag(video, None)
    return header + sequence_header + flv.video_tag(key)
