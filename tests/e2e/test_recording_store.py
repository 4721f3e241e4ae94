"""Recordings in a store, from outside: films of it across a change of size, a store that goes away,
a crash in the middle of bringing."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from tests.support.s3 import BUCKET, KEY, S3, SECRET, Door, s3_server

from . import media_source
from .camera import Source, load
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Server, wait_for
from .test_recording import SHORT, fetch, record, timeline

pytestmark = [pytest.mark.e2e]

TURN = 50
"""Pictures of each size: a group."""


@pytest.fixture
def store() -> Iterator[S3]:
    with s3_server() as made:
        yield made


@pytest.fixture
def door(store: S3) -> Iterator[Door]:
    made = Door(store.port)
    yield made
    made.close()


@pytest.fixture
def changing() -> Source:
    """A camera that is set to another size every two seconds, and back."""
    large = load(media_source.h264_file(7), media_source.tone_file())
    small = load(media_source.h264_file(7, width=1280, height=720), media_source.tone_file())
    frames = large.frames[:TURN] + small.frames[TURN : 2 * TURN]
    return Source(frames, large.sound, large.fps)


def settings(door: Door, folder: Path) -> dict[str, str]:
    secret = folder / "secret"
    secret.write_text(f"{SECRET}\n")
    return {
        **SHORT,
        "GB28181_RECORDING__S3_ENDPOINT": door.endpoint,
        "GB28181_RECORDING__S3_BUCKET": BUCKET,
        "GB28181_RECORDING__S3_PREFIX": "yinchuan/",
        "GB28181_RECORDING__S3_ACCESS_KEY": KEY,
        "GB28181_RECORDING__S3_SECRET_KEY_FILE": str(secret),
    }


def done(server: Server, channel_id: str) -> list[dict[str, Any]]:
    return [s for s in timeline(server, channel_id)["segments"] if s["state"] == "done"]


def wait_stored(server: Server, channel_id: str, least: int) -> list[dict[str, Any]]:
    """All whole segments, when all of them are in the store and not here."""

    def look() -> list[dict[str, Any]]:
        found = done(server, channel_id)
        files = {str(path) for path in (server.data_dir / "recordings").rglob("*.mp4")}
        here = [s for s in found if str(server.data_dir / "recordings" / s["path"]) in files]
        is_all = all(s["place"] == "store" for s in found) and not here
        return found if len(found) >= least and is_all else []

    return wait_for(look, f"{least} segments in the store", timeout=90, every=0.1)


def test_recordings_live_in_a_store(
    launch: Launch,
    make_camera: MakeCamera,
    changing: Source,
    store: S3,
    door: Door,
    tmp_path: Path,
) -> None:
    server = launch(**settings(door, tmp_path))
    _, channel_id = camera_with(make_camera, server, changing)
    record(server, channel_id)
    wait_for(lambda: len(done(server, channel_id)) >= 2, "two segments", timeout=60)
    # The store goes away: what is recorded stays here, and it is said aloud.
    door.shut()
    server.wait_log("recording.store_away", timeout=60, level="error")
    assert server.get("/recordings/room")["store"]["answers"] is False
    kept = wait_for(
        lambda: [s for s in done(server, channel_id) if s["place"] == "local"],
        "a segment that stays here",
        timeout=60,
    )
    assert (server.data_dir / "recordings" / kept[-1]["path"]).exists()
    record(server, channel_id, "stop")
    wait_for(lambda: server.get(f"/channels/{channel_id}/recording")["state"] == "idle", "idle")
    door.is_open = True
    segments = wait_stored(server, channel_id, 3)
    server.wait_log("recording.store_back", timeout=30)
    server.log_mark()  # that it was loud was wanted
    names = {f"yinchuan/{segment['path']}" for segment in segments}
    assert {name for name in store.names() if name.endswith(".mp4")} == names
    room = server.get("/recordings/room")
    assert (room["size"], room["missing"], room["unknown"]) == (0, [], [])
    assert room["store"]["size"] == sum(segment["size"] for segment in segments)
    film = _judged_film(server, channel_id, segments, tmp_path)
    _export_is(server, channel_id, segments, film)

    # Killed in the middle of bringing a file, it is brought by the next run.
    door.hold_at = door.sent + 20_000
    record(server, channel_id)
    assert door.held.wait(60)
    server.kill9()
    door.shut()
    door.hold_at, door.is_open = None, True
    server.start()
    record(server, channel_id, "stop")
    wait_stored(server, channel_id, len(segments) + 1)
    assert SECRET not in server.log_text()
    gone = segments[0]
    path = f"/api/v1/segments/{gone['segment_id']}"
    assert server.call("DELETE", path).status == 204
    assert not [name for name in store.names() if name.startswith(f"yinchuan/{gone['path']}")]


def _judged_film(
    server: Server, channel_id: str, segments: list[dict[str, Any]], folder: Path
) -> bytes:
    """One MP4 with pictures of both sizes: every one readable, none missing, none twice."""
    span = {"start": segments[0]["start"], "end": segments[-1]["end"]}
    film = server.call("POST", f"/api/v1/channels/{channel_id}/film", span)
    assert film.status == 200, film
    status, whole, _ = fetch(film.body["url"])
    assert (status, len(whole)) == (200, film.body["size"])
    status, part, _ = fetch(film.body["url"], {"Range": "bytes=70000-170000"})
    assert (status, part) == (206, whole[70000:170001])
    file = folder / "film.mp4"
    file.write_bytes(whole)
    codes = [code.frame for code in media_source.codes(str(file), seconds=60) if code]
    times = [
        float(packet["dts_time"])
        for packet in media_source.packets(file)
        if packet["codec_type"] == "video"
    ]
    assert times == sorted(set(times))
    assert len(codes) == len(times) >= 2 * TURN
    follow = itertools.pairwise(codes)
    assert [(a, b) for a, b in follow if b != (a + 1) % (2 * TURN)] == []
    with av.open(str(file)) as container:
        sizes = [(f.width, f.height) for f in container.decode(video=0)]
    assert sizes == [(1920, 1080) if code < TURN else (1280, 720) for code in codes]
    assert len(set(sizes)) == 2
    streams = media_source.probe(file)["streams"]
    assert [stream["codec_name"] for stream in streams] == ["h264", "aac"]
    return whole


def _export_is(
    server: Server, channel_id: str, segments: list[dict[str, Any]], film: bytes
) -> None:
    start = datetime.fromisoformat(segments[0]["start"]) - timedelta(seconds=1)
    span = {"start": start.isoformat(), "end": segments[-1]["end"]}
    order = server.call("POST", f"/api/v1/channels/{channel_id}/export", span)
    assert order.status == 200, order
    path = f"/exports/{order.body['export_id']}"
    found = wait_for(
        lambda: e if (e := server.get(path))["state"] != "running" else None, "exported"
    )
    assert found is not None
    assert (found["state"], found["sha256"]) == ("done", hashlib.sha256(film).hexdigest())
