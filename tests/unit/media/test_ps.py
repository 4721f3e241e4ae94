"""Program stream demultiplexer against hand-written vectors and broken senders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from media.ps.demux import Piece, PsDemuxer

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex C")

VECTORS = Path(__file__).parents[2] / "vectors" / "ps"

PACK = bytes.fromhex("000001ba440004000401005f6bf8")
SLICE = b"\x00\x00\x00\x01\x41" + bytes(range(1, 200))


def load(name: str) -> bytes:
    lines = (VECTORS / f"{name}.hex").read_text().splitlines()
    return bytes.fromhex("".join(line.split("#")[0] for line in lines))


def pes(
    stream: int, payload: bytes, *, pts: str = "2100010001", length: int | None = None
) -> bytes:
    """PES with literal header bytes; ``pts`` is five bytes of hexadecimal or empty."""
    times = bytes.fromhex(pts)
    size = 3 + len(times) + len(payload) if length is None else length
    head = b"\x00\x00\x01" + bytes((stream,)) + size.to_bytes(2, "big")
    return head + bytes((0x80, 0x80 if times else 0, len(times))) + times + payload


def plain(pieces: list[Piece]) -> list[tuple[int, bytes]]:
    return [(piece.stream, piece.data) for piece in pieces]


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.hex")))
def test_vector(name: str) -> None:
    wanted = json.loads((VECTORS / f"{name}.json").read_text())
    demuxer = PsDemuxer()
    pieces, used = demuxer.parse(load(name))
    assert used == len(load(name))
    got = [{"stream": p.stream, "pts": p.pts, "dts": p.dts, "data": p.data.hex()} for p in pieces]
    assert got == wanted["pieces"]
    assert demuxer.streams == {int(key): value for key, value in wanted["streams"].items()}


def test_clean_pack_counts_nothing_bad() -> None:
    demuxer = PsDemuxer()
    demuxer.parse(load("key-pack"))
    assert (demuxer.bad, demuxer.unknown_bytes) == (0, 0)


def test_length_wrapped_at_64_kib_is_extended() -> None:
    frame = b"\x00\x00\x00\x01\x65" + b"\x77" * 90_000
    length = (len(frame) + 8) & 0xFFFF
    data = PACK + pes(0xE0, frame, length=length) + pes(0xC0, b"ab")
    demuxer = PsDemuxer()
    assert plain(demuxer.parse(data)[0]) == [(0xE0, frame), (0xC0, b"ab")]
    assert demuxer.bad == 1


def test_burst_that_ends_before_the_stated_length_is_not_complete() -> None:
    data = PACK + pes(0xE0, SLICE)
    pieces, _ = PsDemuxer().parse(data[:-10])
    assert plain(pieces) == [(0xE0, SLICE[:-10])]
    assert not pieces[0].complete
    assert not pieces[0].surely_whole


def test_several_packs_with_different_times_are_several_units() -> None:
    data = PACK + pes(0xE0, SLICE) + PACK + pes(0xE0, SLICE, pts="2100011c21")
    pieces, _ = PsDemuxer().parse(data)
    assert [piece.pts for piece in pieces] == [0, 3600]


def test_packs_without_new_times_are_one_unit() -> None:
    data = PACK + pes(0xE0, SLICE) + PACK + pes(0xE0, b"more", pts="")
    assert plain(PsDemuxer().parse(data)[0]) == [(0xE0, SLICE + b"more")]


def test_parameter_sets_without_time_join_the_picture_behind() -> None:
    sets = b"\x00\x00\x00\x01\x67\x42"
    data = PACK + pes(0xE0, sets, pts="") + pes(0xE0, SLICE)
    pieces, _ = PsDemuxer().parse(data)
    assert [(piece.data, piece.pts) for piece in pieces] == [(sets + SLICE, 0)]


@pytest.mark.parametrize("stream", [0xBD, 0xBE, 0xBF, 0xF0, 0xFF])
def test_private_and_padding_streams_are_skipped_by_length(stream: int) -> None:
    inside = b"\x00\x00\x01\xe0\x00\x05hello"
    extra = b"\x00\x00\x01" + bytes((stream,)) + len(inside).to_bytes(2, "big") + inside
    assert plain(PsDemuxer().parse(PACK + extra + pes(0xE0, SLICE))[0]) == [(0xE0, SLICE)]


def test_system_header_with_wrong_length_does_not_hide_the_picture() -> None:
    system = b"\x00\x00\x01\xbb\x01\x00\x81\x2f\x81"
    demuxer = PsDemuxer()
    assert plain(demuxer.parse(PACK + system + pes(0xE0, SLICE))[0]) == [(0xE0, SLICE)]
    assert demuxer.bad == 1


def test_map_is_kept_over_bursts_and_replaced_by_a_new_one() -> None:
    demuxer = PsDemuxer()
    demuxer.parse(load("key-pack"))
    demuxer.parse(PACK + pes(0xE0, SLICE))
    assert demuxer.streams == {0xE0: 0x1B, 0xC0: 0x90}
    demuxer.parse(load("map-wrong-info-length"))
    assert demuxer.streams[0xE0] == 0x24


def test_not_final_keeps_the_last_unit_back() -> None:
    first = PACK + pes(0xE0, SLICE) + pes(0xC0, b"ab")
    second = PACK + pes(0xE0, SLICE, pts="2100011c21")
    demuxer = PsDemuxer()
    pieces, used = demuxer.parse(first + second[:100], final=False)
    assert plain(pieces) == [(0xE0, SLICE), (0xC0, b"ab")]
    rest = (first + second)[used:]
    assert plain(demuxer.parse(rest)[0]) == [(0xE0, SLICE)]


def test_every_cut_gives_the_same_units() -> None:
    data = b"".join(
        PACK + pes(0xE0, SLICE, pts=time) + pes(0xC0, b"abcd", pts=time)
        for time in ("2100010001", "2100011c21", "2100013841")
    )
    whole = plain(PsDemuxer().parse(data)[0])
    for cut in range(1, len(data)):
        demuxer = PsDemuxer()
        got, used = demuxer.parse(data[:cut], final=False)
        got += demuxer.parse(data[used:])[0]
        assert plain(got) == whole, cut
