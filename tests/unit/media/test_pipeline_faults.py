"""The receiving side with bad networks and senders with habits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.ps.mux import PsMuxer, pack_header, pes_header, pes_times
from media.ps.psm import VIDEO_ID
from media.receive.pipeline import TAKEOVER, Pipeline
from media.receive.track import MAX_HITS
from media.rtp.packet import RtpPacketizer
from media.unit import AccessUnit, AudioFormat, Codec
from media.video.nal import join, read_head, split

from .encoded import FRAME, interleaved, pictures, sound
from .sending import (
    es_packets,
    feed_all,
    formats_of,
    ps_packets,
    sequence_of,
    timestamp_of,
    units_of,
    video_of,
    with_sequence,
    with_ssrc,
    with_timestamp,
    without_marker,
)

H264 = list(pictures(Codec.H264, noise=3))
MUXER = PsMuxer(Codec.H264, Codec.G711A)


def per_frame(units: list[AccessUnit], muxer: PsMuxer = MUXER) -> list[list[bytes]]:
    """Packets of each unit apart."""
    rtp = RtpPacketizer(0x0BEBC201, sequence=65_500)
    return [ps_packets([unit], muxer, rtp) for unit in units]


def flat(frames: list[list[bytes]]) -> list[bytes]:
    return [packet for frame in frames for packet in frame]


def one_pes(unit: AccessUnit, **change: int) -> bytes:
    """A pack without a stream map, with a PES whose length may be wrong."""
    times = pes_times(unit.pts, unit.dts)
    head = pes_header(VIDEO_ID, times, len(unit.data) & 0x7FFF)
    if "length" in change:
        head = head[:4] + change["length"].to_bytes(2, "big") + head[6:]
    return pack_header(unit.dts) + head + unit.data


# --- loss -----------------------------------------------------------------------------------------


def test_frames_are_large_enough_for_these_tests() -> None:
    assert min(len(frame) for frame in per_frame(H264)) >= 4


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_picture_with_a_missing_packet_is_dropped_and_the_rest_goes_on(place: str) -> None:
    frames = per_frame(H264)
    del frames[14][{"first": 0, "middle": 2, "last": -1}[place]]
    pipeline = Pipeline()
    out = feed_all(pipeline, flat(frames))
    assert video_of(out) == [unit.data for unit in H264[:14] + H264[15:]]
    stats = pipeline.stats
    assert (stats.lost, stats.damaged, stats.skipped) == (1, 1, 0)


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_without_markers_loss_is_found_as_well(place: str) -> None:
    frames = [[without_marker(packet) for packet in frame] for frame in per_frame(H264)]
    del frames[14][{"first": 0, "middle": 2, "last": -1}[place]]
    out = feed_all(Pipeline(), flat(frames))
    assert video_of(out) == [unit.data for unit in H264[:14] + H264[15:]]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_damaged_key_frame_holds_the_picture_until_the_next_one(place: str) -> None:
    assert H264[10].key
    frames = per_frame(H264)
    del frames[10][{"first": 0, "middle": 2, "last": -1}[place]]
    pipeline = Pipeline()
    out = feed_all(pipeline, flat(frames))
    assert video_of(out) == [unit.data for unit in H264[:10] + H264[20:]]
    assert pipeline.stats.skipped == 9


def test_whole_pictures_missing_are_only_counted() -> None:
    frames = per_frame(H264)
    del frames[13:15]
    pipeline = Pipeline()
    out = feed_all(pipeline, flat(frames))
    assert video_of(out) == [unit.data for unit in H264[:13] + H264[15:]]
    assert pipeline.stats.damaged == 0
    assert pipeline.stats.lost == sum(len(frame) for frame in per_frame(H264)[13:15])


def test_a_group_that_is_hit_too_often_is_given_up() -> None:
    units = list(pictures(Codec.H264, 60, gop=30, noise=3))
    frames = per_frame(units)
    for index in range(1, 1 + MAX_HITS + 1):
        del frames[index][1]
    pipeline = Pipeline()
    out = feed_all(pipeline, flat(frames))
    assert video_of(out) == [units[0].data] + [unit.data for unit in units[30:]]
    assert pipeline.stats.waiting_key is False


def test_sound_survives_the_loss_of_pictures() -> None:
    audio = sound(Codec.G711A)
    frames = per_frame(interleaved(tuple(H264), audio))
    for index in (6, 20, 24):
        del frames[index][1]
    out = feed_all(Pipeline(), flat(frames))
    assert [unit.data for unit in units_of(out) if not unit.video] == [u.data for u in audio]


def test_reordered_and_doubled_packets_are_put_right() -> None:
    packets = flat(per_frame(H264))
    mixed: list[bytes] = []
    for index in range(0, len(packets), 4):
        group = packets[index : index + 4]
        mixed += [group[0], *reversed(group[1:]), group[0]]
    pipeline = Pipeline()
    assert video_of(feed_all(pipeline, mixed)) == [unit.data for unit in H264]
    assert pipeline.stats.lost == 0
    assert pipeline.stats.duplicates == len(packets[::4])


def test_a_gap_is_given_up_by_flush() -> None:
    frames = per_frame(H264[:3])
    del frames[1][1]
    pipeline = Pipeline()
    out = []
    for packet in flat(frames[:2]):
        out += pipeline.feed(packet, 0.0)
    assert len(video_of(out)) == 1
    assert pipeline.flush(0.05) == []
    pipeline.flush(0.2)
    assert pipeline.stats.lost == 1


# --- start ----------------------------------------------------------------------------------------


def test_start_in_the_middle_of_a_group_waits_for_the_key_frame() -> None:
    units = interleaved(tuple(H264), sound(Codec.G711A))[7:]
    pipeline = Pipeline()
    out = feed_all(pipeline, flat(per_frame(units)))
    assert video_of(out) == [unit.data for unit in H264[10:]]
    assert len([unit for unit in units_of(out) if not unit.video]) == len(
        [unit for unit in units if not unit.video]
    )
    assert pipeline.stats.skipped == len(H264[:10]) - 4


@pytest.mark.parametrize("skip", [1, 3, 17, 40])
def test_start_in_the_middle_of_a_frame(skip: int) -> None:
    packets = flat(per_frame(H264))[skip:]
    got = video_of(feed_all(Pipeline(), packets))
    assert got
    assert got == [unit.data for unit in H264[-len(got) :]]
    assert read_head(Codec.H264, got[0]).key


# --- program streams with habits ------------------------------------------------------------------


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_no_stream_map_at_all(codec: Codec) -> None:
    units = list(pictures(codec))
    rtp = RtpPacketizer(1)
    packets = [p for unit in units for p in rtp.packetize(one_pes(unit), unit.dts)]
    out = feed_all(Pipeline(), packets)
    assert video_of(out) == [unit.data for unit in units]
    assert formats_of(out)[0].video is not None


@pytest.mark.parametrize("length", [0, 5, 20, 0xFFFF])
def test_pes_with_any_length(length: int) -> None:
    rtp = RtpPacketizer(1)
    packets = [p for unit in H264 for p in rtp.packetize(one_pes(unit, length=length), unit.dts)]
    pipeline = Pipeline()
    # A PES always stated too long is never seen to be complete: the last one comes at the end.
    out = feed_all(pipeline, packets) + pipeline.restart()
    assert video_of(out) == [unit.data for unit in H264]


def test_a_map_that_names_the_wrong_codec_is_not_believed() -> None:
    units = list(pictures(Codec.H265))
    wrong = PsMuxer(Codec.H264)
    out = feed_all(Pipeline(), ps_packets(units, wrong))
    assert [(unit.codec, unit.data) for unit in units_of(out)] == [
        (Codec.H265, unit.data) for unit in units
    ]


def test_packets_cut_without_regard_for_frames() -> None:
    units = interleaved(tuple(H264), sound(Codec.G711A))
    stream = b"".join(MUXER.frame(unit) for unit in units)
    rtp = RtpPacketizer(1)
    packets: list[bytes] = []
    for index, start in enumerate(range(0, len(stream), 1300)):
        packets += rtp.packetize(stream[start : start + 1300], index * 400)
    out = feed_all(Pipeline(), packets)
    assert sorted(u.data for u in units_of(out)) == sorted(unit.data for unit in units)
    assert video_of(out) == [unit.data for unit in H264]


def test_timestamps_that_never_change() -> None:
    units = list(pictures(Codec.H264, 60, noise=3))
    pipeline = Pipeline()
    out = []
    for index, frame in enumerate(per_frame(units)):
        for packet in frame:
            out += pipeline.feed(with_timestamp(packet, 4711), index * 0.04)
    out += pipeline.flush(100.0)
    got = units_of(out)
    assert [unit.data for unit in got] == [unit.data for unit in units]
    assert [unit.dts for unit in got] == [unit.dts for unit in units]


def test_timestamps_that_never_change_and_no_pes_times() -> None:
    units = list(pictures(Codec.H264, 60))
    rtp = RtpPacketizer(1)
    pipeline = Pipeline()
    out = []
    for index, unit in enumerate(units):
        pack = pack_header(0) + pes_header(VIDEO_ID, b"", len(unit.data)) + unit.data
        for packet in rtp.packetize(pack, 99):
            out += pipeline.feed(packet, index * 0.04)
    got = units_of(out + pipeline.flush(100.0))
    # Until the frozen time is noticed (half a second) frames cannot be told apart.
    assert [unit.data for unit in got[-40:]] == [unit.data for unit in units[-40:]]
    steps = {b.dts - a.dts for a, b in pairwise(got[-40:])}
    assert all(abs(step - FRAME) <= 2 for step in steps)


def test_parameter_sets_in_front_of_every_picture_are_left_out() -> None:
    key = H264[0]
    head = read_head(Codec.H264, key.data)
    sets = join(head.parameter_sets)
    units = [
        unit
        if unit.key
        else AccessUnit(True, unit.codec, unit.pts, unit.dts, False, sets + unit.data)
        for unit in H264
    ]
    out = feed_all(Pipeline(), flat(per_frame(units)))
    assert [split(data) for data in video_of(out)] == [split(unit.data) for unit in H264]
    assert len(formats_of(out)) == 1


def test_key_frames_without_their_sets_get_them() -> None:
    sets = join(read_head(Codec.H264, H264[0].data).parameter_sets)
    units = [H264[0]]
    for unit in H264[1:]:
        head = read_head(Codec.H264, unit.data)
        data = unit.data[head.slice_at :] if unit.key else unit.data
        units.append(AccessUnit(True, unit.codec, unit.pts, unit.dts, unit.key, data))
    out = feed_all(Pipeline(), flat(per_frame(units)))
    bare = units[10].data
    assert video_of(out)[10] == sets + bare


def test_resolution_and_codec_change_are_announced_before_the_key_frame() -> None:
    small = list(pictures(Codec.H264, 10))
    large = list(pictures(Codec.H264, 10, width=640, height=480))
    other = list(pictures(Codec.H265, 10))
    rtp = RtpPacketizer(1)
    packets: list[bytes] = []
    for index, units in enumerate((small, large, other)):
        muxer = PsMuxer(units[0].codec)
        packets += ps_packets(units, muxer, rtp, base=index * 10 * FRAME)
    out = feed_all(Pipeline(), packets)
    assert [unit.data for unit in units_of(out)] == [u.data for u in small + large + other]
    sizes = []
    for index, item in enumerate(out):
        if not isinstance(item, AccessUnit):
            assert item.video is not None
            sizes.append((item.video.codec, item.video.width, item.video.height))
            following = out[index + 1]
            assert isinstance(following, AccessUnit)
            assert following.key
    assert sizes == [(Codec.H264, 320, 240), (Codec.H264, 640, 480), (Codec.H265, 320, 240)]


@pytest.mark.parametrize("codec", [Codec.SVAC, Codec.MPEG4])
def test_codecs_that_are_not_carried_are_named(codec: Codec) -> None:
    units = [
        AccessUnit(True, codec, n * FRAME, n * FRAME, n == 0, b"\x00\x00\x01\xb0" + b"v" * 900)
        for n in range(5)
    ]
    audio = list(sound(Codec.G711A, 5))
    muxer = PsMuxer(codec, Codec.G711A)
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(interleaved(tuple(units), tuple(audio)), muxer))
    assert units_of(out) == audio
    assert pipeline.stats.unsupported_codec == codec.value


def test_sound_that_is_not_carried_does_not_stop_the_picture() -> None:
    audio = [AccessUnit(False, Codec.G722, u.pts, u.dts, True, u.data) for u in sound(Codec.G711A)]
    muxer = PsMuxer(Codec.H264, Codec.G722)
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(interleaved(tuple(H264), tuple(audio)), muxer))
    assert units_of(out) == H264
    assert pipeline.stats.unsupported_audio == "g722"
    assert pipeline.stats.unsupported_codec is None


@pytest.mark.parametrize("codec", [Codec.G723, Codec.G729])
def test_the_other_sounds_of_the_telephone_come_through(codec: Codec) -> None:
    audio = [AccessUnit(False, codec, u.pts, u.dts, True, u.data[:20]) for u in sound(Codec.G711A)]
    muxer = PsMuxer(Codec.H264, codec)
    pipeline = Pipeline()
    out = feed_all(pipeline, ps_packets(interleaved(tuple(H264), tuple(audio)), muxer))
    assert [u for u in units_of(out) if not u.video] == audio
    assert pipeline.audio_format == AudioFormat(codec, 8000, 1, b"")
    assert pipeline.stats.unsupported_audio is None


def test_a_frame_beyond_the_limit_is_dropped_and_the_stream_goes_on() -> None:
    monster = AccessUnit(
        True, Codec.H264, 15 * FRAME, 15 * FRAME, False, b"\x00\x00\x00\x01\x41" + b"\x99" * 300_000
    )
    units = [*H264[:15], monster, *H264[16:]]
    pipeline = Pipeline(max_frame=200_000)
    out = feed_all(pipeline, flat(per_frame(units)))
    assert video_of(out) == [unit.data for unit in H264[:15] + H264[16:]]
    assert pipeline.stats.oversized == 1


# --- senders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("clock", [8000, 90_000])
def test_bare_sound_beside_the_program_stream(shared: bool, clock: int) -> None:
    audio = sound(Codec.G711A)
    video_rtp = RtpPacketizer(7, sequence=3000)
    audio_rtp = RtpPacketizer(7 if shared else 8, payload_type=8, sequence=41_000)
    now, out = 0.0, []
    pipeline = Pipeline()
    for picture, heard in zip(H264, audio, strict=True):
        packets = ps_packets([picture], PsMuxer(Codec.H264), video_rtp)
        if shared:
            audio_rtp.sequence = video_rtp.sequence
        packets += audio_rtp.packetize(heard.data, 55_000 + heard.dts * clock // 90_000)
        if shared:
            video_rtp.sequence = audio_rtp.sequence
        for packet in packets:
            out += pipeline.feed(packet, now)
        now += 0.04
    out += pipeline.flush(now + 1)
    assert video_of(out) == [unit.data for unit in H264]
    got = [unit for unit in units_of(out) if not unit.video]
    assert [unit.data for unit in got] == [unit.data for unit in audio]
    assert {b.dts - a.dts for a, b in pairwise(got)} == {FRAME}
    assert pipeline.stats.lost == 0
    # Sound stays within a frame of the picture that came with it.
    assert abs(got[-1].dts - units_of(out)[-1].dts) <= 2 * FRAME


def test_ssrc_that_changes_in_mid_stream_loses_nothing() -> None:
    packets = flat(per_frame(H264))
    half = len(packets) // 2
    packets = packets[:half] + [with_ssrc(packet, 0) for packet in packets[half:]]
    pipeline = Pipeline()
    assert video_of(feed_all(pipeline, packets)) == [unit.data for unit in H264]
    assert (pipeline.stats.ssrc, pipeline.stats.ssrc_changes) == (0, 1)


def test_a_stranger_on_the_port_is_left_out() -> None:
    stranger = RtpPacketizer(99, sequence=20_000)
    packets: list[bytes] = []
    for packet in flat(per_frame(H264)):
        packets += [packet, *stranger.packetize(b"noise" * 100, timestamp_of(packet))]
    pipeline = Pipeline()
    assert video_of(feed_all(pipeline, packets)) == [unit.data for unit in H264]
    assert pipeline.stats.foreign >= len(packets) // 2 - 1
    assert pipeline.stats.ssrc_changes == 0


def test_a_new_sender_takes_over_and_none_of_its_packets_is_lost() -> None:
    first = ps_packets(H264[:15], MUXER, RtpPacketizer(1, sequence=100))
    second = ps_packets(H264, MUXER, RtpPacketizer(2, sequence=9000), base=3_000_000_000)
    pipeline = Pipeline()
    out = feed_all(pipeline, first, finish=False)
    out += feed_all(pipeline, second, start=0.7)
    assert video_of(out) == [unit.data for unit in H264[:15] + H264]
    assert (pipeline.stats.ssrc, pipeline.stats.ssrc_changes) == (2, 1)
    times = [unit.dts for unit in units_of(out)]
    assert all(b > a for a, b in pairwise(times))
    assert len(second) > TAKEOVER


def test_sequence_numbers_that_begin_anew() -> None:
    packets = flat(per_frame(H264))
    half = next(i for i, p in enumerate(packets) if timestamp_of(p) == H264[20].dts)
    moved = [with_sequence(p, sequence_of(p) + 20_000) for p in packets[half:]]
    pipeline = Pipeline()
    out = feed_all(pipeline, packets[:half] + moved)
    assert video_of(out) == [unit.data for unit in H264]
    assert (pipeline.stats.restarts, pipeline.stats.lost) == (1, 0)


def test_loss_in_a_bare_elementary_stream() -> None:
    packets = es_packets(H264, RtpPacketizer(1, payload_type=98))
    hurt = next(i for i, p in enumerate(packets) if timestamp_of(p) == H264[14].pts) + 2
    out = feed_all(Pipeline(), packets[:hurt] + packets[hurt + 1 :])
    assert [split(data) for data in video_of(out)] == [
        split(unit.data) for unit in H264[:14] + H264[15:]
    ]


# --- further habits -------------------------------------------------------------------------------


def retyped(pack: bytes, old: bytes, new: bytes) -> bytes:
    """The pack with an entry of its stream map changed."""
    return pack.replace(old, new, 1)


def test_a_stream_type_nobody_knows_is_named_unless_the_content_shows() -> None:
    strange = b"\x00\x00\x01\xb3" + b"mpeg2" * 50
    units = [AccessUnit(True, Codec.H264, n * FRAME, n * FRAME, n == 0, strange) for n in range(4)]
    rtp = RtpPacketizer(1)
    packets = [
        p
        for unit in units
        for p in rtp.packetize(retyped(MUXER.frame(unit), b"\x1b\xe0", b"\x02\xe0"), unit.dts)
    ]
    pipeline = Pipeline()
    assert units_of(feed_all(pipeline, packets)) == []
    assert pipeline.stats.unsupported_codec == "0x02"
    rtp = RtpPacketizer(1)
    packets = [
        p
        for unit in H264
        for p in rtp.packetize(retyped(MUXER.frame(unit), b"\x1b\xe0", b"\x02\xe0"), unit.dts)
    ]
    pipeline = Pipeline()
    assert video_of(feed_all(pipeline, packets)) == [unit.data for unit in H264]
    assert pipeline.stats.unsupported_codec is None


def test_only_the_stream_of_the_map_is_carried() -> None:
    rtp = RtpPacketizer(1)
    packets: list[bytes] = []
    for unit in H264:
        second = (
            pes_header(0xE1, pes_times(unit.pts, unit.dts), 50) + b"\x00\x00\x01\x65" + b"z" * 46
        )
        voice = pes_header(0xC5, pes_times(unit.pts, unit.dts), 20) + b"y" * 20
        packets += rtp.packetize(MUXER.frame(unit) + second + voice, unit.dts)
    assert units_of(feed_all(Pipeline(), packets)) == H264


def test_sound_that_shares_a_burst_with_a_damaged_picture() -> None:
    audio = sound(Codec.G711A)
    rtp = RtpPacketizer(1)
    frames = [
        rtp.packetize(MUXER.frame(picture) + MUXER.frame(heard), picture.dts)
        for picture, heard in zip(H264, audio, strict=True)
    ]
    del frames[14][1]
    out = feed_all(Pipeline(), flat(frames))
    assert video_of(out) == [unit.data for unit in H264[:14] + H264[15:]]
    assert [unit.data for unit in units_of(out) if not unit.video] == [unit.data for unit in audio]


def test_sound_cut_off_by_loss_is_dropped() -> None:
    audio = sound(Codec.G711A)
    rtp = RtpPacketizer(1, max_payload=150)
    frames = [rtp.packetize(MUXER.frame(heard), heard.dts) for heard in audio]
    del frames[10][-1]
    del frames[20][1]
    pipeline = Pipeline()
    got = [unit.data for unit in units_of(feed_all(pipeline, flat(frames)))]
    wanted = [unit.data for index, unit in enumerate(audio) if index not in (10, 20)]
    assert got == wanted
    assert pipeline.stats.damaged == 2


@pytest.mark.parametrize("starts_shared", [True, False])
def test_bare_sound_whose_numbering_was_misjudged_at_first(starts_shared: bool) -> None:
    audio = sound(Codec.G711A)
    video_rtp = RtpPacketizer(7, sequence=3000)
    audio_rtp = RtpPacketizer(7, payload_type=8, sequence=3005 if starts_shared else 50_000)
    packets: list[bytes] = []
    for index, (picture, heard) in enumerate(zip(H264, audio, strict=True)):
        if not starts_shared and index >= 1:
            audio_rtp.sequence = video_rtp.sequence
        sounding = audio_rtp.packetize(heard.data, heard.dts * 8 // 90)
        if not starts_shared and index >= 1:
            video_rtp.sequence = audio_rtp.sequence
        packets += [*sounding, *ps_packets([picture], PsMuxer(Codec.H264), video_rtp)]
    pipeline = Pipeline()
    out = []
    for index, packet in enumerate(packets):
        out += pipeline.feed(packet, index * 0.005)
    out += pipeline.flush(99.0)
    assert len([unit for unit in units_of(out) if not unit.video]) >= len(audio) - 6
    # Once settled nothing is lost any more.
    assert video_of(out)[-19:] == [unit.data for unit in H264[-19:]]


def test_program_stream_under_a_payload_type_of_sound() -> None:
    rtp = RtpPacketizer(1, payload_type=8)
    out = feed_all(Pipeline(), ps_packets(H264, MUXER, rtp))
    assert video_of(out) == [unit.data for unit in H264]


def test_an_unreadable_payload_is_named_by_its_payload_type() -> None:
    rtp = RtpPacketizer(1, payload_type=97)
    pipeline = Pipeline()
    for index in range(250):
        for packet in rtp.packetize(b"\x99" * 700, index * FRAME):
            assert pipeline.feed(packet, index * 0.04) == []
    assert pipeline.flush(10.0) == []
    assert pipeline.stats.unsupported_codec == "mpeg4"


def test_a_sender_that_turns_from_program_to_elementary_stream() -> None:
    rtp = RtpPacketizer(1)
    later = [
        AccessUnit(True, u.codec, u.pts + 30 * FRAME, u.dts + 30 * FRAME, u.key, u.data)
        for u in pictures(Codec.H264, 90, noise=3)
    ]
    packets = ps_packets(H264, MUXER, rtp) + es_packets(later, rtp)
    pipeline = Pipeline()
    got = video_of(feed_all(pipeline, packets))
    assert pipeline.stats.container == "h264"
    assert [split(data) for data in got[-25:]] == [split(unit.data) for unit in later[-25:]]
    again = ps_packets(H264, MUXER, rtp, base=200 * FRAME)
    got = video_of(feed_all(pipeline, again, start=10.0))
    assert got[-20:] == [unit.data for unit in H264[-20:]]
    assert pipeline.stats.container == "ps"


def test_b_frames_over_a_restart_of_the_same_sender_never_go_back() -> None:
    units = list(pictures(Codec.H264, b_frames=2))
    packets = ps_packets(units, MUXER)
    pipeline = Pipeline()
    out = feed_all(pipeline, packets, finish=False) + pipeline.restart()
    out += feed_all(pipeline, packets, start=1.3, finish=False) + pipeline.restart()
    got = units_of(out)
    assert [unit.data for unit in got] == [unit.data for unit in units] * 2
    assert all(b.dts > a.dts for a, b in pairwise(got))
    assert all(unit.pts >= unit.dts for unit in got)
