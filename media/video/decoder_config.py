"""Decoder configuration records out of parameter sets: avcC and hvcC.

ISO/IEC 14496-15 sections 5.3.3.1 (H.264) and 8.3.3.1 (H.265).  FLV sequence headers carry them,
and so do the sample entries of fMP4.  Only what the records need is read from the SPS; picture
sizes and frame rates are `media.video.nal`'s business.
"""

from __future__ import annotations

from media.errors import StreamFormatError
from media.unit import Codec, VideoFormat
from media.video.bits import BitReader, unescape

_CHROMA_PROFILES = frozenset({100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""H.264 profiles whose SPS names chroma format and bit depths (H.264 7.3.2.1.1)."""
_AVC_SPS, _AVC_PPS = 7, 8
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS = 32, 33, 34


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
        depths = _avc_depths(sps[0])
        if depths:
            parts.append(depths + b"\x00")  # no SPS extensions
    return b"".join(parts)


def _avc_depths(sps: bytes) -> bytes:
    """Chroma format and bit depths; b"" when the SPS is cut, decoders read their own then."""
    reader = BitReader(unescape(sps[1:]))
    try:
        reader.bits(24)  # profile, constraints, level
        reader.ue()  # seq_parameter_set_id
        return _depths(reader, 0)
    except StreamFormatError:
        return b""


def _depths(reader: BitReader, between: int) -> bytes:
    """chroma_format_idc and both depths as the records hold them, with `between` in the middle.

    H.265 has the picture size and the conformance window there, H.264 nothing.
    """
    chroma = reader.ue()
    if chroma == 3:
        reader.flag()  # separate_colour_plane_flag
    for _ in range(between):
        reader.ue()
    if between and reader.flag():
        for _ in range(4):
            reader.ue()
    return bytes((0xFC | chroma & 3, 0xF8 | reader.ue() & 7, 0xF8 | reader.ue() & 7))


def hevc_config(parameter_sets: tuple[bytes, ...]) -> bytes:
    """HEVCDecoderConfigurationRecord with complete arrays, as `hvc1` wants them."""
    arrays = [
        (kind, [n for n in parameter_sets if len(n) >= 3 and n[0] >> 1 & 0x3F == kind])
        for kind in (_HEVC_VPS, _HEVC_SPS, _HEVC_PPS)
    ]
    if not all(nals for _, nals in arrays):
        return b""
    reader = BitReader(unescape(arrays[1][1][0][2:]))
    try:
        reader.bits(4)  # sps_video_parameter_set_id
        sub_layers = reader.bits(3)
        nested = reader.bits(1)
        profile = reader.bits(96).to_bytes(12, "big")  # profile, compatibility, level
        _skip_sub_layers(reader, sub_layers)
        reader.ue()  # sps_seq_parameter_set_id
        depths = _depths(reader, 2)
    except StreamFormatError:
        return b""
    parts = [
        b"\x01",
        profile,
        b"\xf0\x00\xfc",  # no spatial segmentation, parallelism unknown
        depths,
        b"\x00\x00",  # average frame rate unspecified
        bytes(((sub_layers + 1) << 3 | nested << 2 | 3, len(arrays))),
    ]
    for kind, nals in arrays:
        parts.append(bytes((0x80 | kind,)) + len(nals).to_bytes(2, "big"))
        parts += [len(n).to_bytes(2, "big") + n for n in nals]
    return b"".join(parts)


def _skip_sub_layers(reader: BitReader, sub_layers: int) -> None:
    """The part of profile_tier_level behind the general profile and level."""
    present = [(reader.bits(1), reader.bits(1)) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for profile, level in present:
        reader.bits(88 * profile + 8 * level)
