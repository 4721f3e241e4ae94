"""NAL units of H.264 and H.265 in Annex B form: splitting, kinds, parameter sets.

Pictures pass through as the sender wrote them; only the units in front of the first slice are
looked at, so a P frame costs a few byte comparisons. Sizes and rates are ``media.video.sps``.

ITU-T H.264 7.4.1 and Annex B; ITU-T H.265 7.4.2.2 and Annex B.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.errors import StreamFormatError
from media.unit import Codec, VideoFormat
from media.video.bits import BitReader, unescape
from media.video.sps import SpsInfo, parse_h264_sps, parse_h265_sps

START: Final = b"\x00\x00\x01"
START4: Final = b"\x00\x00\x00\x01"

H264_SLICE: Final = 1
H264_PARTITIONS: Final = range(2, 5)
"""Data partitioning of the Extended profile; an H.265 SPS read as H.264 looks like one."""
H264_IDR: Final = 5
H264_SPS: Final = 7
H264_PPS: Final = 8

H265_VPS: Final = 32
H265_SPS: Final = 33
H265_PPS: Final = 34
H265_IRAP: Final = range(16, 24)
"""BLA, IDR, CRA and the reserved types: pictures where decoding can start."""

MAX_PARAMETER_SETS: Final = 32
MAX_PARAMETER_BYTES: Final = 4096


@dataclass(slots=True)
class Head:
    """What stands in front of and at the first slice of a picture."""

    parameter_sets: list[bytes] = field(default_factory=list)
    prefix: list[bytes] = field(default_factory=list)
    """The other units in front of the slice, such as SEI, without start codes."""
    slice_at: int = -1
    """Offset of the first slice's start code; -1 when there is no slice."""
    key: bool = False
    foreign: bool = False
    """The slice is of a kind no camera sends: most likely the other codec."""


_BARE_SLICE: Final = Head(slice_at=0)
"""Of nearly every picture between two key frames; shared, so nobody may write to it."""


def split(data: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream, without start codes and trailing zero bytes."""
    units: list[bytes] = []
    at = data.find(START)
    while at >= 0:
        begin = at + 3
        at = data.find(START, begin)
        unit = (data[begin:at] if at >= 0 else data[begin:]).rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def join(units: list[bytes] | tuple[bytes, ...]) -> bytes:
    """Annex B with four-byte start codes."""
    return b"".join([START4 + unit for unit in units])


def unit_type(codec: Codec, first: int) -> int:
    """nal_unit_type from the first byte of a unit."""
    return first & 0x1F if codec is Codec.H264 else (first >> 1) & 0x3F


def is_slice(codec: Codec, kind: int) -> bool:
    return 1 <= kind <= 5 if codec is Codec.H264 else kind < 32


def is_parameter_set(codec: Codec, kind: int) -> bool:
    if codec is Codec.H264:
        return kind in (H264_SPS, H264_PPS)
    return H265_VPS <= kind <= H265_PPS


def read_head(codec: Codec, data: bytes) -> Head:
    """Walks the units up to the first slice."""
    if (
        codec is Codec.H264
        and len(data) > 4
        and data[4] & 0x1F == H264_SLICE
        and data.startswith(START4)
    ):
        return _BARE_SLICE
    head = Head()
    size = len(data)
    at = data.find(START)
    while 0 <= at < size - 3:
        begin = at + 3
        kind = unit_type(codec, data[begin])
        if is_slice(codec, kind):
            # A fourth zero byte in front belongs to the start code.
            head.slice_at = at - 1 if at and data[at - 1] == 0 else at
            head.key = _starts_decoding(codec, kind, data, begin, head)
            head.foreign = codec is Codec.H264 and kind in H264_PARTITIONS
            break
        at = data.find(START, begin)
        unit = (data[begin:at] if at >= 0 else data[begin:]).rstrip(b"\x00")
        if not unit:
            continue
        if is_parameter_set(codec, kind):
            head.parameter_sets.append(unit)
        else:
            head.prefix.append(unit)
    return head


def _starts_decoding(codec: Codec, kind: int, data: bytes, begin: int, head: Head) -> bool:
    if codec is not Codec.H264:
        return kind in H265_IRAP
    if kind == H264_IDR:
        return True
    # Encoders with open groups of pictures never send an IDR again: there an I slice behind an SPS
    # is where everybody starts.
    has_sps = any(unit[0] & 0x1F == H264_SPS for unit in head.parameter_sets)
    return has_sps and kind == H264_SLICE and _is_intra_slice(data[begin + 1 : begin + 17])


def _is_intra_slice(header: bytes) -> bool:
    """slice_type I or SI (2, 4, 7, 9) of an H.264 slice header, 7.3.3."""
    reader = BitReader(unescape(header))
    try:
        reader.ue()  # first_mb_in_slice
        return reader.ue() in (2, 4, 7, 9)
    except StreamFormatError:
        return False


class ParameterSets:
    """The parameter sets in force, and the format they describe."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._sets: dict[tuple[int, int], bytes] = {}
        self._info: SpsInfo | None = None
        self._info_of: bytes = b""

    def update(self, units: list[bytes]) -> None:
        """Takes in sets of one picture; a complete group replaces all that were known."""
        found: dict[tuple[int, int], bytes] = {}
        for unit in units:
            key = self._key(unit)
            if key is not None and len(unit) <= MAX_PARAMETER_BYTES:
                found[key] = unit
        if self._complete(found):
            self._sets = found
        else:
            self._sets.update(found)
            while len(self._sets) > MAX_PARAMETER_SETS:
                del self._sets[next(iter(self._sets))]

    @property
    def ready(self) -> bool:
        """Whether a decoder could start with what is known."""
        return self._complete(self._sets)

    @property
    def units(self) -> tuple[bytes, ...]:
        """All sets, VPS before SPS before PPS."""
        return tuple(self._sets[key] for key in sorted(self._sets))

    def format(self) -> VideoFormat:
        """Raises ``StreamFormatError`` when the SPS cannot be read."""
        sps_kind = H264_SPS if self.codec is Codec.H264 else H265_SPS
        sps = next(self._sets[key] for key in sorted(self._sets) if key[0] == sps_kind)
        if self._info is None or self._info_of != sps:
            parse = parse_h264_sps if self.codec is Codec.H264 else parse_h265_sps
            self._info, self._info_of = parse(sps), sps
        info = self._info
        return VideoFormat(self.codec, info.width, info.height, info.fps, self.units)

    def _complete(self, sets: dict[tuple[int, int], bytes]) -> bool:
        kinds = {kind for kind, _ in sets}
        if self.codec is Codec.H264:
            return kinds >= {H264_SPS, H264_PPS}
        return kinds >= {H265_VPS, H265_SPS, H265_PPS}

    def _key(self, unit: bytes) -> tuple[int, int] | None:
        """(kind, id) of a set; None when it is cut off."""
        kind = unit_type(self.codec, unit[0])
        try:
            return kind, self._identifier(kind, unit)
        except StreamFormatError:
            return None

    def _identifier(self, kind: int, unit: bytes) -> int:
        if self.codec is Codec.H264:
            # An SPS has profile, flags and level in front of its id, a PPS has nothing.
            reader = BitReader(unescape(unit[4:24] if kind == H264_SPS else unit[1:17]))
            return reader.ue()
        body = unescape(unit[2:])
        if kind == H265_PPS:
            return BitReader(body[:16]).ue()
        # VPS: four bits of its own id; SPS: four bits of the VPS id. One SPS per VPS is what
        # cameras send; reading the real SPS id means walking the profile levels.
        return BitReader(body[:2]).bits(4)
