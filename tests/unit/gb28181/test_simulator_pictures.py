"""The simulated cameras' pictures, judged by FFmpeg's decoder and by the tests' own block code."""

from __future__ import annotations

import functools
import io
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from gb28181.simulator import banner, flatblocks, font
from gb28181.simulator.banner import Banner
from gb28181.simulator.clip import FPS, GROUP, MAIN, PICTURES, SUB, Clip, Format, Studio, encode
from gb28181.simulator.slices import read_head, read_sequence
from gb28181.simulator.stream import CameraStream, Start
from media.errors import StreamFormatError
from media.rtp.packet import HEADER, payload_of
from media.video.nal import split
from media.video.sps import parse_h264_sps
from tests.e2e import block_code

CHANNEL = "64010600001310000123"
OTHER = "98989898989898989898"
SHORT = 60
"""Pictures of the short clips here: more than one group."""


@functools.cache
def pictures(format: Format = SUB) -> tuple[bytes, ...]:
    return tuple(itertools.islice(encode(format), SHORT))


def clip(format: Format = SUB) -> Clip:
    made = Clip(format)
    for data in pictures(format):
        made.add(data)
    return made


def decode(data: bytes) -> list[tuple[bytes, int]]:
    """Grey planes and their line length; any error of the decoder fails the test."""
    with av.open(io.BytesIO(data), format="h264") as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        frames = list(container.decode(video=0))
    return [(bytes(frame.planes[0]), frame.planes[0].line_size) for frame in frames]


def stream_of(channel: str, frames: list[int], format: Format = SUB) -> bytes:
    made, writer = clip(format), Banner(channel, format.macroblocks)
    return b"".join(made.picture(at, writer, frame) for at, frame in enumerate(frames))


def test_every_picture_says_who_and_which() -> None:
    frames = [0, 1, 2, 0x5555, 0xAAAA, 32767, 32768, 65534, 65535, *range(1000, 1041)]
    shown = decode(stream_of(CHANNEL, frames))
    codes = [block_code.decode(gray, stride) for gray, stride in shown]
    assert codes == [block_code.Code(123, frame) for frame in frames]


def test_black_is_black_and_white_is_white_without_drift() -> None:
    gray, stride = decode(stream_of(CHANNEL, list(range(700, 749))))[-1]
    bits = banner.code_bits(123, 748)
    expected = b"".join((b"\xf0" if bit else b"\x10") * 32 for bit in bits)
    for line in range(32):
        assert gray[line * stride : line * stride + 1024] == expected


def test_the_id_and_the_number_can_be_read_as_text() -> None:
    for frame in (5, 49):
        gray, stride = decode(stream_of(CHANNEL, [*range(frame), 60_000 + frame]))[-1]
        assert digits_at(gray, stride, x=16, count=20) == CHANNEL
        assert digits_at(gray, stride, x=64 * 16, count=5) == str(60_000 + frame)


def test_where_the_lens_looks_stands_behind_the_number_where_there_is_room() -> None:
    for format, expected in ((MAIN, ("123", "350", "04")), (SUB, None)):
        made, writer = clip(format), Banner(CHANNEL, format.macroblocks)
        words = ("123", "350", "04")
        data = b"".join(made.picture(at, writer, at, words) for at in range(8))
        for at, (gray, stride) in enumerate(decode(data)):
            assert block_code.decode(gray, stride) == block_code.Code(123, at)
            assert digits_at(gray, stride, x=16, count=20) == CHANNEL
            if expected is None:
                continue
            found = [
                digits_at(gray, stride, x=column * 16, count=count)
                for column, count in ((84, 3), (95, 3), (106, 2))
            ]
            assert tuple(found) == expected


def test_a_recording_shows_its_time_instead_of_the_id() -> None:
    made, writer = clip(MAIN), Banner(CHANNEL, MAIN.macroblocks, "20261121080059")
    gray, stride = decode(made.picture(0, writer, 7))[0]
    assert digits_at(gray, stride, x=16, count=14) == "20261121080059"
    assert block_code.decode(gray, stride) == block_code.Code(123, 7)


