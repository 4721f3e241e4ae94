"""Sound of cameras that speak G.711, as strangers hear it; and what is done only when asked."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .listening import assert_tone, samples
from .live_support import RawViewer, assert_pictures, camera_with
from .server import Server, wait_for

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("output", "query"), [("fmp4", ""), ("flv", "&audio=aac")])
def test_ten_seconds_of_picture_and_tone(
    platform: Server,
    make_camera: MakeCamera,
    video: Source,
    tmp_path: Path,
    output: str,
    query: str,
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    assert live["audio"] is None, "FLV carries no sound unasked"
    assert live["camera_audio"] == {"codec": "g711a"}
    assert live["made_audio"] == {"codec": "aac"}
    url = live["urls"][output] + query
    (shown, heard) = sorted(media_source.probe(url)["streams"], key=lambda s: s["codec_type"])[::-1]
    assert (shown["codec_name"], heard["codec_name"]) == ("h264", "aac")
    assert (heard["sample_rate"], heard["channels"]) == ("16000", 1)
    kept = tmp_path / "live.mkv"
    packets = media_source.record(url, str(kept), seconds=11)
    for kind, step in (("video", 40), ("audio", 64)):
        times = [float(p["pts_time"]) for p in packets if p["codec_type"] == kind]
        assert {round((b - a) * 1000) for a, b in itertools.pairwise(times)} == {step}
        assert times[-1] - times[0] > 10
    first = {
        kind: next(float(p["pts_time"]) for p in packets if p["codec_type"] == kind)
        for kind in ("video", "audio")
    }
    assert abs(first["video"] - first["audio"]) < 0.7
    assert_pictures(media_source.codes(kept), 7, 250)
    assert_tone(samples(kept))


def test_nothing_is_made_while_nobody_listens(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    urls = platform.play(channel_id)["urls"]
    silent = [RawViewer(urls["flv"]), RawViewer(urls["fmp4"] + "&audio=off")]
    for viewer in silent:
        viewer.read(1000)
    assert _sounds(platform) == 0
    loud = [RawViewer(urls["fmp4"]), RawViewer(urls["flv"] + "&audio=aac")]
    for viewer in loud:
        viewer.read(1000)
    assert _sounds(platform) == 1, "once for the stream, whoever listens"
    for viewer in loud:
        viewer.close()
    wait_for(lambda: _sounds(platform) == 0, "the last listener left")
    for viewer in silent:
        viewer.close()


def test_raw_is_what_the_camera_sends(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["flv"] + "&audio=raw"
    kept = tmp_path / "raw.mkv"
    packets = media_source.record(url, str(kept), seconds=4)
    assert {p["codec_type"] for p in packets} == {"video", "audio"}
    heard = [s for s in media_source.probe(kept)["streams"] if s["codec_type"] == "audio"]
    assert heard[0]["codec_name"] == "pcm_alaw"
    assert_tone(samples(kept))
    assert _sounds(platform) == 0


def test_more_listeners_than_places(launch: Launch, make_camera: MakeCamera, video: Source) -> None:
    """The second stream goes out without sound; that is counted, and written down once."""
    server = launch(GB28181_MEDIA__SOUNDS="1")
    channels = [camera_with(make_camera, server, video)[1] for _ in range(2)]
    viewers = []
    for channel_id in channels:
        live = server.play(channel_id)
        viewers += [RawViewer(live["urls"]["fmp4"]) for _ in range(2)]
        viewers[-1].read(5000)
    heads = [viewers[index].read(3000) for index in (0, 2)]
    assert [b"mp4a" in head for head in heads] == [True, False]
    server.wait_log("media.no_sound", stream_id=channels[1])
    assert len(server.log_events("media.no_sound")) == 1
    assert server.play(channels[1])["made_audio"] is None
    for viewer in viewers:
        viewer.close()


def test_what_cannot_be_asked_for(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    assert platform.call("GET", f"/live/{channel_id}.mp4?audio=loud").status == 422
    assert camera.received("INVITE") == []


def _sounds(server: Server) -> int:
    text = server.call("GET", "/metrics").body
    lines = (text.decode() if isinstance(text, bytes) else str(text)).splitlines()
    return int(
        float(next(line.split()[-1] for line in lines if line.startswith("gb28181_sounds ")))
    )
