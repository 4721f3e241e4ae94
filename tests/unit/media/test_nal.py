"""NAL units, parameter sets and SPS reading, compared with FFmpeg's encoders."""

from __future__ import annotations

import pytest

from media.errors import StreamFormatError
from media.unit import Codec
from media.video.bits import BitReader, unescape
from media.video.nal import ParameterSets, join, read_head, split, unit_type
from media.video.sps import SpsInfo, parse_h264_sps, parse_h265_sps

from .encoded import pictures

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex F")

S4 = b"\x00\x00\x00\x01"
SPS64 = bytes.fromhex("6742000ada11e4")
PPS = bytes.fromhex("68ce3c80")


def units_of(codec: Codec, width: int, height: int) -> list[bytes]:
    return split(pictures(codec, 1, width=width, height=height)[0].data)


@pytest.mark.parametrize(
    ("width", "height"), [(320, 240), (704, 576), (1280, 720), (1920, 1080), (322, 182)]
)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_size_and_rate_of_encoded_streams(codec: Codec, width: int, height: int) -> None:
    kind = 7 if codec is Codec.H264 else 33
    sps = next(unit for unit in units_of(codec, width, height) if unit_type(codec, unit[0]) == kind)
    parse = parse_h264_sps if codec is Codec.H264 else parse_h265_sps
    assert parse(sps) == SpsInfo(width, height, 25.0)


def test_hand_made_sps() -> None:
    assert parse_h264_sps(SPS64) == SpsInfo(64, 48, None)


@pytest.mark.parametrize(
    ("sps", "wanted"),
    [
        # Interlaced, frame_mbs_only 0: 720x576, bits set by hand from 7.3.2.1.1.
        # 4d 40 1e | 1 1 011 010 0 | ue44 | ue17 | 0 0 | 1 | 0 | 0 | 1
        (
            "674d401e"
            + format(int("110110100" + "00000101101" + "000010010" + "00" + "1" + "0" + "0" + "1"
                         + "0" * 5, 2), "010x"),
            SpsInfo(720, 576, None),
        ),
    ],
)  # fmt: skip
def test_interlaced_sps(sps: str, wanted: SpsInfo) -> None:
    assert parse_h264_sps(bytes.fromhex(sps)) == wanted


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_sps_cut_anywhere_raises_only_the_documented_error(codec: Codec) -> None:
    kind = 7 if codec is Codec.H264 else 33
    sps = next(unit for unit in units_of(codec, 320, 240) if unit_type(codec, unit[0]) == kind)
    parse = parse_h264_sps if codec is Codec.H264 else parse_h265_sps
    outcomes = set()
    for end in range(len(sps)):
        try:
            outcomes.add(parse(sps[:end]))
        except StreamFormatError:
            outcomes.add(None)
    # Cut in the VUI: the size stands, the rate is given up.
    assert outcomes <= {None, SpsInfo(320, 240, None), SpsInfo(320, 240, 25.0)}
    assert outcomes >= {None, SpsInfo(320, 240, None)}


def test_bit_reader() -> None:
    # 1 | 010 | 011 | 00100 -> 0, 1, 2, 3; 000010000 is 15 unsigned, 8 signed
    bits = "1" + "010" + "011" + "00100" + "000010000" + "000"
    reader = BitReader(int(bits, 2).to_bytes(3, "big"))
    assert [reader.ue() for _ in range(4)] == [0, 1, 2, 3]
    assert reader.se() == 8
    with pytest.raises(StreamFormatError):
        BitReader(b"\x00" * 8).ue()
    with pytest.raises(StreamFormatError):
        BitReader(b"").flag()


def test_unescape() -> None:
    assert unescape(bytes.fromhex("0000030100000300000303")) == bytes.fromhex("0000010000000003")


def test_split_takes_both_start_codes_and_trailing_zeros() -> None:
    data = b"\x00\x00\x01\x67a" + S4 + b"\x68b\x00\x00" + b"\x00\x00\x01" + b"\x65c\x00"
    assert split(data) == [b"\x67a", b"\x68b", b"\x65c"]
    assert split(b"no start code") == []
    assert split(b"\x00\x00\x01") == []


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_heads_of_encoded_pictures(codec: Codec) -> None:
    for unit in pictures(codec):
        head = read_head(codec, unit.data)
        assert head.key == unit.key
        assert bool(head.parameter_sets) == unit.key
        assert unit.data[head.slice_at :].startswith(b"\x00\x00")
        assert not head.foreign


def test_intra_slice_behind_sps_is_a_key_frame() -> None:
    # slice header: first_mb ue(0) '1', slice_type ue(7) '0001000' -> 1000 1000
    sets = S4 + SPS64 + S4 + PPS
    assert read_head(Codec.H264, sets + S4 + b"\x61\x88\x80").key
    # slice_type ue(5) '00110': a P slice
    assert not read_head(Codec.H264, sets + S4 + b"\x61\x98\x80").key
    assert not read_head(Codec.H264, S4 + b"\x61\x88\x80").key


def test_h265_read_as_h264_is_noticed() -> None:
    assert read_head(Codec.H264, pictures(Codec.H265)[0].data).foreign


def test_parameter_sets_replace_and_merge() -> None:
    sets = ParameterSets(Codec.H264)
    sets.update([SPS64])
    assert not sets.ready
    sets.update([PPS])
    assert sets.ready
    assert sets.units == (SPS64, PPS)
    second_pps = bytes.fromhex("685e3c80")  # id ue(1) '010'
    sets.update([second_pps])
    assert sets.units == (SPS64, PPS, second_pps)
    sets.update([SPS64, PPS])
    assert sets.units == (SPS64, PPS)
    video = sets.format()
    assert (video.width, video.height, video.parameter_sets) == (64, 48, (SPS64, PPS))


def test_parameter_sets_are_bounded() -> None:
    sets = ParameterSets(Codec.H264)
    for number in range(200):
        body = int("1" + "0" * 0 + format(number + 1, "b").zfill(17), 2) << 6
        sets.update([b"\x68" + body.to_bytes(4, "big"), b"\x68" + b"\x80" * 5000])
    assert len(sets.units) <= 32
    assert max(len(unit) for unit in sets.units) < 5000


def test_join_is_the_inverse_of_split() -> None:
    assert split(join([SPS64, PPS])) == [SPS64, PPS]
