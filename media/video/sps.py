"""Sequence parameter sets: picture size and frame rate of H.264 and H.265.

Reads what a player has to be told; the rest is walked over only as far as needed to reach the
VUI timing. A VUI that makes no sense costs the frame rate, never the size.

ITU-T H.264 7.3.2.1.1, E.1.1; ITU-T H.265 7.3.2.2, 7.3.3, 7.3.7, E.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.errors import StreamFormatError
from media.video.bits import BitReader, unescape

MAX_SIDE: Final = 16_384
"""Pictures wider or higher than this are taken for damage."""

MAX_FPS: Final = 300.0

EXTENDED_SAR: Final = 255

HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""H.264 profiles whose SPS carries the chroma format (7.3.2.1.1)."""

CHROMA_UNITS: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""Luma samples per cropping unit (width, height) by chroma_format_idc."""


@dataclass(frozen=True, slots=True)
class SpsInfo:
    """Displayed size and the frame rate of the VUI."""

    width: int
    height: int
    fps: float | None


def parse_h264_sps(nal: bytes) -> SpsInfo:
    """SPS of H.264, NAL header included."""
    reader = BitReader(unescape(nal[1:]))
    profile = reader.bits(8)
    reader.bits(16)  # constraint flags and level
    reader.ue()  # seq_parameter_set_id
    chroma = _h264_chroma(reader) if profile in HIGH_PROFILES else 1
    reader.ue()  # log2_max_frame_num_minus4
    _skip_order_count(reader)
    reader.ue()  # max_num_ref_frames
    reader.flag()  # gaps_in_frame_num_value_allowed_flag
    width = (reader.ue() + 1) * 16
    map_units = reader.ue() + 1
    frame_only = reader.flag()
    height = map_units * 16 * (1 if frame_only else 2)
    if not frame_only:
        reader.flag()  # mb_adaptive_frame_field_flag
    reader.flag()  # direct_8x8_inference_flag
    if reader.flag():
        unit_x, unit_y = CHROMA_UNITS[chroma]
        unit_y *= 1 if frame_only else 2
        left, right, top, bottom = (reader.ue() for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    _check(width, height)
    return SpsInfo(width, height, _rate(reader, h264=True))


def _h264_chroma(reader: BitReader) -> int:
    chroma = reader.ue()
    if chroma > 3:
        raise StreamFormatError("chroma_format_idc out of range")
    if chroma == 3 and reader.flag():  # separate_colour_plane_flag
        chroma = 0
    reader.ue()  # bit_depth_luma_minus8
    reader.ue()  # bit_depth_chroma_minus8
    reader.flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():  # seq_scaling_matrix_present_flag
        for index in range(8 if chroma != 3 else 12):
            if reader.flag():
                _skip_h264_scaling_list(reader, 16 if index < 6 else 64)
    return chroma


def _skip_h264_scaling_list(reader: BitReader, size: int) -> None:
    last, scale = 8, 8
    for _ in range(size):
        if scale:
            scale = (last + reader.se() + 256) % 256
        last = scale or last


def _skip_order_count(reader: BitReader) -> None:
    kind = reader.ue()
    if kind == 0:
        reader.ue()
    elif kind == 1:
        reader.flag()
        reader.se()
        reader.se()
        cycle = reader.ue()
        if cycle > 255:
            raise StreamFormatError("num_ref_frames_in_pic_order_cnt_cycle out of range")
        for _ in range(cycle):
            reader.se()


def parse_h265_sps(nal: bytes) -> SpsInfo:
    """SPS of H.265, NAL header included."""
    reader = BitReader(unescape(nal[2:]))
    reader.bits(4)  # sps_video_parameter_set_id
    sub_layers = reader.bits(3)
    if sub_layers > 6:
        raise StreamFormatError("sps_max_sub_layers_minus1 out of range")
    reader.flag()  # sps_temporal_id_nesting_flag
    _skip_profile_tier_level(reader, sub_layers)
    reader.ue()  # sps_seq_parameter_set_id
    chroma = reader.ue()
    if chroma > 3:
        raise StreamFormatError("chroma_format_idc out of range")
    if chroma == 3 and reader.flag():
        chroma = 0
    width = reader.ue()
    height = reader.ue()
    if reader.flag():  # conformance_window_flag
        unit_x, unit_y = CHROMA_UNITS[chroma]
        left, right, top, bottom = (reader.ue() for _ in range(4))
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    _check(width, height)
    try:
        _skip_to_h265_vui(reader, sub_layers)
    except StreamFormatError:
        return SpsInfo(width, height, None)
    return SpsInfo(width, height, _rate(reader, h264=False))


def _skip_profile_tier_level(reader: BitReader, sub_layers: int) -> None:
    reader.bits(88)  # general profile, tier, compatibility and constraint flags
    reader.bits(8)  # general_level_idc
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for profile, level in present:
        reader.bits((88 if profile else 0) + (8 if level else 0))


def _skip_to_h265_vui(reader: BitReader, sub_layers: int) -> None:
    reader.ue()  # bit_depth_luma_minus8
    reader.ue()  # bit_depth_chroma_minus8
    order_bits = reader.ue() + 4
    for _ in range(sub_layers + 1 if reader.flag() else 1):
        reader.ue(), reader.ue(), reader.ue()
    for _ in range(6):
        reader.ue()  # coding and transform block sizes, transform hierarchy depths
    if reader.flag() and reader.flag():  # scaling lists: enabled, present in the SPS
        _skip_h265_scaling_lists(reader)
    reader.bits(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if reader.flag():  # pcm_enabled_flag
        reader.bits(8)
        reader.ue(), reader.ue()
        reader.flag()
    _skip_reference_sets(reader)
    if reader.flag():  # long_term_ref_pics_present_flag
        count = reader.ue()
        if count > 32:
            raise StreamFormatError("num_long_term_ref_pics_sps out of range")
        reader.bits(count * (order_bits + 1))
    reader.bits(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag


def _skip_h265_scaling_lists(reader: BitReader) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not reader.flag():  # scaling_list_pred_mode_flag
                reader.ue()
                continue
            if size > 1:
                reader.se()
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                reader.se()


def _skip_reference_sets(reader: BitReader) -> None:
    """st_ref_pic_set (7.3.7): a set may be told by its difference to the one before."""
    sets = reader.ue()
    if sets > 64:
        raise StreamFormatError("num_short_term_ref_pic_sets out of range")
    pictures: list[int] = []
    for index in range(sets):
        if index and reader.flag():  # inter_ref_pic_set_prediction_flag
            pictures = _predicted_set(reader, pictures)
        else:
            pictures = _explicit_set(reader)


def _explicit_set(reader: BitReader) -> list[int]:
    negative, positive = reader.ue(), reader.ue()
    if negative > 16 or positive > 16:
        raise StreamFormatError("reference picture set out of range")
    pictures: list[int] = []
    for count, sign in ((negative, -1), (positive, 1)):
        distance = 0
        for _ in range(count):
            distance += sign * (reader.ue() + 1)
            reader.flag()
            pictures.append(distance)
    return pictures


def _predicted_set(reader: BitReader, before: list[int]) -> list[int]:
    """Pictures of a predicted set, nearest first on each side as (7-61) and (7-62) order them."""
    negative = reader.flag()
    step = reader.ue() + 1
    step = -step if negative else step
    kept: set[int] = set()
    for distance in [*before, 0]:
        # A picture counts when it is used, or not used but kept (use_delta_flag).
        if (reader.flag() or reader.flag()) and distance + step:
            kept.add(distance + step)
    return sorted((d for d in kept if d < 0), reverse=True) + sorted(d for d in kept if d > 0)


def _check(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise StreamFormatError(f"picture size {width}x{height}")


def _rate(reader: BitReader, *, h264: bool) -> float | None:
    """Frame rate of the VUI; None when it is absent, cut off or absurd."""
    try:
        if not reader.flag():  # vui_parameters_present_flag
            return None
        _skip_to_timing(reader, h264=h264)
        if not reader.flag():  # timing info present
            return None
        ticks, scale = reader.bits(32), reader.bits(32)
    except StreamFormatError:
        return None
    if not ticks:
        return None
    # H.264 counts fields: two ticks per frame.
    rate = scale / ticks / (2 if h264 else 1)
    return rate if 0 < rate <= MAX_FPS else None


def _skip_to_timing(reader: BitReader, *, h264: bool) -> None:
    if reader.flag() and reader.bits(8) == EXTENDED_SAR:
        reader.bits(32)
    if reader.flag():  # overscan_info_present_flag
        reader.flag()
    if reader.flag():  # video_signal_type_present_flag
        reader.bits(4)
        if reader.flag():
            reader.bits(24)
    if reader.flag():  # chroma_loc_info_present_flag
        reader.ue(), reader.ue()
    if not h264:
        reader.bits(3)  # neutral_chroma_indication, field_seq, frame_field_info_present
        if reader.flag():  # default_display_window_flag
            for _ in range(4):
                reader.ue()
