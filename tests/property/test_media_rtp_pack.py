"""What is cut into RTP payloads comes out again as it was, whoever puts it together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp.outlet import Outlet, Track
from media.rtp.pack import AUDIO, MAX_PAYLOAD, bundle, preface, read_preface, unbundle
from media.rtp.rtcp import read
from media.unit import AccessUnit, AudioFormat, Codec, FormatChanged
from tests.support import depacketize
from tests.unit.media.samples import pictures

times = st.integers(min_value=0, max_value=1 << 40)


def body(draw: st.DrawFn, most: int) -> bytes:
    """Bytes without zeros, so that no start code comes about."""
    size = draw(st.integers(min_value=2, max_value=most))
    seed = draw(st.integers(min_value=1, max_value=250))
    return bytes((seed + n * 7) % 255 + 1 for n in range(size))


@st.composite
def h264_units(draw: st.DrawFn) -> list[bytes]:
    kinds = st.tuples(st.sampled_from([1, 5, 6, 7, 8]), st.integers(0, 3))
    return [
        bytes([importance << 5 | kind]) + body(draw, draw(st.sampled_from([20, 1300, 9000])))
        for kind, importance in draw(st.lists(kinds, min_size=1, max_size=8))
    ]


@st.composite
def h265_units(draw: st.DrawFn) -> list[bytes]:
    kinds = st.tuples(st.sampled_from([1, 19, 32, 33, 34, 39]), st.integers(1, 7))
    return [
        bytes([kind << 1, temporal]) + body(draw, draw(st.sampled_from([20, 1300, 9000])))
        for kind, temporal in draw(st.lists(kinds, min_size=1, max_size=8))
    ]


def unit(codec: Codec, data: bytes, at: int = 0, *, video: bool = True) -> AccessUnit:
    return AccessUnit(video, codec, at, at, True, data)


def annex_b(units: list[bytes]) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + one for one in units)


@given(h264_units())
def test_h264_comes_back(units: list[bytes]) -> None:
    (found,) = unbundle(bundle(unit(Codec.H264, annex_b(units))))
    assert all(len(payload) <= MAX_PAYLOAD for payload in found.payloads)
    assert depacketize.h264(found.payloads) == units


@given(h265_units())
def test_h265_comes_back(units: list[bytes]) -> None:
    (found,) = unbundle(bundle(unit(Codec.H265, annex_b(units))))
    assert all(len(payload) <= MAX_PAYLOAD for payload in found.payloads)
    assert depacketize.h265(found.payloads) == units


@given(st.binary(min_size=1, max_size=8191))
def test_aac_comes_back(data: bytes) -> None:
    (found,) = unbundle(bundle(unit(Codec.AAC, data, video=False)))
    assert all(len(payload) <= MAX_PAYLOAD for payload in found.payloads)
    assert depacketize.aac(found.payloads) == data


@given(st.binary(min_size=1, max_size=5000), times)
def test_samples_come_back_each_at_its_time(data: bytes, at: int) -> None:
    found = list(unbundle(bundle(unit(Codec.G711A, data, at, video=False))))
    assert b"".join(payload for one in found for payload in one.payloads) == data
    expected = at
    for one in found:
        assert one.flags & AUDIO
        assert one.pts == expected
        expected += len(one.payloads[0]) * 90_000 // 8000


@given(st.binary(max_size=3000), st.sampled_from([Codec.H264, Codec.H265, Codec.AAC]))
def test_any_bytes_make_payloads_that_fit(data: bytes, codec: Codec) -> None:
    for found in unbundle(bundle(unit(codec, data, video=codec is not Codec.AAC))):
        assert found.payloads
        assert all(0 < len(payload) <= MAX_PAYLOAD for payload in found.payloads)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4000)), min_size=1, max_size=30),
    times,
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
)
def test_headers_go_up_by_one_and_with_the_time(
    frames: list[tuple[bool, int]], begin: int, sequence: int, first_time: int
) -> None:
    chunk = b""
    at = begin
    for video, size in frames:
        codec = Codec.H264 if video else Codec.G711A
        data = b"\x00\x00\x01\x41" + b"\x55" * size if video else b"\xd5" * size
        chunk += bundle(unit(codec, data, at, video=video))
        at += 3600
    video_track = Track(96, 90_000, ssrc=1, sequence=sequence, first_time=first_time, channel=0)
    audio_track = Track(8, 8000, ssrc=2, sequence=sequence, first_time=first_time, channel=2)
    sent = depacketize.interleaved(Outlet("c", video_track, audio_track).framed(chunk, 1e9))
    for channel, clock, kind in ((0, 90_000, 96), (2, 8000, 8)):
        packets = [depacketize.rtp(data) for to, data in sent if to == channel]
        numbers = [packet[2] for packet in packets]
        assert numbers == [(sequence + n) & 0xFFFF for n in range(len(numbers))]
        assert {packet[0] for packet in packets} <= {kind}
        for packet in packets:
            ticks = (packet[3] - first_time) & 0xFFFFFFFF
            assert 0 <= ticks <= (at - begin + 100_000) * clock // 90_000
    if any(channel == 0 for channel, _ in sent):
        marks = [depacketize.rtp(data)[1] for to, data in sent if to == 0]
        assert marks[-1]
        assert sum(marks) == sum(video for video, _ in frames)
    # A report tells the clock before the first packet of its track.
    for channel in (0, 2):
        of_track = [to for to, _ in sent if to in (channel, channel + 1)]
        assert of_track[:1] in ([], [channel + 1])


def test_the_preface_tells_the_tracks_and_is_no_bundle() -> None:
    video, units = pictures(Codec.H264)
    formats = FormatChanged(video, AudioFormat(Codec.G711A, 8000, 1, b""))
    chunk = preface(formats) + bundle(units[0]) + preface(formats) + bundle(units[1])
    assert read_preface(chunk) == formats
    assert [found.dts for found in unbundle(chunk)] == [units[0].dts, units[1].dts]
    assert read_preface(bundle(units[0])) is None
    assert read_preface(b"") is None


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_reports_without_harm(data: bytes) -> None:
    read(data)
    read(b"\x81\xcd\x00\x40" + data)
    assert len(read(b"\x81\xc9" + (len(data) // 4).to_bytes(2, "big") + data)) <= 200
