"""Pictures on demand: brought by a camera of 2022, out of the stream of one of 2016, refused."""

from __future__ import annotations

import http.client
import io
import urllib.parse
import zlib
from fractions import Fraction
from typing import Any

import av
import pytest

from .camera import Camera, Faults, Source
from .camera.controls import Controls, bring
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Answer, Server

pytestmark = pytest.mark.clause("GB/T 28181-2022", "9.14")

FILE_ID = "{device}02{stamp}{serial:02d}"


def jpeg(width: int = 320, height: int = 180, shade: int = 90) -> bytes:
    """A picture as a camera would make it."""
    frame = av.VideoFrame(width, height, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes((shade + at // 7) % 256 for at in range(plane.buffer_size)))
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    frame.pts, frame.time_base = 0, codec.time_base
    return b"".join(bytes(p) for p in [*codec.encode(frame), *codec.encode(None)])


def size_of(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data), format="mjpeg") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def file_id(camera: Camera, serial: int = 1) -> str:
    return FILE_ID.format(device=camera.device_id, stamp="20261122165500123", serial=serial)


def take(platform: Server, channel_id: str, timeout: float = 40.0, **body: Any) -> Answer:
    path = f"/api/v1/channels/{channel_id}/snapshot"
    return platform.call("POST", path, body, timeout=timeout)


@pytest.fixture
def camera22(platform: Server, make_camera: MakeCamera) -> tuple[Camera, str, Controls]:
    camera, channel_id = camera_with(make_camera, platform, None, gb_version="3.0")
    controls = camera.on_message = Controls(camera)
    return camera, channel_id, controls


@pytest.mark.parametrize("how", ["raw", "put", "multipart"])
def test_the_camera_brings_it(
    platform: Server, camera22: tuple[Camera, str, Controls], how: str
) -> None:
    camera, channel_id, controls = camera22
    picture = jpeg()
    controls.how = how
    controls.brings = lambda url, count: [(file_id(camera), picture)]
    answer = take(platform, channel_id)
    assert answer.status == 200, answer
    told = controls.told[-1]
    assert told.xml("DeviceID") == channel_id
    assert (told.xml("SnapNum"), told.xml("Interval")) == ("1", "1")
    assert 32 <= len(told.xml("SessionID")) <= 128
    assert told.xml("UploadURL").startswith(f"{platform.url}/api/v1/snapshots/upload/")
    assert controls.brought == [200]
    shown = answer.body["items"][0]
    assert (shown["channel_id"], shown["source"]) == (channel_id, "device")
    assert (shown["width"], shown["height"], shown["size"]) == (320, 180, len(picture))
    assert shown["file_id"] == ("" if how == "raw" else file_id(camera))
    assert platform.call("GET", shown["url"]).body == picture
    assert platform.call("GET", shown["url"], token=False).status == 401
    assert platform.get(f"/channels/{channel_id}/snapshots")["total"] == 1


def test_several_and_fewer_than_asked(
    platform: Server, camera22: tuple[Camera, str, Controls]
) -> None:
    camera, channel_id, controls = camera22
    controls.brings = lambda url, count: [
        (file_id(camera, n), jpeg(shade=n * 20)) for n in range(count)
    ]
    three = take(platform, channel_id, count=3)
    assert (three.body["total"], three.body["complete"]) == (3, True)
    controls.brings = lambda url, count: [(file_id(camera), jpeg(shade=200))]
    one = take(platform, channel_id, count=3)
    assert (one.status, one.body["total"], one.body["complete"]) == (200, 1, False)
    controls.brings = lambda url, count: []
    none = take(platform, channel_id, source="device")
    assert (none.status, none.error["code"]) == (502, "device_refused")


def test_out_of_the_stream_for_2016(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    _camera, channel_id = camera_with(make_camera, platform, video)
    refused = take(platform, channel_id, source="device")
    assert (refused.status, refused.error["code"]) == (501, "not_supported")
    answer = take(platform, channel_id)
    assert answer.status == 200, answer
    shown = answer.body["items"][0]
    assert shown["source"] == "stream"
    data = platform.call("GET", shown["url"]).body
    assert size_of(data) == (shown["width"], shown["height"])
    session = platform.sessions()[0]
    assert session["channel_id"] == channel_id


def test_a_camera_that_refuses_is_looked_at(
    platform: Server, make_camera: MakeCamera, video: Source
) -> None:
    camera, channel_id = camera_with(make_camera, platform, video, gb_version="3.0")
    controls = camera.on_message = Controls(camera)
    controls.answers["DeviceConfig"] = "<Result>ERROR</Result>\n"
    answer = take(platform, channel_id)
    assert answer.status == 200, answer
    assert answer.body["items"][0]["source"] == "stream"
    assert platform.wait_log("snapshot.fallback", channel_id=channel_id)


def test_a_stream_that_does_not_come(platform: Server, make_camera: MakeCamera) -> None:
    _camera, channel_id = camera_with(make_camera, platform, None, faults=Faults(invite_status=486))
    answer = take(platform, channel_id)
    assert (answer.status, answer.error["leg"]) == (502, "invite_rejected")


def raw_upload(url: str, method: str, headers: dict[str, str], chunks: list[bytes]) -> int:
    """As `bring`, chunk by chunk; the status even when the server stops reading."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.putrequest(method, parts.path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in chunks:
                connection.send(chunk)
        except OSError:
            pass  # it does not want more
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_nobody_may_bring(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(
        GB28181_CONTROL__SNAPSHOT_BYTES="300000",
        GB28181_CONTROL__SNAPSHOT_PIXELS="1000000",
        GB28181_CONTROL__SNAPSHOT_WAIT="3",
    )
    camera, channel_id = camera_with(make_camera, server, None, gb_version="3.0")
    controls = camera.on_message = Controls(camera)
    statuses: dict[str, int] = {}
    good = jpeg()
    bomb = bytearray(good)
    at = bomb.find(b"\xff\xc0")
    bomb[at + 5 : at + 9] = b"\xff\xff\xff\xff"

    def attempts(url: str, count: int) -> list[tuple[str, bytes]]:
        post = {"Content-Type": "image/jpeg"}
        statuses["other secret"] = bring(url[:-4] + "0000", "x", good)
        statuses["no picture"] = bring(url, "x", b"<html>hello</html>")
        statuses["empty"] = bring(url, "x", b"")
        statuses["cut"] = bring(url, "x", good[: len(good) // 2])
        statuses["pixel bomb"] = bring(url, "x", bytes(bomb))
        statuses["zip"] = bring(url, "x", b"PK\x03\x04" + zlib.compress(b"0" * 10_000_000))
        squeezed = zlib.compress(good)
        statuses["gzip"] = raw_upload(
            url,
            "POST",
            {**post, "Content-Encoding": "gzip", "Content-Length": str(len(squeezed))},
            [squeezed],
        )
        statuses["a gigabyte, announced"] = raw_upload(
            url, "POST", {**post, "Content-Length": str(2**30)}, [b"\xff\xd8\xff" + b"0" * 65536]
        )
        chunk = b"10000\r\n" + b"0" * 65536 + b"\r\n"
        statuses["a gigabyte, not announced"] = raw_upload(
            url, "POST", {**post, "Transfer-Encoding": "chunked"}, [chunk] * 200
        )
        multipart = {"Content-Type": "multipart/form-data", "Content-Length": "5"}
        statuses["no boundary"] = raw_upload(url, "POST", multipart, [b"hello"])
        statuses["good"] = bring(url, "x", good)
        statuses["one too many"] = bring(url, "x", jpeg(shade=10))
        return []

    controls.brings = attempts
    before = server.rss()
    answer = take(server, channel_id)
    assert answer.status == 200, answer
    assert answer.body["total"] == 1
    server.wait_log("snapshot.finished", known=True)
    assert statuses == {
        "other secret": 401,
        "no picture": 422,
        "empty": 422,
        "cut": 422,
        "pixel bomb": 422,
        "zip": 422,
        "gzip": 415,
        "a gigabyte, announced": 413,
        "a gigabyte, not announced": 413,
        "no boundary": 422,
        "good": 200,
        "one too many": 401,
    }
    assert server.rss() - before < 60 * 2**20
    assert server.get(f"/channels/{channel_id}/snapshots")["total"] == 1


def test_as_jpeg(platform: Server, camera22: tuple[Camera, str, Controls]) -> None:
    import urllib.request

    camera, channel_id, controls = camera22
    picture = jpeg(shade=33)
    controls.brings = lambda url, count: [(file_id(camera), picture)]
    request = urllib.request.Request(
        f"{platform.url}/api/v1/channels/{channel_id}/snapshot",
        b"{}",
        {
            "Authorization": f"Bearer {platform.token()}",
            "Accept": "image/jpeg",
            "Content-Type": "application/json",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.read() == picture
