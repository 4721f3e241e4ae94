"""Parameter sets with the rarer syntax, written field by field and judged by FFmpeg.

FFmpeg's `h264_metadata` and `hevc_metadata` filters parse a set completely and write it anew: a set
they give back unchanged is well formed, so these bytes are not only our reading of the tables.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import pytest
from av.bitstream import BitStreamFilterContext

from media.errors import StreamFormatError
from media.unit import Codec
from media.video.sps import SpsInfo, parse_h264_sps, parse_h265_sps

from .encoded import pictures

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex F")

S4 = b"\x00\x00\x00\x01"


class Bits:
    """Writes the descriptors u(n), ue(v), se(v) of H.264 7.2."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> Bits:
        self.text += format(value, f"0{count}b")
        return self

    def flags(self, *values: int) -> Bits:
        self.text += "".join(str(value) for value in values)
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            code = format(value + 1, "b")
            self.text += "0" * (len(code) - 1) + code
        return self

    def se(self, *values: int) -> Bits:
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def nal(self, header: bytes) -> bytes:
        """With stop bit, alignment and emulation prevention."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        body = int(text, 2).to_bytes(len(text) // 8, "big")
        out = bytearray()
        for byte in body:
            if out[-2:] == b"\x00\x00" and byte <= 3:
                out.append(3)
            out.append(byte)
        return header + bytes(out)


def vui(bits: Bits, *, h265: bool) -> Bits:
    """Every optional part before the timing present; 24 frames a second."""
    bits.flags(1).u(8, 255).u(16, 40).u(16, 33)
    bits.flags(1, 0)  # overscan
    bits.flags(1).u(3, 5).flags(0, 1).u(8, 1).u(8, 1).u(8, 1)
    bits.flags(1).ue(0, 0)
    if h265:
        bits.flags(0, 0, 0).flags(1).ue(1, 1, 1, 1)  # default display window: not cropping
    bits.flags(1).u(32, 1).u(32, 24 if h265 else 48)
    return bits.flags(0, 0) if h265 else bits.flags(1)


def h264_sps(*, chroma: int, order: int, interlaced: int) -> bytes:
    bits = Bits().u(8, 244).u(8, 0).u(8, 40).ue(0).ue(chroma)
    if chroma == 3:
        bits.flags(0)
    bits.ue(0, 0).flags(0)
    bits.flags(1)  # scaling matrix: first list flat at 8+delta, one 8x8 list, rest absent
    for index in range(12 if chroma == 3 else 8):
        if index == 0:
            bits.flags(1).se(*([2] + [0] * 15))
        elif index == 6:
            bits.flags(1).se(*([1] * 10)).se(-18)  # ends the list: next scale 0
        else:
            bits.flags(0)
    bits.ue(0).ue(order)
    if order == 0:
        bits.ue(4)
    elif order == 1:
        bits.flags(0).se(-1, 2).ue(2).se(3, -3)
    bits.ue(2).flags(0).ue(119, 33 if interlaced else 67).flags(1 - interlaced)
    if interlaced:
        bits.flags(0)
    bits.flags(1).flags(1).ue(0, 0, 0, 2 if chroma in (1,) and interlaced else 4)
    bits.flags(1)
    bits = vui(bits, h265=False)
    return bits.flags(0, 0, 0, 0).nal(b"\x67")


def levels(bits: Bits) -> Bits:
    """profile_tier_level with three temporal layers, of which the first has its own profile."""
    bits.u(2, 0).flags(0).u(5, 1).u(32, 0x60000000).flags(1, 0, 1, 1).u(43, 0).flags(0).u(8, 93)
    bits.flags(1, 1, 0, 0).u(2, 0).u(2, 0).u(2, 0).u(2, 0).u(2, 0).u(2, 0)
    bits.u(2, 0).flags(0).u(5, 1).u(32, 0x60000000).flags(1, 0, 1, 1).u(43, 0).flags(0).u(8, 90)
    return bits


def h265_vps() -> bytes:
    bits = levels(Bits().u(4, 0).flags(1, 1).u(6, 0).u(3, 2).flags(1).u(16, 0xFFFF))
    bits.flags(1)
    for _ in range(3):
        bits.ue(4, 2, 0)
    return bits.u(6, 0).ue(0).flags(0, 0).nal(b"\x40\x01")


def h265_sps() -> bytes:
    bits = levels(Bits().u(4, 0).u(3, 2).flags(1))
    bits.ue(0, 1, 1920, 1088).flags(1).ue(0, 0, 0, 4)
    bits.ue(0, 0, 4).flags(1)
    for _ in range(3):
        bits.ue(4, 2, 0)
    bits.ue(0, 3, 0, 3, 1, 1)
    bits.flags(1, 1)  # scaling lists in the SPS
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if matrix == 0:
                bits.flags(1)
                if size > 1:
                    bits.se(3)
                bits.se(*([1] + [0] * (min(64, 1 << (4 + 2 * size)) - 1)))
            else:
                bits.flags(0).ue(0)
    bits.flags(1, 1)
    bits.flags(1).u(4, 7).u(4, 7).ue(0, 1).flags(0)  # pcm
    bits.ue(3)  # short-term sets: explicit, predicted, predicted from that
    bits.ue(2, 1).ue(0).flags(1).ue(1).flags(1).ue(0).flags(1)
    bits.flags(1).flags(1).ue(0).flags(1).flags(0, 1).flags(1).flags(1)
    bits.flags(1).flags(0).ue(1).flags(1).flags(1).flags(0, 0).flags(1)
    bits.flags(1).ue(2).u(8, 5).flags(1).u(8, 9).flags(0)  # long-term pictures
    bits.flags(1, 1)
    bits.flags(1)
    vui(bits, h265=True)
    return bits.flags(0, 0).nal(b"\x42\x01")


def judged(codec: Codec, nal: bytes) -> bytes:
    """The set as FFmpeg writes it after parsing it; raises when it cannot."""
    name = "h264" if codec is Codec.H264 else "hevc"
    stream = b"".join(unit.data for unit in pictures(codec, 3))
    with av.open(io.BytesIO(stream), format=name) as container:
        bsf = BitStreamFilterContext(f"{name}_metadata", container.streams.video[0])
        out = b"".join(bytes(packet) for packet in bsf.filter(av.Packet(S4 + nal)))
    return out.removeprefix(S4)


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("chroma", [0, 1, 2, 3])
def test_h264_with_every_optional_part(chroma: int, order: int, interlaced: int) -> None:
    sps = h264_sps(chroma=chroma, order=order, interlaced=interlaced)
    assert judged(Codec.H264, sps) == sps
    unit = (2 if chroma == 1 else 1) * (2 if interlaced else 1)
    bottom = (2 if chroma == 1 and interlaced else 4) * unit
    assert parse_h264_sps(sps) == SpsInfo(1920, 1088 - bottom, 24.0)


def test_h265_with_every_optional_part() -> None:
    sps = h265_sps()
    both = h265_vps() + S4 + sps
    assert judged(Codec.H265, both) == both
    assert parse_h265_sps(sps) == SpsInfo(1920, 1080, 24.0)


@pytest.mark.parametrize("make", [h265_sps, lambda: h264_sps(chroma=3, order=1, interlaced=1)])
def test_cut_and_flipped_sets_raise_only_the_documented_error(
    make: Callable[[], bytes],
) -> None:
    sps = make()
    parse = parse_h265_sps if sps[0] == 0x42 else parse_h264_sps
    refused = 0
    for place in range(1, len(sps)):
        for changed in (
            sps[:place],
            sps[:place] + b"\x00" + sps[place + 1 :],
            sps[:place] + b"\xff" * 9,
        ):
            try:
                info = parse(changed)
            except StreamFormatError:
                refused += 1
            else:
                assert 0 < info.width <= 16_384
                assert info.fps is None or 0 < info.fps <= 300
    assert refused > 10
