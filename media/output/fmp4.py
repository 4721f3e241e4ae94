"""Fragmented MP4: initialisation segments and fragments, as pure functions.

ISO/IEC 14496-12 (boxes), 14496-14 (AAC), 14496-15 (H.264 as `avc1`, H.265 as `hvc1`), RFC 6381
(codec strings).  The file of an endless stream: `moov` without samples and without a duration, then
`moof` and `mdat` again and again, each with the decoding time it begins at.  G.711 has no place in
MP4 that browsers know, so it is not carried.

Pictures count in 90 kHz, sound in its own samples.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.unit import CLOCK_HZ, AudioFormat, Codec, VideoFormat
from media.video.decoder_config import decoder_config

VIDEO_TRACK, AUDIO_TRACK = 1, 2

_MATRIX: Final = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_KEY_FLAGS: Final = 0x02000000
"""Depends on no other sample; ISO/IEC 14496-12 8.8.3.1."""
_DELTA_FLAGS: Final = 0x01010000
"""Depends on others, and decoding cannot begin here."""
_FTYP: Final = b"iso5\x00\x00\x02\x00iso5iso6mp41"
_RUN_FLAGS: Final = 0x000F01
"""In a `trun`: data offset, and for each sample its duration, size, flags, composition offset."""
_TFHD_FLAGS: Final = 0x020000
"""The data offset counts from the `moof` the run is in."""
_sample = struct.Struct(">4I")


@dataclass(slots=True)
class Sample:
    """One picture or one frame of sound, in the units of its track."""

    parts: Sequence[bytes | memoryview]
    size: int
    duration: int
    offset: int
    """Presentation behind decoding."""
    key: bool


@dataclass(slots=True)
class Run:
    """Samples of one track that follow each other."""

    track: int
    begins: int
    """Decoding time of the first."""
    samples: list[Sample]


def carries_audio(audio: AudioFormat) -> bool:
    """Whether a track of this format goes into MP4."""
    return audio.codec is Codec.AAC and len(audio.config) >= 2


def init_segment(video: VideoFormat | None, audio: AudioFormat | None) -> bytes:
    """`ftyp` and `moov`; b"" when there is no track, or parameter sets are missing."""
    tracks = []
    extends = []
    if video is not None:
        record = decoder_config(video)
        if not record:
            return b""
        tracks.append(_video_track(video, record))
        extends.append(_trex(VIDEO_TRACK))
    if audio is not None:
        tracks.append(_audio_track(audio))
        extends.append(_trex(AUDIO_TRACK))
    if not tracks:
        return b""
    header = struct.pack(">4I", 0, 0, 1000, 0) + b"\x00\x01\x00\x00\x01\x00" + bytes(10)
    header += _MATRIX + bytes(24) + struct.pack(">I", AUDIO_TRACK + 1)
    moov = _full(b"mvhd", 0, 0, header) + b"".join(tracks) + _box(b"mvex", *extends)
    return _box(b"ftyp", _FTYP) + _box(b"moov", moov)


def codecs(video: VideoFormat | None, audio: AudioFormat | None) -> str:
    """What `codecs=` of the media type says of these tracks (RFC 6381 3.3, 14496-15 annex E)."""
    names = []
    if video is not None and (record := decoder_config(video)):
        names.append(_hevc_name(record) if video.codec is Codec.H265 else _avc_name(record))
    if audio is not None:
        names.append(f"mp4a.40.{audio.config[0] >> 3}")
    return ",".join(names)


def mime(video: VideoFormat | None, audio: AudioFormat | None) -> str:
    """The media type, as `MediaSource.addSourceBuffer` wants it."""
    kind = "video" if video is not None else "audio"
    return f'{kind}/mp4; codecs="{codecs(video, audio)}"'


def fragment(number: int, runs: Sequence[Run]) -> bytes:
    """`moof` and `mdat` of samples that are there; every run has at least one."""
    size = 8 + 16 + sum(8 + 16 + 20 + 20 + 16 * len(run.samples) for run in runs)
    parts: list[bytes | memoryview] = [
        struct.pack(">I4sI4sII", size, b"moof", 16, b"mfhd", 0, number & 0xFFFFFFFF)
    ]
    offset = size + 8
    for run in runs:
        count = len(run.samples)
        parts.append(
            struct.pack(
                ">I4s I4sII I4sIQ I4sIII",
                *(8 + 16 + 20 + 20 + 16 * count, b"traf"),
                *(16, b"tfhd", _TFHD_FLAGS, run.track),
                *(20, b"tfdt", 1 << 24, run.begins),
                *(20 + 16 * count, b"trun", _RUN_FLAGS, count, offset),
            )
        )
        for sample in run.samples:
            flags = _KEY_FLAGS if sample.key else _DELTA_FLAGS
            parts.append(_sample.pack(sample.duration, sample.size, flags, sample.offset))
            offset += sample.size
    parts.append(struct.pack(">I4s", offset - size, b"mdat"))
    for run in runs:
        for sample in run.samples:
            parts += sample.parts
    return b"".join(parts)


def audio_time(dts: int, rate: int) -> int:
    """A time of 90 kHz in samples of the sound."""
    return (dts * rate + CLOCK_HZ // 2) // CLOCK_HZ


def _video_track(video: VideoFormat, record: bytes) -> bytes:
    name, config = (b"hvc1", b"hvcC") if video.codec is Codec.H265 else (b"avc1", b"avcC")
    size = struct.pack(">HH", video.width & 0xFFFF, video.height & 0xFFFF)
    entry = (
        bytes(6) + b"\x00\x01" + bytes(16) + size + struct.pack(">IIIH", 72 << 16, 72 << 16, 0, 1)
    )
    entry += bytes(32) + b"\x00\x18\xff\xff"  # no name of the encoder, 24 bits of depth
    head = _full(b"vmhd", 0, 1, bytes(8))
    return _track(
        VIDEO_TRACK,
        b"vide",
        CLOCK_HZ,
        head,
        _box(name, entry, _box(config, record)),
        struct.pack(">II", (video.width & 0xFFFF) << 16, (video.height & 0xFFFF) << 16),
    )


def _audio_track(audio: AudioFormat) -> bytes:
    rate = audio.sample_rate if audio.sample_rate < 1 << 16 else 0
    entry = bytes(6) + b"\x00\x01" + bytes(8)
    entry += struct.pack(">HHII", audio.channels, 16, 0, rate << 16)
    head = _full(b"smhd", 0, 0, bytes(4))
    return _track(
        AUDIO_TRACK,
        b"soun",
        audio.sample_rate,
        head,
        _box(b"mp4a", entry, _esds(audio.config)),
        bytes(8),
    )


def _track(
    number: int, kind: bytes, scale: int, media_head: bytes, entry: bytes, size: bytes
) -> bytes:
    volume = b"\x01\x00" if kind == b"soun" else b"\x00\x00"
    tkhd = struct.pack(">5I", 0, 0, number, 0, 0) + bytes(8) + bytes(4) + volume + bytes(2)
    tables = b"".join(_full(name, 0, 0, bytes(4)) for name in (b"stts", b"stsc", b"stco"))
    stbl = _box(
        b"stbl",
        _full(b"stsd", 0, 0, b"\x00\x00\x00\x01", entry),
        tables,
        _full(b"stsz", 0, 0, bytes(8)),
    )
    dinf = _box(b"dinf", _full(b"dref", 0, 0, b"\x00\x00\x00\x01", _full(b"url ", 0, 1)))
    return _box(
        b"trak",
        _full(b"tkhd", 0, 3, tkhd, _MATRIX, size),
        _box(
            b"mdia",
            _full(b"mdhd", 0, 0, struct.pack(">4I", 0, 0, scale, 0), b"\x55\xc4\x00\x00"),
            _full(b"hdlr", 0, 0, bytes(4), kind, bytes(12), b"\x00"),
            _box(b"minf", media_head, dinf, stbl),
        ),
    )


def _trex(track: int) -> bytes:
    return _full(b"trex", 0, 0, struct.pack(">5I", track, 1, 0, 0, 0))


def _esds(config: bytes) -> bytes:
    """ISO/IEC 14496-1 7.2.6.5: the decoder's configuration in descriptors."""
    specific = _descriptor(5, config)
    decoder = _descriptor(4, b"\x40\x15" + bytes(11) + specific)
    return _full(b"esds", 0, 0, _descriptor(3, b"\x00\x02\x00" + decoder + _descriptor(6, b"\x02")))


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes((tag, 0x80, 0x80, 0x80, len(body))) + body


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _avc_name(record: bytes) -> str:
    return "avc1." + record[1:4].hex()


def _hevc_name(record: bytes) -> str:
    space, tier, profile = record[1] >> 6, record[1] >> 5 & 1, record[1] & 31
    compatible = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\x00")
    name = f"hvc1.{'ABC'[space - 1] if space else ''}{profile}.{compatible:X}"
    name += f".{'H' if tier else 'L'}{record[12]}"
    return name + "".join(f".{byte:X}" for byte in constraints)
