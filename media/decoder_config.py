"""Decoder configuration records out of parameter sets: avcC and hvcC.

ISO/IEC 14496-15 sections 5.3.3.1 (H.264) and 8.3.3.1 (H.265).  FLV sequence headers carry them,
and so do the sample entries of fMP4.  Only what the records need is read from the SPS; picture
sizes and frame rates are `media.nal`'s business.
"""

from __future__ import annotations

from media.unit import Codec, VideoFormat

_CHROMA_PROFILES = frozenset({100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""H.264 profiles whose SPS names chroma format and bit depths (H.264 7.3.2.1.1)."""
_AVC_SPS, _AVC_PPS = 7, 8
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS = 32, 33, 34


class _Bits:
    """Bit reader over an RBSP; past the end it reads zeros: a cut SPS still gives values."""

    __slots__ = ("_data", "_pos")

    def __init__(self, nal: bytes) -> None:
        self._data = nal.replace(b"\x00\x00\x03", b"\x00\x00")
        self._pos = 0

    def u(self, count: int) -> int:
        value = 0
        for _ in range(count):
            index = self._pos >> 3
            bit = self._data[index] >> (7 - (self._pos & 7)) & 1 if index < len(self._data) else 0
            value = value << 1 | bit
            self._pos += 1
        return value

    def skip(self, count: int) -> None:
        self._pos += count

    def ue(self) -> int:
        zeros = 0
        while zeros < 32 and self._pos < len(self._data) * 8 and not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)


def decoder_config(video: VideoFormat) -> bytes:
    """The record for this format, or b"" when a parameter set it needs is missing."""
    match video.codec:
        case Codec.H264:
            return avc_config(video.parameter_sets)
        case Codec.H265:
            return hevc_config(video.parameter_sets)
        case _:
            return b""


def avc_config(parameter_sets: tuple[bytes, ...]) -> bytes:
    """AVCDecoderConfigurationRecord with four-byte NAL lengths."""
    sps = [n for n in parameter_sets if len(n) >= 4 and n[0] & 0x1F == _AVC_SPS]
    pps = [n for n in parameter_sets if len(n) >= 2 and n[0] & 0x1F == _AVC_PPS]
    if not sps or not pps:
        return b""
    parts = [b"\x01", sps[0][1:4], b"\xff", bytes((0xE0 | min(len(sps), 31),))]
    parts += [len(n).to_bytes(2, "big") + n for n in sps[:31]]
    parts.append(bytes((min(len(pps), 255),)))
    parts += [len(n).to_bytes(2, "big") + n for n in pps[:255]]
    if sps[0][1] in _CHROMA_PROFILES:
        chroma, luma_depth, chroma_depth = _avc_depths(sps[0])
        parts.append(bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0)))
    return b"".join(parts)


def _avc_depths(sps: bytes) -> tuple[int, int, int]:
    bits = _Bits(sps[1:])
    bits.skip(24)
    bits.ue()  # seq_parameter_set_id
    chroma = bits.ue()
    if chroma == 3:
        bits.skip(1)
    return chroma & 3, bits.ue() & 7, bits.ue() & 7


def hevc_config(parameter_sets: tuple[bytes, ...]) -> bytes:
    """HEVCDecoderConfigurationRecord with complete arrays, as `hvc1` wants them."""
    arrays = [
        (kind, [n for n in parameter_sets if len(n) >= 3 and n[0] >> 1 & 0x3F == kind])
        for kind in (_HEVC_VPS, _HEVC_SPS, _HEVC_PPS)
    ]
    if not all(nals for _, nals in arrays):
        return b""
    sps = arrays[1][1][0]
    bits = _Bits(sps[2:])
    bits.skip(4)
    sub_layers = bits.u(3)
    nested = bits.u(1)
    profile = bytes(bits.u(8) for _ in range(12))  # profile, compatibility, constraints, level
    chroma, luma_depth, chroma_depth = _hevc_depths(bits, sub_layers)
    parts = [
        b"\x01",
        profile,
        b"\xf0\x00\xfc",  # no spatial segmentation, parallelism unknown
        bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth)),
        b"\x00\x00",  # average frame rate unspecified
        bytes(((sub_layers + 1) << 3 | nested << 2 | 3, len(arrays))),
    ]
    for kind, nals in arrays:
        parts.append(bytes((0x80 | kind,)) + len(nals).to_bytes(2, "big"))
        parts += [len(n).to_bytes(2, "big") + n for n in nals]
    return b"".join(parts)


def _hevc_depths(bits: _Bits, sub_layers: int) -> tuple[int, int, int]:
    """Chroma format and bit depths, behind the sub-layer part of profile_tier_level."""
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    bits.ue()  # sps_seq_parameter_set_id
    chroma = bits.ue()
    if chroma == 3:
        bits.skip(1)
    bits.ue()  # width
    bits.ue()  # height
    if bits.u(1):  # conformance window
        for _ in range(4):
            bits.ue()
    return chroma & 3, bits.ue() & 7, bits.ue() & 7
