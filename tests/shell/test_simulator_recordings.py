"""Recordings of simulated devices on real sockets: playback, control, the end, downloads.

The block code of a recording counts pictures since midnight in Beijing, so what is seen says where
in the archive it is.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av

from gb28181.manscdp import MediaStatus
from gb28181.simulator.plan import DeviceSpec
from media.rtp.packet import HEADER, payload_of
from sip.sdp import SessionDescription
from tests.e2e import block_code
from tests.shell.simulator_bench import (
    SERVER_ID,
    Leg,
    Platform,
    Receiver,
    camera,
    fleet,
    platform,
    profiles,
)

BOTH_LOOPS = True
DAY_S = 86_400
BEIJING_S = 8 * 3600
FPS = 25
NOON = 12 * 3600 * FPS % 65_536
"""The block code of noon."""
PACK, KEY, VIDEO = b"\x00\x00\x01\xba", b"\x00\x00\x01\xbb", b"\x00\x00\x01\xe0"
"""Pack header, system header (only in front of key frames), PES of video."""


def noon() -> int:
    """Of yesterday, in Beijing."""
    now = int(time.time()) + BEIJING_S
    return now - now % DAY_S - DAY_S // 2 - BEIJING_S


def offer(name: str, port: int, start: int, end: int, *extra: str) -> bytes:
    lines = [
        "v=0",
        f"o={SERVER_ID} 0 0 IN IP4 127.0.0.1",
        f"s={name}",
        "c=IN IP4 127.0.0.1",
        f"t={start} {end}",
        f"m=video {port} RTP/AVP 96",
        "a=recvonly",
        "a=rtpmap:96 PS/90000",
        "a=streamnumber:1",  # the test's pictures are small
        *extra,
        "y=1100000001",
        "",
    ]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def showing(
    profile: str = "standard-2022",
    *faults: str,
    name: str = "Playback",
    start: int | None = None,
    seconds: int = 60,
    extra: tuple[str, ...] = (),
) -> AsyncIterator[tuple[Platform, DeviceSpec, Leg, Receiver]]:
    """A recording that was asked for; by default of yesterday noon."""
    begin = noon() if start is None else start
    specs = camera()
    with Receiver() as receiver:
        async with platform() as server, fleet(server, specs, *faults, profiles=profiles(profile)):
            body = offer(name, receiver.port, begin, begin + seconds, *extra)
            yield server, specs[0], server.invite(specs[0], body), receiver


async def codes(receiver: Receiver, pictures: int) -> list[int]:
    """The next whole pictures by their code, from a key frame on."""
    packets: list[bytes] = []
    count = 0
    while count <= pictures:
        (payload,) = (payload_of(packet) or b"" for packet in await receiver.packets(1))
        begins = payload.startswith(PACK) and VIDEO in payload[:200]
        if packets or (begins and KEY in payload[:200]):
            packets.append(payload)
            count += begins
    with av.open(io.BytesIO(b"".join(packets)), format="mpeg") as container:
        frames = list(container.decode(video=0))
    found = [block_code.decode(bytes(f.planes[0]), f.planes[0].line_size) for f in frames]
    return [code.frame for code in found if code is not None][:pictures]


async def playing(leg: Leg, receiver: Receiver) -> list[int]:
    await leg.accepted()
    return await codes(receiver, 3)


# --- playing ----------------------------------------------------------------------------------


async def test_playback_shows_the_asked_time_with_sound() -> None:
    async with showing() as (_, spec, leg, receiver):
        response = await leg.accepted()
        answer = SessionDescription.parse(response.body)
        assert answer.name == "Playback"
        assert answer.times == (noon(), noon() + 60)
        assert answer.get("y") == "1100000001"
        packets = await receiver.packets(60)
        assert {HEADER.unpack_from(packet)[4] for packet in packets} == {1100000001}
        ps = b"".join(payload_of(packet) or b"" for packet in packets)
        with av.open(io.BytesIO(ps), format="mpeg") as container:
            kinds = {stream.type for stream in container.streams}
            frame = next(container.decode(video=0))
        code = block_code.decode(bytes(frame.planes[0]), frame.planes[0].line_size)
        assert code is not None
        assert (code.frame, code.camera) == (NOON, int(spec.channels[0].channel_id[-6:]))
        assert kinds == {"video", "audio"} or b"\x00\x00\x01\xc0" in ps


async def test_a_time_without_recordings_is_404_and_one_without_sense_488() -> None:
    async with showing(start=1_000_000_000) as (_, _, leg, _):
        assert (await leg.final()).status == 404
    async with showing(seconds=-5) as (_, _, leg, _):
        assert (await leg.final()).status == 488


async def test_pause_and_resume_go_on_where_it_stood() -> None:
    async with showing() as (_, _, leg, receiver):
        await playing(leg, receiver)
        answer = await leg.info("PAUSE RTSP/1.0", "CSeq: 7", "PauseTime: now")
        assert answer.body.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n")
        await asyncio.sleep(0.1)
        receiver.drain()
        await asyncio.sleep(0.2)
        assert receiver.is_silent()
        await leg.info("PLAY RTSP/1.0", "CSeq: 8", "Range: npt=now-")
        await receiver.packets(10)


async def test_a_seek_goes_to_the_key_frame_of_that_second() -> None:
    async with showing() as (_, _, leg, receiver):
        await playing(leg, receiver)
        answer = await leg.info("PLAY RTSP/1.0", "CSeq: 2", "Range: npt=40-")
        assert b"\r\nRange: npt=40.000-\r\n" in answer.body
        assert b"\r\nRTP-Info: seq=" in answer.body
        receiver.drain()
        first = (await codes(receiver, 1))[0]
        assert first in (NOON + 40 * FPS, NOON + 42 * FPS)


async def test_fast_sends_key_frames_in_less_time() -> None:
    async with showing() as (_, _, leg, receiver):
        await playing(leg, receiver)
        answer = await leg.info("PLAY RTSP/1.0", "CSeq: 2", "Scale: 8.0")
        assert b"\r\nScale: 8.0\r\n" in answer.body
        await asyncio.sleep(0.1)
        receiver.drain()
        found = await codes(receiver, 3)
        steps = {two - one for one, two in itertools.pairwise(found)}
        assert steps == {50}


async def test_backwards_groups_come_in_reverse_and_their_pictures_forwards() -> None:
    async with showing() as (_, _, leg, receiver):
        await playing(leg, receiver)
        await leg.info("PLAY RTSP/1.0", "CSeq: 2", "Range: npt=40-")
        answer = await leg.info("PLAY RTSP/1.0", "CSeq: 3", "Scale: -1.0")
        assert b"\r\nScale: -1.0\r\n" in answer.body
        receiver.drain()
        found = await codes(receiver, 75)
        begins = [code for code in found if (code - NOON) % 50 == 0]
        assert len(begins) >= 2
        assert all(two == one - 50 for one, two in itertools.pairwise(begins))
        inside = found[found.index(begins[0]) : found.index(begins[1])]
        assert inside == list(range(begins[0], begins[0] + 50))


async def test_backwards_from_the_beginning_is_the_end() -> None:
    async with showing() as (server, spec, leg, receiver):
        await playing(leg, receiver)
        await leg.info("PLAY RTSP/1.0", "CSeq: 3", "Scale: -8.0")
        await server.until(lambda: server.messages(spec.channels[0].channel_id, MediaStatus))


async def test_families_that_cannot_refuse_and_play_on() -> None:
    for profile, scale in (("hikvision", "2.0"), ("dahua", "4.0"), ("standard-2016", "-1.0")):
        async with showing(profile) as (_, _, leg, receiver):
            await playing(leg, receiver)
            assert (await leg.info("PLAY RTSP/1.0", "CSeq: 2", f"Scale: {scale}")).status == 400
            await receiver.packets(20)
    async with showing("standard-2016") as (_, _, leg, receiver):
        await playing(leg, receiver)
        assert (await leg.info("PLAY RTSP/1.0", "CSeq: 2", "Scale: 0.5")).status == 200
        assert (await leg.info("PLAY RTSP/1.0", "CSeq: 3", "Scale: 99.0")).status == 400
        assert (await leg.info("nonsense")).status == 400


async def test_teardown_ends_the_media_and_bye_the_call() -> None:
    async with showing() as (_, _, leg, receiver):
        await playing(leg, receiver)
        assert (await leg.info("TEARDOWN RTSP/1.0", "CSeq: 2")).status == 200
        await asyncio.sleep(0.1)
        receiver.drain()
        await asyncio.sleep(0.1)
        assert receiver.is_silent()
        assert (await leg.bye()).status == 200
        assert (await leg.info("PAUSE RTSP/1.0", "CSeq: 3")).status == 481


# --- the end ----------------------------------------------------------------------------------


async def test_the_end_is_told_in_the_dialog() -> None:
    async with showing(seconds=2) as (server, spec, leg, receiver):
        await playing(leg, receiver)
        channel = spec.channels[0].channel_id
        await server.until(lambda: server.messages(channel, MediaStatus))
        (told,) = server.messages(channel, MediaStatus)
        assert (told.device_id, told.notify_type) == (channel, "121")
        assert leg.dialog is not None
        inside = [tx.request for tx in server.requests if tx.request.call_id == leg.dialog.call_id]
        assert [request.method for request in inside] == ["MESSAGE"]


async def test_hikvision_tells_it_with_its_own_id_outside_of_the_dialog() -> None:
    async with showing("hikvision", seconds=2) as (server, spec, leg, receiver):
        await playing(leg, receiver)
        await server.until(lambda: server.messages(spec.device_id, MediaStatus))
        (told,) = server.messages(spec.device_id, MediaStatus)
        assert told.device_id == spec.device_id


async def test_hikvision_ends_with_the_file_and_others_go_over_the_gap() -> None:
    gap = noon() - 9 * 3600 - 2  # two seconds before 03:00
    async with showing("hikvision", start=gap, seconds=900) as (server, spec, leg, receiver):
        await playing(leg, receiver)
        await server.until(lambda: server.messages(spec.device_id, MediaStatus))
    async with showing("standard-2016", start=gap, seconds=900) as (_, _, leg, receiver):
        await leg.accepted()
        found = await codes(receiver, 55)
        before = 3 * 3600 * FPS % 65_536
        assert found[49] == before - 1
        assert found[50] == (before + 600 * FPS) % 65_536


async def test_faults_of_playback() -> None:
    async with showing("standard-2022", "scale-ignored", "seek-ignored") as (_, _, leg, receiver):
        await playing(leg, receiver)
        assert (await leg.info("PLAY RTSP/1.0", "CSeq: 2", "Scale: 8.0")).status == 200
        assert (await leg.info("PLAY RTSP/1.0", "CSeq: 3", "Range: npt=40-")).status == 200
        receiver.drain()
        found = await codes(receiver, 3)
        assert found[0] < NOON + 10 * FPS
        assert found[1] - found[0] == 1
    async with showing("standard-2022", "pause-ignored") as (_, _, leg, receiver):
        await playing(leg, receiver)
        assert (await leg.info("PAUSE RTSP/1.0", "CSeq: 2")).status == 200
        receiver.drain()
        await receiver.packets(30)
    async with showing("standard-2022", "no-mediastatus", seconds=2) as (server, _, leg, receiver):
        await leg.accepted()
        assert len(await codes(receiver, 45)) == 45
        await asyncio.sleep(0.5)
        heard = [one for messages in server.heard.values() for one in messages]
        assert not any(isinstance(one, MediaStatus) for one in heard)


# --- downloads --------------------------------------------------------------------------------


async def test_a_download_comes_faster_with_times_of_the_recording_and_a_size() -> None:
    extra = ("a=downloadspeed:8",)
    async with showing(name="Download", seconds=12, extra=extra) as (server, spec, leg, receiver):
        began = time.monotonic()
        response = await leg.accepted()
        answer = SessionDescription.parse(response.body)
        assert int(answer.attribute("filesize") or "0") > 1_000_000
        packets = await receiver.packets(30)
        channel = spec.channels[0].channel_id
        coming = asyncio.create_task(receiver.collect(packets))
        await server.until(lambda: server.messages(channel, MediaStatus))
        coming.cancel()
        assert time.monotonic() - began < 12, "no faster than it was recorded"
        stamps = sorted(
            {HEADER.unpack_from(p)[3] for p in packets if HEADER.unpack_from(p)[1] & 0x7F == 96}
        )
        steps = {two - one for one, two in itertools.pairwise(stamps)}
        assert steps <= {1800, 3600}, "at the pace of the recording"


async def test_faults_of_downloads() -> None:
    async with showing("standard-2016", "no-filesize", name="Download", seconds=4) as (
        _,
        _,
        leg,
        _,
    ):
        response = await leg.accepted()
        assert SessionDescription.parse(response.body).attribute("filesize") is None