def digits_at(gray: bytes, stride: int, x: int, count: int) -> str:
    """Reads digits of 8 x 8 pixels a point, 48 pixels apart, in line 48."""
    out = ""
    for place in range(count):
        left = x + 48 * place
        points = tuple(
            int(gray[(48 + 8 * row + 4) * stride + left + 8 * column + 4] > 128)
            for row in range(7)
            for column in range(5)
        )
        found = [d for d in range(10) if points == glyph(d)]
        out += str(found[0]) if found else "?"
    return out


def glyph(digit: int) -> tuple[int, ...]:
    return tuple(font.point(digit, x, y) for y in range(7) for x in range(5))


def test_ten_digits_look_different() -> None:
    assert len({glyph(digit) for digit in range(10)}) == 10


@pytest.mark.parametrize("format", [MAIN, SUB], ids=lambda format: str(format.height))
def test_nothing_below_depends_on_the_banner(format: Format) -> None:
    """The very exchange of a slice: another banner must not change a single pixel of the rest."""
    one = decode(stream_of(CHANNEL, list(range(SHORT)), format))
    two = decode(stream_of(OTHER, [65535 - 77 * n for n in range(SHORT)], format))
    assert len(one) == len(two) == SHORT
    for (left, stride), (right, _) in zip(one, two, strict=True):
        start = banner.LINES * stride
        assert left[start:] == right[start:]
    assert one[3][0][start:] != one[30][0][start:], "the street does not move"


@pytest.mark.parametrize("format", [MAIN, SUB], ids=lambda format: str(format.height))
def test_the_encoder_keeps_to_what_was_asked_for(format: Format) -> None:
    found = pictures(format)
    kinds = [[unit[0] & 0x1F for unit in split(data)] for data in found]
    assert [at for at, kind in enumerate(kinds) if 5 in kind] == [0, GROUP]
    info = parse_h264_sps(next(unit for unit in split(found[0]) if unit[0] & 0x1F == 7))
    assert (info.width, info.height, info.fps) == (format.width, format.height, FPS)
    group = sum(map(len, found[:GROUP]))
    kbps = group * 8 / 1000 * FPS / GROUP
    assert kbps == pytest.approx(format.kbps, rel=0.25)


def test_main_pictures_are_two_to_four_megabits() -> None:
    made, writer = clip(MAIN), Banner(CHANNEL, MAIN.macroblocks)
    size = sum(len(made.picture(at, writer, at)) for at in range(GROUP))
    assert 2e6 < size * 8 * FPS / GROUP < 4e6


