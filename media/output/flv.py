"""FLV muxing: tags of a live stream without end, as pure functions.

Adobe FLV 10.1 annex E for H.264 (AVC tags) and AAC; the Enhanced RTMP specification (2023) for
H.265, which is carried under its FourCC `hvc1`.  The file header and onMetaData name only what is
really sent, a live stream has no duration.  G.711 has an FLV code too, but players in browsers
give up the whole stream over it: it is sent only to who asked for the camera's own sound.

Times come in 90 kHz ticks and go out in milliseconds: the tag carries the decoding time, the
composition time offset what is left to the presentation.  Parameter sets travel in the sequence
header and are taken out of the pictures, as are access unit delimiters.
"""

from __future__ import annotations

import struct

from media.unit import AccessUnit, AudioFormat, Codec, VideoFormat
from media.video.decoder_config import decoder_config
from media.video.lengths import LENGTH, length_prefixed

TAG_AUDIO, TAG_VIDEO, TAG_SCRIPT = 8, 9, 18
FOURCC_HEVC = b"hvc1"

_AAC_HEAD = b"\xaf\x01"
_G711 = {Codec.G711A: (7, b"\x72"), Codec.G711U: (8, b"\x82")}
"""Codec number, and the byte in front of the samples: 16 bit, one channel."""


def file_header(*, video: bool, audio: bool) -> bytes:
    """Signature, flags, and the size of the tag before the first one."""
    return b"FLV\x01" + bytes((4 * audio + video,)) + b"\x00\x00\x00\x09\x00\x00\x00\x00"


def metadata_tag(video: VideoFormat | None, audio: AudioFormat | None) -> bytes:
    """onMetaData of what is sent: `video` and `audio` are None where they are left out.

    Its time is always 0: FFmpeg takes a later one for a track of subtitles.
    """
    fields: list[tuple[str, float | bool]] = []
    if video is not None:
        if video.width and video.height:
            fields += [("width", float(video.width)), ("height", float(video.height))]
        if video.fps:
            fields.append(("framerate", float(video.fps)))
        hevc = video.codec is Codec.H265
        fields.append(("videocodecid", float(int.from_bytes(FOURCC_HEVC, "big") if hevc else 7)))
    if audio is not None:
        g711 = _G711.get(audio.codec)
        fields.append(("audiocodecid", float(g711[0]) if g711 else 10.0))
        fields.append(("audiosamplerate", float(audio.sample_rate)))
        fields.append(("stereo", audio.channels > 1))
    parts = [b"\x02\x00\x0aonMetaData\x08", LENGTH.pack(len(fields))]
    for name, value in fields:
        parts.append(len(name).to_bytes(2, "big") + name.encode())
        if isinstance(value, bool):
            parts.append(b"\x01" + bytes((value,)))
        else:
            parts.append(b"\x00" + struct.pack(">d", value))
    parts.append(b"\x00\x00\x09")
    return _tag(TAG_SCRIPT, 0, b"".join(parts))


def video_sequence_header(video: VideoFormat, ms: int) -> bytes:
    """The tag that configures the decoder; b"" when the parameter sets do not suffice."""
    record = decoder_config(video)
    if not record:
        return b""
    if video.codec is Codec.H265:
        return _tag(TAG_VIDEO, ms, b"\x90" + FOURCC_HEVC + record)
    return _tag(TAG_VIDEO, ms, b"\x17\x00\x00\x00\x00" + record)


def audio_sequence_header(audio: AudioFormat, ms: int) -> bytes:
    """The AudioSpecificConfig of an AAC track."""
    return _tag(TAG_AUDIO, ms, b"\xaf\x00" + audio.config)


def carries_audio(audio: AudioFormat) -> bool:
    """Whether a track of this format goes into FLV."""
    return audio.codec in _G711 or (audio.codec is Codec.AAC and len(audio.config) >= 2)


def video_tag(unit: AccessUnit) -> bytes:
    """One picture; b"" when nothing is left of it but parameter sets."""
    ms = unit.dts // 90
    offset = unit.pts // 90 - ms
    if unit.codec is Codec.H265:
        frame_type = b"\x91" if unit.key else b"\xa1"
        head = frame_type + FOURCC_HEVC + (offset & 0xFFFFFF).to_bytes(3, "big")
    else:
        head = (b"\x17\x01" if unit.key else b"\x27\x01") + (offset & 0xFFFFFF).to_bytes(3, "big")
    parts, size = length_prefixed(unit)
    if not size:
        return b""
    size += len(head)
    parts[0] = _tag_head(TAG_VIDEO, size, ms) + head
    parts.append(LENGTH.pack(size + 11))
    return b"".join(parts)


def audio_tag(unit: AccessUnit) -> bytes:
    """One AAC frame, or the samples of one packet."""
    g711 = _G711.get(unit.codec)
    return _tag(TAG_AUDIO, unit.dts // 90, (g711[1] if g711 else _AAC_HEAD) + unit.data)


def _tag_head(kind: int, size: int, ms: int) -> bytes:
    return b"%c%b%b%c\x00\x00\x00" % (
        kind,
        size.to_bytes(3, "big"),
        (ms & 0xFFFFFF).to_bytes(3, "big"),
        ms >> 24 & 0xFF,
    )


def _tag(kind: int, ms: int, body: bytes) -> bytes:
    return _tag_head(kind, len(body), ms) + body + LENGTH.pack(len(body) + 11)
