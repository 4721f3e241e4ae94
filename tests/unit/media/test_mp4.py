"""Spools and the files made of them, judged by FFmpeg."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media.record import mp4
from media.record.spool import MAGIC, Break, Entry, Reader, Tally, encode
from media.unit import AccessUnit, Codec, FormatChanged

from .samples import aac, g711, pictures


def spool(path: Path, *parts: Entry) -> Path:
    path.write_bytes(MAGIC + b"".join(encode(part) for part in parts))
    return path


def merged(*tracks: tuple[AccessUnit, ...]) -> list[AccessUnit]:
    return sorted((unit for track in tracks for unit in track), key=lambda u: u.dts)


def judge(path: Path) -> dict[str, list[int]]:
    """Decoded times in milliseconds by kind of stream; FFmpeg complains of nothing."""
    found: dict[str, list[int]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            for frame in packet.decode():
                assert frame.pts is not None
                times = found.setdefault(packet.stream.type, [])
                times.append(round(float(frame.pts * frame.time_base) * 1000))
    return found


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_pictures_and_g711(tmp_path: Path, codec: Codec, b_frames: int) -> None:
    video, units = pictures(codec, count=50, b_frames=b_frames)
    audio, sounds = g711()
    source = spool(tmp_path / "a", FormatChanged(video, audio), *merged(units, sounds))
    told = mp4.write(source, tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    assert told["size"] == len(data)
    assert data.index(b"moov") < data.index(b"mdat")
    assert (told["video"], told["audio"]) == (codec.value, "aac")
    times = judge(tmp_path / "a.mp4")
    assert len(times["video"]) == 50
    assert times["video"][-1] - times["video"][0] == 49 * 40
    assert abs(times["audio"][-1] - 2000) < 300
    assert not (tmp_path / "a.mp4.part").exists()


def test_aac_stays_as_it_is(tmp_path: Path) -> None:
    video, units = pictures(count=50)
    audio, sounds = aac()
    source = spool(tmp_path / "a", FormatChanged(video, audio), *merged(units, sounds))
    mp4.write(source, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        assert container.streams.audio[0].codec_context.sample_rate == 8000
    times = judge(tmp_path / "a.mp4")
    assert len(times["video"]) == 50
    assert len(times["audio"]) >= len(sounds) - 2


def test_what_a_second_sender_repeats_is_there_once(tmp_path: Path) -> None:
    video, units = pictures(count=60, gop=10)
    later = [replace(u, pts=u.pts + 900_000, dts=u.dts + 900_000) for u in units[20:]]
    source = spool(tmp_path / "a", FormatChanged(video, None), *units[:37], Break(), *later)
    told = mp4.write(source, tmp_path / "a.mp4")
    times = judge(tmp_path / "a.mp4")["video"]
    assert times == [n * 40 for n in range(60)]
    assert told["duration_s"] == pytest.approx(2.4, abs=0.01)


def test_a_second_sender_with_something_else_follows_without_a_pause(tmp_path: Path) -> None:
    video, units = pictures(count=40, gop=10)
    other = [replace(u, pts=u.pts + 9_000_000, dts=u.dts + 9_000_000) for u in units[20:]]
    source = spool(tmp_path / "a", FormatChanged(video, None), *units[:20], Break(), *other)
    mp4.write(source, tmp_path / "a.mp4")
    assert judge(tmp_path / "a.mp4")["video"] == [n * 40 for n in range(40)]


def test_a_cut_spool_is_good_up_to_the_cut(tmp_path: Path) -> None:
    video, units = pictures(count=30)
    whole = spool(tmp_path / "a", FormatChanged(video, None), *units).read_bytes()
    reader = Reader()
    assert len(reader.feed(whole[:-5])) == 30  # the format and 29 units
    assert reader.whole == len(whole) - len(encode(units[-1]))
    broken = Reader()
    broken.feed(whole[: reader.whole] + b"\xff" * 40)
    assert broken.broken
    assert broken.whole == reader.whole


def test_bytes_one_by_one_give_the_same_entries(tmp_path: Path) -> None:
    video, units = pictures(count=3)
    audio, sounds = g711(0.2)
    parts: list[Entry] = [FormatChanged(video, audio), *merged(units, sounds), Break()]
    data = spool(tmp_path / "a", *parts).read_bytes()
    reader = Reader()
    assert [e for byte in data for e in reader.feed(bytes((byte,)))] == parts


def test_no_spool_and_an_empty_one(tmp_path: Path) -> None:
    reader = Reader()
    assert reader.feed(b"not a spool at all") == []
    assert reader.broken
    with pytest.raises(mp4.NothingRecorded):
        mp4.write(spool(tmp_path / "a"), tmp_path / "a.mp4")
    assert mp4.main([str(tmp_path / "missing"), str(tmp_path / "b.mp4")]) == 1


def test_recorded_time_leaves_pauses_out() -> None:
    tally = Tally()
    for dts in (0, 3600, 90_000):
        tally.add(AccessUnit(True, Codec.H264, dts, dts, True, b""))
    tally.add(Break())
    tally.add(AccessUnit(True, Codec.H264, 0, 9_000_000, True, b""))
    tally.add(AccessUnit(True, Codec.H264, 0, 9_180_000, True, b""))
    assert tally.seconds == 3.0
