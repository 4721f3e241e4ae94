"""HLS as strangers play it: ffprobe and ffmpeg, and a reader of playlists that checks each rule."""

from __future__ import annotations

import itertools
import re
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

import pytest

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .listening import assert_tone, samples
from .live_support import assert_pictures, camera_with
from .server import Answer, Server, wait_for

pytestmark = pytest.mark.e2e


class Playlist:
    """A playlist as fetched, by what it says."""

    def __init__(self, server: Server, url: str, query: str = "") -> None:
        self.url = url
        began = time.monotonic()
        self.answer = server.call("GET", url + query, token=False, timeout=30)
        self.took = time.monotonic() - began
        assert self.answer.status == 200, f"{self.answer.status} {self.answer.body!r}"
        self.text = self.answer.body.decode()
        self.lines = self.text.splitlines()

    def all(self, pattern: str) -> list[str]:
        return re.findall(pattern, self.text, re.MULTILINE)

    @property
    def sequence(self) -> int:
        return int(self.all(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$")[0])

    @property
    def segments(self) -> list[str]:
        return [urljoin(self.url, line) for line in self.lines if not line.startswith("#")]

    @property
    def parts(self) -> list[str]:
        return [urljoin(self.url, uri) for uri in self.all(r'^#EXT-X-PART:.*URI="(.*?)"')]

    @property
    def init(self) -> str:
        return urljoin(self.url, self.all(r'^#EXT-X-MAP:URI="(.*?)"')[0])

    @property
    def hint(self) -> str:
        return urljoin(self.url, self.all(r'^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="(.*?)"')[0])

    @property
    def last(self) -> tuple[int, int]:
        """Segment and index of the newest part."""
        number, index = re.findall(r"part(\d+)\.(\d+)", self.parts[-1])[0]
        return int(number), int(index)


def fetch(server: Server, url: str) -> bytes:
    answer = server.call("GET", url, token=False)
    assert answer.status == 200, f"{url}: {answer.status}"
    assert isinstance(answer.body, bytes)
    return answer.body


def test_ten_seconds_of_picture_and_tone(
    platform: Server, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["hls"]
    assert url.startswith(platform.url + f"/live/{channel_id}/index.m3u8?ticket=")
    found = {s["codec_type"]: s for s in media_source.probe(url)["streams"]}
    assert (found["video"]["codec_name"], found["video"]["height"]) == ("h264", 1080)
    assert found["video"]["avg_frame_rate"] == "25/1"
    assert (found["audio"]["codec_name"], found["audio"]["sample_rate"]) == ("aac", "16000")
    kept = tmp_path / "live.mkv"
    packets = media_source.record(url, str(kept), seconds=11, timeout=60)
    for kind, step in (("video", 40), ("audio", 64)):
        times = [float(p["pts_time"]) for p in packets if p["codec_type"] == kind]
        assert {round((b - a) * 1000) for a, b in itertools.pairwise(times)} == {step}
        assert times[-1] - times[0] > 10
    assert_pictures(media_source.codes(kept), 7, 250)
    assert_tone(samples(kept))


def test_the_playlist_keeps_its_rules(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["hls"] + "&audio=off"
    first = Playlist(platform, url)
    assert first.answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert first.answer.headers["cache-control"] == "no-store"
    assert first.answer.headers["access-control-allow-origin"] == "*"
    assert first.lines[0] == "#EXTM3U"
    assert first.all(r"^#EXT-X-TARGETDURATION:(\d+)$") == ["2"]
    assert "CAN-BLOCK-RELOAD=YES" in first.text
    seen = first
    for _ in range(12):
        number, index = seen.last
        then = Playlist(platform, url, f"&_HLS_msn={number}&_HLS_part={index + 1}")
        assert then.last > seen.last, "a blocking reload always brings something new"
        assert then.took < 2, "and as soon as it is there"
        assert then.sequence >= seen.sequence
        assert re.sub(r".*/", "", then.parts[-1]) == re.sub(r".*/", "", seen.hint)
        seen = then
    for duration in seen.all(r"^#EXTINF:([\d.]+),$"):
        assert 1.9 < float(duration) < 2.1
    init = fetch(platform, seen.init)
    assert init[4:8] == b"ftyp"
    pieces = b"".join(fetch(platform, part) for part in seen.parts)
    newest = fetch(platform, seen.segments[-1])
    assert newest in pieces, "a segment is its parts, one behind the other"
    assert newest[4:8] == b"moof"


def test_parts_come_while_they_are_waited_for(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    """The hinted part is asked for before it exists, and comes whole; it is of this moment."""
    camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["hls"] + "&audio=off"
    found = Playlist(platform, url)
    (call,) = camera.open_calls()
    data = fetch(platform, found.init)
    for _ in range(5):
        data += fetch(platform, found.hint)
        sent = camera.counters(call.call_id).frames
        number, index = found.last
        found = Playlist(platform, url, f"&_HLS_msn={number}&_HLS_part={index + 1}")
    kept = media_source.cache_dir() / f"parts-{channel_id}.mp4"
    kept.write_bytes(data)
    try:
        codes = media_source.codes(kept)
    finally:
        kept.unlink()
    last = codes[-1]
    assert last is not None
    assert (sent - last.frame) % media_source.FRAMES < 20


def test_head_and_the_answers_to_nonsense(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    url = platform.play(channel_id)["urls"]["hls"]
    found = Playlist(platform, url)

    def get(where: str, method: str = "GET") -> Answer:
        return platform.call(method, where, token=False)

    for where in (url, found.init, found.segments[0], found.parts[0]):
        assert get(where, "HEAD").status == 200
        assert get(where, "HEAD").body in (b"", None)
        assert get(where, "POST").status in (401, 404, 405)
    for query in (
        "&_HLS_msn=-1", "&_HLS_msn=x", "&_HLS_msn=1e3", "&_HLS_msn=%D9%A3",
        "&_HLS_msn=99999999999999999999", "&_HLS_msn=999", "&_HLS_part=1",
        "&_HLS_msn=1&_HLS_part=-2",
    ):  # fmt: skip
        assert get(url + query).status == 400, query
    folder, ticket = re.fullmatch(r"(.*/)[^/]+(\?.*)", found.init).groups()  # type: ignore[union-attr]
    for name in (
        "init9.mp4", "init0.m4s", "segment.m4s", "segment-1.m4s", "segment99999999999.m4s",
        "segment0x1.m4s", "part0.m4s", "part0.99.m4s", "part9999.0.m4s", "index.m3u8", "..", "%00",
        "..%2f..%2fetc%2fpasswd", "segment0.m4s%20", "%2e%2e%2f%2e%2e%2findex.m3u8", "a" * 5000,
    ):  # fmt: skip
        assert get(folder + name + ticket).status in (400, 401, 404, 422), name
    other = folder.replace(f"/{channel_id}/", "/34020000001320000009/")
    assert get(other + "init0.mp4" + ticket).status == 401, "a ticket opens its own stream"
    assert get(folder + "init0.mp4").status == 401
    assert get(folder + "init0.mp4?ticket=" + "0" * 32).status == 401
    assert get(folder + "init0.mp4?ticket=").status == 401
    assert platform.complaints() == []


def test_ranges_are_whole_answers(platform: Server, make_camera: MakeCamera, video: Source) -> None:
    """Nothing is cut out of a part: a range that makes no sense does no harm either."""
    _camera, channel_id = camera_with(make_camera, platform, video)
    found = Playlist(platform, platform.play(channel_id)["urls"]["hls"])
    whole = fetch(platform, found.segments[0])
    for wanted in (
        "bytes=0-0",
        "bytes=5-2",
        "bytes=-99999999999",
        "bytes=0-,1-,2-",
        "lines=1",
        "x",
    ):
        request = urllib.request.Request(found.segments[0], headers={"Range": wanted})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert (answer.status, answer.read()) == (200, whole), wanted
    assert platform.complaints() == []


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=wrong", "?ticket=" + "0" * 32])
def test_no_ticket_no_invite(
    platform: Server, make_camera: MakeCamera, video: Source, query: str
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    for tail in ("index.m3u8", "main/init0.mp4", "main/segment0.m4s", "main/part0.0.m4s"):
        answer = platform.call("GET", f"/live/{channel_id}/{tail}{query}", token=False)
        assert answer.status == 401
    assert camera.received("INVITE") == []
    assert platform.sessions() == []


def test_a_player_is_a_viewer_while_it_asks_and_its_ticket_outlives_the_first(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch(GB28181_HTTP__TICKET_LIFETIME="10", GB28181_SESSIONS__LINGER="2")
    camera, channel_id = camera_with(make_camera, server, video)
    live = server.play(channel_id)
    session_id, url = live["session_id"], live["urls"]["hls"]
    began = time.monotonic()
    found = Playlist(server, url)
    assert server.session(session_id)["viewers"] == 1
    while time.monotonic() - began < 12:
        number, index = found.last
        found = Playlist(server, url, f"&_HLS_msn={number}&_HLS_part={index + 1}")
    assert server.call("GET", live["urls"]["flv"], token=False).status == 401, "the ticket is over"
    assert fetch(server, found.segments[-1])
    assert server.session(session_id)["viewers"] == 1
    assert camera.received("BYE") == []
    camera.wait_received("BYE", timeout=20)
    assert server.session(session_id)["reason"] == "no_viewers"
    assert server.call("GET", url, token=False).status == 401
    assert server.call("GET", found.segments[-1], token=False).status == 401


def test_two_players_and_one_set_of_segments(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video)
    urls = [platform.play(channel_id)["urls"]["hls"] for _ in range(2)]
    if urls[0] == urls[1]:  # signed within one second
        urls[1] += "&audio=aac"
    lists: list[Playlist] = []
    threads = [
        threading.Thread(target=lambda u=url: lists.append(Playlist(platform, u))) for url in urls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert platform.sessions()[0]["viewers"] == 2
    one, two = (fetch(platform, found.segments[0]) for found in lists)
    assert one == two
    assert lists[0].segments[0] != lists[1].segments[0], "each has its own ticket"
    assert len(camera.received("INVITE")) == 1


def test_a_deleted_session_ends_its_players(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    live = platform.play(channel_id)
    found = Playlist(platform, live["urls"]["hls"])
    platform.end(live["session_id"])
    wait_for(
        lambda: platform.call("GET", found.segments[0], token=False).status in (401, 404), "the end"
    )
