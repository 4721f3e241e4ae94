"""A media node that fetches a picture by RTSP, whatever the camera wants to know first."""

from __future__ import annotations

import asyncio

import pytest

from media.errors import MediaConnectFailed, MediaTimeout, UnsupportedCodec
from media.node import MediaSilent, MediaStarted, ReceiverSpec, SilenceReason
from media.pulling import PullRefused, PullSpec
from tests.support.rtsp_camera import PASSWORD, USER, RtspCamera
from tests.unit.media.samples import judge_flv

from .media_bench import STREAM, Bench

LOCAL = ("127.0.0.0/8",)


def spec_of(camera: RtspCamera, transport: str = "tcp", password: str = PASSWORD) -> PullSpec:
    return PullSpec(
        camera.url,
        USER if camera.auth else "",
        password if camera.auth else "",
        "udp" if transport == "udp" else "tcp",
        LOCAL,
    )


async def pulled(bench: Bench, spec: PullSpec) -> str:
    info = await bench.node.open_receiver(ReceiverSpec(STREAM, "rtsp"))
    await bench.node.pull(info.receiver_id, spec)
    return info.receiver_id


async def camera_for(bench: Bench, **how: object) -> RtspCamera:
    camera = RtspCamera(**how)  # type: ignore[arg-type]
    await asyncio.to_thread(camera.__enter__)

    async def leave() -> None:
        await asyncio.to_thread(camera.__exit__)

    bench.after(leave)
    return camera


@pytest.mark.parametrize(
    ("transport", "auth", "video", "audio", "sets"),
    [
        ("tcp", "sha256", "h264", "aac", True),
        ("udp", "md5", "h264", "pcma", True),
        ("tcp", "md5-plain", "h265", None, True),
        ("udp", "basic", "h264", "aac", False),
        ("tcp", "", "h264", "pcma", False),
    ],
)
async def test_a_picture_is_fetched(
    bench: Bench, transport: str, auth: str, video: str, audio: str | None, sets: bool
) -> None:
    camera = await camera_for(bench, video=video, audio=audio, auth=auth, sets=sets)
    receiver_id = await pulled(bench, spec_of(camera, transport))
    started = await bench.events.wait(MediaStarted)
    watched = bench.watch(audio="auto")
    await watched.until(40)
    assert started.receiver_id == receiver_id
    judged = judge_flv(bytes(watched.data))
    wanted = {"video": {"h264": "h264", "h265": "hevc"}[video]}
    if audio == "aac":
        wanted["audio"] = "aac"
    assert judged.codecs == wanted
    assert judged.decoded >= 39
    assert (judged.width, judged.height) == (320, 240)
    found = await bench.statistics()
    assert found.lost == 0
    assert found.container == video
    if audio == "pcma":
        assert found.audio is not None
        assert found.audio.codec == "g711a"
    await bench.node.close_receiver(receiver_id)
    async with asyncio.timeout(10):
        while "TEARDOWN" not in camera.requests:
            await asyncio.sleep(0.02)


async def test_wrong_credentials_are_asked_once_more_and_no_further(bench: Bench) -> None:
    camera = await camera_for(bench, auth="md5")
    with pytest.raises(PullRefused) as refused:
        await pulled(bench, spec_of(camera, password="wrong"))
    assert refused.value.status == 401
    assert camera.requests == ["OPTIONS", "DESCRIBE", "DESCRIBE"]


@pytest.mark.parametrize("status", [404, 302, 503])
async def test_a_refusal_has_its_status_and_a_redirect_is_one(bench: Bench, status: int) -> None:
    camera = await camera_for(bench)
    camera.status["DESCRIBE"] = status
    with pytest.raises(PullRefused) as refused:
        await pulled(bench, spec_of(camera))
    assert refused.value.status == status


async def test_a_codec_that_is_not_carried_is_named(bench: Bench) -> None:
    camera = await camera_for(bench, video="mjpeg")
    with pytest.raises(UnsupportedCodec, match="jpeg"):
        await pulled(bench, spec_of(camera))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rtsp://127.0.0.1:1/", "this host itself"),
        ("rtsp://localhost:1/", "this host itself"),
        ("rtsp://[::ffff:127.0.0.1]:1/", "this host itself"),
        ("rtsp://169.254.169.254/", "link-local"),
        ("rtsp://224.0.0.1/", "no address of one host"),
        ("rtsp://0.0.0.0/", "this host itself"),
        ("rtsp://no-such-host.invalid/", "resolved"),
    ],
)
async def test_addresses_that_are_not_connected_to(bench: Bench, url: str, reason: str) -> None:
    with pytest.raises(MediaConnectFailed, match=reason):
        await pulled(bench, PullSpec(url))


async def test_nobody_there(bench: Bench) -> None:
    with pytest.raises(MediaConnectFailed):
        await pulled(bench, PullSpec("rtsp://127.0.0.1:1/", allow=LOCAL))


async def test_a_server_that_speaks_something_else(bench: Bench) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MediaTimeout):
            await pulled(bench, PullSpec(f"rtsp://127.0.0.1:{port}/", allow=LOCAL))


async def test_a_camera_that_hangs_up_is_told_and_can_be_fetched_again(bench: Bench) -> None:
    camera = await camera_for(bench)
    receiver_id = await pulled(bench, spec_of(camera))
    watched = bench.watch()
    await watched.until(10)
    await asyncio.to_thread(camera.hang_up)
    silent = await bench.events.wait(MediaSilent)
    assert silent.reason is SilenceReason.CLOSED
    await bench.node.close_receiver(receiver_id)
    camera.listen()
    await pulled(bench, spec_of(camera))
    before = len(watched.frames())
    await watched.until(before + 20)
    times = watched.frames()
    assert times == sorted(times)
