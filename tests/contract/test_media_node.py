"""What every media node must do, whatever stands behind `media.node.MediaNode`.

Only the Protocol is used.  Media comes over real loopback sockets, and what viewers get is judged
by FFmpeg: inside PyAV, and once as ffprobe.  A new implementation is one more fixture parameter.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
from itertools import pairwise

import pytest

from media.errors import (
    LocalError,
    PortsExhausted,
    StreamUnknown,
    ViewersExhausted,
)
from media.node import (
    FormatChangedEvent,
    MediaStarted,
    ReceiveMode,
    ReceiverUnknown,
    StreamBusy,
    ViewersChanged,
)
from media.options import HubLimits
from media.unit import Codec
from tests.unit.media.samples import aac, g711, judge_flv, pictures

from .media_bench import MODES, STREAM, Bench, MakeBench, later, merged, two_free_ports
from .media_cameras import HOST, UdpCamera, packets_of

VIDEO, PICTURES = pictures(count=60)


@pytest.mark.parametrize("mode", MODES)
async def test_a_picture_goes_through(bench: Bench, mode: ReceiveMode) -> None:
    info = await bench.receive(mode)
    assert info.stream_id == STREAM
    assert info.mode == mode
    watched = bench.watch()
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    started = await bench.events.wait(MediaStarted)
    await watched.until(len(PICTURES))
    assert started.receiver_id == info.receiver_id
    assert started.video is not None
    assert (started.video.codec, started.video.width, started.video.height) == ("h264", 320, 240)
    judged = judge_flv(bytes(watched.data))
    assert judged.codecs == {"video": "h264"}
    assert judged.decoded == len(PICTURES)
    times = [dts for _, dts, _ in judged.packets["video"]]
    assert all(0 < b - a <= 41 for a, b in pairwise(times))
    statistics = await bench.statistics()
    assert statistics.frames == len(PICTURES)
    assert statistics.key_frames == sum(u.key for u in PICTURES)
    assert statistics.ssrc == 100_000_001
    assert (statistics.lost, statistics.foreign, statistics.invalid) == (0, 0, 0)
    assert statistics.packets == len(packets_of(PICTURES))
    assert statistics.receiver_id == info.receiver_id
    assert statistics.bytes_out == len(watched.data)
    assert statistics.video == started.video
    if isinstance(camera, UdpCamera):
        assert statistics.source == camera.address
    else:
        assert statistics.source is not None
    assert len(bench.events.of(MediaStarted)) == 1


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_codecs_and_b_frames(bench: Bench, codec: Codec, b_frames: int) -> None:
    _, units = pictures(codec, count=40, b_frames=b_frames)
    info = await bench.receive()
    watched = bench.watch()
    await (await bench.camera(info)).send(packets_of(units))
    await watched.until(len(units))
    judged = judge_flv(bytes(watched.data))
    assert judged.codecs == {"video": {"h264": "h264", "h265": "hevc"}[codec]}
    assert judged.decoded == len(units)
    seen = [(pts, dts) for pts, dts, _ in judged.packets["video"]]
    assert all(a[1] < b[1] for a, b in pairwise(seen))
    assert all(pts >= dts for pts, dts in seen)
    assert any(pts > dts for pts, dts in seen) == bool(b_frames)


async def test_g711_stays_out_of_the_default_flv(bench: Bench) -> None:
    _, sound = g711()
    info = await bench.receive()
    plain, auto, asked = bench.watch(), bench.watch(audio="auto"), bench.watch(audio="aac")
    await (await bench.camera(info)).send(packets_of(merged(PICTURES, sound)))
    for watched in (plain, auto):
        await watched.until(len(PICTURES))
        assert watched.data[4] == 1
        assert watched.tags(8) == []
        assert judge_flv(bytes(watched.data)).codecs == {"video": "h264"}
    await asked.until(20, asked.sounds)
    assert judge_flv(bytes(asked.data)).codecs == {"video": "h264", "audio": "aac"}
    statistics = await bench.statistics()
    assert statistics.aac is not None
    assert statistics.audio is not None
    assert statistics.audio.codec is Codec.G711A


async def test_aac_for_those_who_ask(bench: Bench) -> None:
    audio, sound = aac(2.4)
    info = await bench.receive()
    plain, asked = bench.watch(), bench.watch(audio="aac")
    packets = packets_of(merged(PICTURES, sound), audio_config=audio.config)
    await (await bench.camera(info)).send(packets)
    await plain.until(len(PICTURES))
    await asked.until(len(PICTURES))
    assert judge_flv(bytes(plain.data)).codecs == {"video": "h264"}
    judged = judge_flv(bytes(asked.data))
    assert judged.codecs == {"video": "h264", "audio": "aac"}
    assert len(judged.packets["audio"]) >= len(sound) - 2
    for track in judged.packets.values():
        assert all(a[1] < b[1] for a, b in pairwise(track))


async def test_ffprobe_reads_it(bench: Bench) -> None:
    info = await bench.receive()
    watched = bench.watch()
    await (await bench.camera(info)).send(packets_of(PICTURES))
    await watched.until(len(PICTURES))
    command = ["ffprobe", "-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "stream=codec_name,width,height,r_frame_rate,nb_read_frames", "-"],
        input=bytes(watched.data),
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    assert done.stdout.decode().strip() == f"h264,320,240,25/1,{len(PICTURES)}"


async def test_the_first_key_frame_is_shown_without_waiting_for_more(bench: Bench) -> None:
    """One frame and the first packet behind it: that is all a waiting viewer needs."""
    info = await bench.receive()
    watched = bench.watch()
    camera = await bench.camera(info)
    key = packets_of(PICTURES[:1])
    await camera.send([*key, packets_of(PICTURES[1:2], sequence=len(key))[0]])
    await watched.until(1)
    assert watched.chunks == 1, "header, metadata, sequence header and picture are one chunk"
    assert judge_flv(bytes(watched.data)).decoded == 1


async def test_viewers_see_the_same_and_late_ones_begin_at_the_key_frame(bench: Bench) -> None:
    info = await bench.receive()
    first, second = bench.watch(), bench.watch()
    camera = await bench.camera(info)
    packets = packets_of(PICTURES[:36])
    await camera.send(packets)
    await first.until(36)
    await second.until(36)
    assert first.data == second.data
    late = bench.watch()
    await camera.send(packets_of(PICTURES[36:], sequence=len(packets)))
    await late.until(30)
    await first.until(60)
    key = PICTURES[30]
    assert key.key
    assert late.frames() == first.frames()[30:]
    assert judge_flv(bytes(late.data)).decoded == 30


async def test_one_node_keeps_streams_apart(bench: Bench) -> None:
    other = "34020000001320000002"
    infos = [await bench.receive(), await bench.receive(stream=other)]
    assert len({i.port for i in infos}) == 2
    assert sorted(bench.node.streams()) == [STREAM, other]
    assert {i.receiver_id for i in bench.node.receivers()} == {i.receiver_id for i in infos}
    one, two = bench.watch(), bench.watch(stream=other)
    cameras = [await bench.camera(info) for info in infos]
    _, small = pictures(width=160, height=120, count=20)
    await cameras[0].send(packets_of(PICTURES[:30]))
    await cameras[1].send(packets_of(small))
    await one.until(30)
    await two.until(20)
    assert judge_flv(bytes(one.data)).width == 320
    assert judge_flv(bytes(two.data)).width == 160


@pytest.mark.parametrize("mode", MODES)
async def test_a_camera_that_is_invited_again_keeps_its_viewers(
    bench: Bench, mode: ReceiveMode
) -> None:
    info = await bench.receive(mode)
    watched = bench.watch()
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES[:30]))
    await watched.until(28)
    await bench.node.close_receiver(info.receiver_id)
    await bench.node.close_receiver(info.receiver_id)
    assert bench.node.receivers() == []
    assert bench.node.streams() == [STREAM]
    assert (await bench.statistics()).receiver_id is None
    before = len(watched.frames())
    again = await bench.receive(mode)
    assert again.receiver_id != info.receiver_id
    assert again.port != info.port, "the first port rests"
    camera = await bench.camera(again)
    # It begins in the middle of a group, with another SSRC and times of its own.
    await camera.send(packets_of(later(PICTURES[3:], 1 << 31), ssrc=200_000_002, sequence=777))
    await watched.until(before + 45)
    started = await bench.events.wait(MediaStarted, 2)
    assert started.receiver_id == again.receiver_id
    times = watched.frames()
    assert all(a < b for a, b in pairwise(times)), "time goes on"
    assert not watched.task.done()
    judged = judge_flv(bytes(watched.data))
    assert judged.decoded == len(times)


async def test_from_tcp_to_udp_viewers_have_to_come_again_if_at_all(bench: Bench) -> None:
    info = await bench.receive("tcp-passive")
    watched = bench.watch()
    await (await bench.camera(info)).send(packets_of(PICTURES[:20]))
    await watched.until(10)
    await bench.node.close_receiver(info.receiver_id)
    again = await bench.receive("udp")
    fresh = bench.watch()
    await (await bench.camera(again)).send(packets_of(PICTURES))
    await fresh.until(len(PICTURES))
    assert judge_flv(bytes(fresh.data)).decoded == len(PICTURES)


async def test_a_stream_has_one_receiver(bench: Bench) -> None:
    await bench.receive()
    with pytest.raises(StreamBusy):
        await bench.receive("tcp-passive")
    assert len(bench.node.receivers()) == 1


async def test_what_does_not_exist(bench: Bench) -> None:
    with pytest.raises(StreamUnknown):
        bench.node.open_viewer(STREAM, "flv")
    assert bench.node.statistics(STREAM) is None
    with pytest.raises(ReceiverUnknown):
        await bench.node.connect("no such", HOST, 9)
    with pytest.raises(ReceiverUnknown):
        await bench.node.update_receiver("no such", ssrc=1)
    await bench.node.close_receiver("no such")
    await bench.node.close_stream("no such", "test")
    info = await bench.receive("udp")
    with pytest.raises(ReceiverUnknown):
        await bench.node.connect(info.receiver_id, HOST, 9)
    await bench.node.close_stream(STREAM, "test")
    with pytest.raises(StreamUnknown):
        bench.node.open_viewer(STREAM, "flv")


async def test_sources_that_are_no_networks_are_refused_and_cost_nothing(bench: Bench) -> None:
    with pytest.raises(LocalError):
        await bench.receive(sources=("camera.example",))
    assert bench.node.receivers() == []
    assert bench.node.streams() == []


async def test_closing_a_stream_ends_its_viewers_with_the_reason(bench: Bench) -> None:
    info = await bench.receive()
    watched = bench.watch()
    await (await bench.camera(info)).send(packets_of(PICTURES))
    await watched.until(len(PICTURES))
    await bench.node.close_stream(STREAM, "device_offline")
    await watched.end()
    assert watched.viewer.end_reason == "device_offline"
    assert bench.node.streams() == []
    assert bench.node.receivers() == []


async def test_viewers_are_told_and_limited(make_bench: MakeBench) -> None:
    bench = await make_bench(limits=HubLimits(viewers=2), viewers=3)
    await bench.receive()
    await bench.receive(stream="other")
    first, _ = bench.watch(), bench.watch()
    with pytest.raises(ViewersExhausted):
        bench.watch()
    bench.watch(stream="other")
    with pytest.raises(ViewersExhausted):
        bench.watch(stream="other")
    await first.viewer.aclose()
    await bench.events.wait(ViewersChanged, 4)
    counts = [(e.stream_id, e.count) for e in bench.events.of(ViewersChanged)]
    assert counts == [(STREAM, 1), (STREAM, 2), ("other", 1), (STREAM, 1)]
    assert (await bench.statistics()).viewers == 1
    bench.watch(stream="other")


async def test_ports_run_out_and_rest(make_bench: MakeBench) -> None:
    first = two_free_ports()
    bench = await make_bench(first_port=first, last_port=first + 1)
    info = await bench.receive(stream="a")
    await bench.receive(stream="b")
    with pytest.raises(PortsExhausted):
        await bench.receive(stream="c")
    assert bench.node.streams() == ["a", "b"], "nothing is left of the third"
    await bench.node.close_receiver(info.receiver_id)
    with pytest.raises(PortsExhausted):
        await bench.receive(stream="c")
    await bench.node.close_stream("b", "test")
    with pytest.raises(PortsExhausted):
        await bench.receive(stream="c")


async def test_a_port_without_rest_is_free_at_once(make_bench: MakeBench) -> None:
    first = two_free_ports()
    bench = await make_bench(first_port=first, last_port=first)
    for mode in MODES:
        info = await bench.receive(mode, stream=mode)
        assert info.port == first
        await bench.node.close_receiver(info.receiver_id, rest_s=0.0)


async def test_a_port_that_another_program_holds_is_passed_over(make_bench: MakeBench) -> None:
    first = two_free_ports()
    bench = await make_bench(first_port=first, last_port=first + 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((HOST, first))
        info = await bench.receive()
        assert info.port == first + 1


async def test_closing_the_node_ends_everything_and_frees_the_ports(make_bench: MakeBench) -> None:
    bench = await make_bench()
    infos = {mode: await bench.receive(mode, stream=mode) for mode in MODES}
    watched = bench.watch(stream="udp")
    await bench.node.aclose()
    await bench.node.aclose()
    await watched.end()
    assert watched.viewer.end_reason == "node_closed"
    assert bench.node.receivers() == []
    for mode, info in infos.items():
        kind = socket.SOCK_DGRAM if mode == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, info.port))


async def test_another_picture_size_in_mid_stream(bench: Bench) -> None:
    _, small = pictures(width=160, height=120, count=20)
    info = await bench.receive()
    watched = bench.watch()
    units = [*PICTURES, *later(small, PICTURES[-1].dts + 3600)]
    await (await bench.camera(info)).send(packets_of(units))
    await watched.until(len(units))
    changed = await bench.events.wait(FormatChangedEvent)
    assert changed.video is not None
    assert (changed.video.width, changed.video.height) == (160, 120)
    headers = [body for _, body in watched.tags() if body[1] == 0]
    assert len(headers) == 2
    assert judge_flv(bytes(watched.data)).decoded == len(units)


async def test_sound_alone(bench: Bench) -> None:
    audio, sound = aac(3.0)
    info = await bench.receive()
    watched = bench.watch(audio="aac")
    await (await bench.camera(info)).send(packets_of(sound, audio_config=audio.config))
    started = await bench.events.wait(MediaStarted)
    assert started.video is None
    assert started.audio is not None
    assert started.audio.codec is Codec.AAC
    await watched.until(8, watched.sounds)
    assert watched.data[4] == 4
    assert judge_flv(bytes(watched.data)).codecs == {"audio": "aac"}


async def test_the_bit_rate_is_measured(bench: Bench) -> None:
    info = await bench.receive()
    camera = await bench.camera(info)
    await camera.send(packets_of(PICTURES))
    statistics = await bench.until(lambda s: s.bitrate_bps > 0)
    assert statistics.bytes_in == sum(map(len, packets_of(PICTURES)))
