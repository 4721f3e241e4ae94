"""Slice headers of H.264 as the encoder writes them here: read, so that a slice can be replaced.

Only what our own encoder produces: progressive, one reference, no weighted prediction, CAVLC.
Anything else raises `StreamFormatError`. ITU-T H.264 7.3.2.1.1, 7.3.2.2, 7.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.simulator.flatblocks import QP, se, ue
from media.errors import StreamFormatError
from media.video.bits import BitReader, unescape
from media.video.sps import HIGH_PROFILES

_HEADER_BYTES = 64
_P, _I = 0, 2


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a slice header depends on, out of SPS and PPS."""

    frame_num_bits: int
    order_type: int
    order_bits: int
    first_qp: int


@dataclass(frozen=True, slots=True)
class SliceHead:
    """The header of a slice that replaces another one of the same picture."""

    first_byte: int
    bits: str
    """Up to the slice data, with the QP of flat blocks and without deblocking."""
    inter: bool


def read_sequence(sps: bytes, pps: bytes) -> Sequence:
    """NAL units with their first byte."""
    reader = BitReader(unescape(sps[1:]))
    if reader.bits(8) in HIGH_PROFILES:
        raise StreamFormatError("a high profile was not asked for")
    reader.bits(16)
    reader.ue()
    frame_num_bits = reader.ue() + 4
    order_type = reader.ue()
    order_bits = reader.ue() + 4 if order_type == 0 else 0
    if order_type == 1:
        raise StreamFormatError("picture order type 1 is not written by our encoder")
    reader.ue()  # max_num_ref_frames
    reader.flag()
    reader.ue()
    reader.ue()
    if not reader.flag():
        raise StreamFormatError("interlaced")
    return Sequence(frame_num_bits, order_type, order_bits, _read_pps(pps))


def _read_pps(pps: bytes) -> int:
    """pic_init_qp; raises when something is on that the slice header would have to mention."""
    reader = BitReader(unescape(pps[1:]))
    reader.ue()
    reader.ue()
    cabac, field_order = reader.flag(), reader.flag()
    groups = reader.ue()
    reader.ue()
    reader.ue()
    weighted, bipredicted = reader.flag(), reader.bits(2)
    first_qp = 26 + reader.se()
    reader.se()
    reader.se()
    deblocking, _constrained, redundant = reader.flag(), reader.flag(), reader.flag()
    if cabac or field_order or groups or weighted or bipredicted or redundant or not deblocking:
        raise StreamFormatError("the encoder uses a tool it was not allowed")
    return first_qp


def read_head(unit: bytes, sequence: Sequence) -> SliceHead:
    """The header of a picture's first slice, made ready for flat blocks."""
    copy = _Copy(unit)
    if copy.ue() != 0:
        raise StreamFormatError("not the first slice of a picture")
    slice_type = copy.ue() % 5
    if slice_type not in (_P, _I):
        raise StreamFormatError(f"slice type {slice_type}")
    copy.ue()  # pic_parameter_set_id
    copy.bits(sequence.frame_num_bits)
    is_idr = unit[0] & 0x1F == 5
    if is_idr:
        copy.ue()  # idr_pic_id
    if sequence.order_type == 0:
        copy.bits(sequence.order_bits)
    if slice_type == _P:
        copy.reference_lists()
    if unit[0] >> 5:  # nal_ref_idc
        copy.marking(is_idr)
    bits = "".join((*copy.out, se(QP - sequence.first_qp), ue(1)))  # no deblocking
    return SliceHead(unit[0], bits, slice_type == _P)


class _Copy:
    """Reads fields of a slice header and keeps their bits."""

    def __init__(self, unit: bytes) -> None:
        self._reader = BitReader(unescape(unit[1:_HEADER_BYTES]))
        self.out: list[str] = []

    def ue(self) -> int:
        value = self._reader.ue()
        self.out.append(ue(value))
        return value

    def bits(self, count: int) -> int:
        value = self._reader.bits(count)
        self.out.append(f"{value:0{count}b}")
        return value

    def reference_lists(self) -> None:
        """num_ref_idx_active_override and ref_pic_list_modification."""
        if self.bits(1):
            self.ue()
        if self.bits(1):
            raise StreamFormatError("reference lists are modified")

    def marking(self, is_idr: bool) -> None:
        """dec_ref_pic_marking."""
        if is_idr:
            self.bits(2)
        elif self.bits(1):
            raise StreamFormatError("references are marked")