def test_the_round_closes_without_a_jump_of_the_traffic() -> None:
    from gb28181.simulator.scene import Scene

    scene = Scene(640, 480, banner.LINES, PICTURES)
    start = (banner.LINES + int((480 - banner.LINES) * 0.66) // 2 * 2) * 640
    first, again = scene.picture(0)[0], scene.picture(PICTURES)[0]
    assert first[start:] == again[start:] != scene.picture(1)[0][start:]


def test_the_number_in_the_code_is_the_serial_as_far_as_it_fits() -> None:
    assert banner.camera_number(CHANNEL) == 123
    assert banner.camera_number("64010600001310004097") == 1
    assert banner.camera_number("odd") == 0
    for camera, frame in ((0, 0), (4095, 65535), (1234, 4321)):
        assert banner.code_bits(camera, frame) == block_code.bits(camera, frame)


def test_a_banner_needs_its_room() -> None:
    with pytest.raises(ValueError, match="79"):
        Banner(CHANNEL, 79)


@pytest.mark.parametrize("left", list(itertools.product((0, 1), repeat=2)))
@pytest.mark.parametrize("inter", [False, True])
def test_bits_of_a_macroblock_are_a_prefix_code(left: tuple[int, int], inter: bool) -> None:
    """No pattern's bits begin another's: a decoder can tell them apart."""
    before = (0, left[0], 0, left[1])
    every = list(itertools.product((0, 1), repeat=4))
    codes = [flatblocks.follow(before, own, inter) for own in every]
    assert len(set(codes)) == 16
    assert not any(a != b and b.startswith(a) for a in codes for b in codes)


def test_slices_of_another_kind_are_refused() -> None:
    units = split(pictures()[0])
    sequence = read_sequence(*(next(u for u in units if u[0] & 0x1F == kind) for kind in (7, 8)))
    slices = [unit for unit in units if unit[0] & 0x1F == 5]
    assert read_head(slices[0], sequence).inter is False
    with pytest.raises(StreamFormatError, match="not the first"):
        read_head(slices[1], sequence)
    with pytest.raises(StreamFormatError, match="no slice"):
        Clip(SUB).add(b"\x00\x00\x01\x65\x88")


# --- streams ---------------------------------------------------------------------------------


def packets_of(stream: CameraStream, count: int) -> list[bytes]:
    return [packet for _ in range(count) for packet in stream.packets()]


def test_a_stream_is_ps_that_ffmpeg_plays_with_sound() -> None:
    stream = CameraStream(
        clip(),
        Banner(CHANNEL, SUB.macroblocks),
        77,
        start=Start(picture=0, frame=65500, sequence=65530, timestamp=2**32 - 5000),
    )
    packets = packets_of(stream, 50)
    heads = [HEADER.unpack_from(packet) for packet in packets]
    assert {head[4] for head in heads} == {77}
    assert {head[1] & 0x7F for head in heads} == {96}
    first = heads[0][2]
    assert [head[2] for head in heads] == [(first + n) % 65536 for n in range(len(heads))]
    assert len({head[3] for head in heads}) == 100, "a time stamp for each picture and sound"
    ps = b"".join(payload_of(packet) or b"" for packet in packets)
    with av.open(io.BytesIO(ps), format="mpeg") as container:
        assert [s.codec_context.name for s in container.streams] == ["h264", "pcm_alaw"]
        assert sum(p.size for p in container.demux(audio=0)) == 50 * 320
    with av.open(io.BytesIO(ps), format="mpeg") as container:
        frames = list(container.decode(video=0))
    codes = [block_code.decode(bytes(f.planes[0]), f.planes[0].line_size) for f in frames]
    assert [code and code.frame for code in codes] == [(65500 + n) % 65536 for n in range(50)]


def test_without_sound_there_is_none() -> None:
    stream = CameraStream(clip(), Banner(CHANNEL, SUB.macroblocks), 77, audio=False)
    packets = packets_of(stream, 3)
    assert len({HEADER.unpack_from(packet)[3] for packet in packets}) == 3
    with av.open(io.BytesIO(b"".join(payload_of(p) or b"" for p in packets)), format="mpeg") as ps:
        assert [s.codec_context.name for s in ps.streams] == ["h264"]


def test_a_stream_starts_with_a_key_frame_and_waits_for_the_encoder() -> None:
    writer = Banner(CHANNEL, SUB.macroblocks)
    with pytest.raises(ValueError, match="key frame"):
        CameraStream(clip(), writer, 1, start=Start(picture=7))
    late = CameraStream(clip(), writer, 1, start=Start(picture=2 * GROUP))
    assert not late.is_ready


# --- cache -----------------------------------------------------------------------------------


class Encoder:
    """Stands in for libx264: what it made before, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, format: Format) -> Iterator[bytes]:
        self.asked += 1
        for number in range(PICTURES):
            yield pictures(format)[number % GROUP]


def finished(studio: Studio) -> Clip:
    made = studio.clip(SUB)
    for thread in threading.enumerate():
        if thread.name == "clip":
            thread.join(20)
    return made


def test_a_clip_is_encoded_once_and_found_again(tmp_path: Path) -> None:
    encoder = Encoder()
    first = finished(Studio(tmp_path / "new", encoder))
    again = finished(Studio(tmp_path / "new", encoder))
    assert encoder.asked == 1
    assert first.is_complete
    assert again.is_complete
    writer = Banner(CHANNEL, SUB.macroblocks)
    assert first.picture(77, writer, 9) == again.picture(77, writer, 9)


def test_a_damaged_cache_is_encoded_anew(tmp_path: Path) -> None:
    encoder = Encoder()
    finished(Studio(tmp_path, encoder))
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    assert finished(Studio(tmp_path, encoder)).is_complete
    assert encoder.asked == 2


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = finished(Studio(tmp_path / "file" / "below", Encoder()))
    assert made.is_complete
    assert made.error == ""


def test_an_encoder_that_fails_is_told() -> None:
    def broken(format: Format) -> Iterator[bytes]:
        raise OSError("no such codec")
        yield b""

    made = finished(Studio(None, broken))
    assert "no such codec" in made.error
