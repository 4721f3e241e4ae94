"""What must be true after a stop, a kill -9, and a power cut in the middle of everything."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import Any

import pytest

from .camera import Camera, Faults, Source, channel_item
from .kit import Launch, MakeCamera, new_id
from .live_support import RawViewer, assert_pictures, camera_with, watch
from .server import Server, wait_for
from .views import assert_three_views

pytestmark = pytest.mark.e2e


def whole_tree(server: Server, node_id: str = "") -> dict[str, Any]:
    """The tree below a node, with all counts."""
    node: dict[str, Any] = server.get("/tree", **({"parent": node_id} if node_id else {}))
    return {
        "id": node["id"],
        "name": node["name"],
        "total": node["total"],
        "online": node["online"],
        "children": [
            whole_tree(server, child["id"]) if child["total"] else child["id"]
            for child in node["children"]
        ],
    }


def all_channels(server: Server) -> list[dict[str, Any]]:
    return sorted(server.channels(), key=lambda channel: str(channel["channel_id"]))


def five_cities(server: Server, make_camera: MakeCamera, video: Source) -> list[Camera]:
    """An NVR in each city, two channels each."""
    out = []
    for city, county in (("1", "04"), ("2", "02"), ("3", "02"), ("4", "02"), ("5", "02")):
        prefix = f"640{city}{county}00"
        device_id = new_id(prefix, 118)
        items = [channel_item(new_id(prefix, 131), f"学校{n}", parent_id=device_id)
                 for n in range(2)]  # fmt: skip
        camera = make_camera(device_id, server, items=items, source=video)
        assert camera.register().status == 200
        out.append(camera)
    for camera in out:
        server.wait_channels(camera.device_id, 2)
    settle()
    return out


def settle() -> None:
    """State is written within a second (design section 4): what is older survives anything."""
    time.sleep(1.2)


def test_tree_and_states_after_a_restart(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch()
    cameras = five_cities(server, make_camera, video)
    cameras[1].unregister()
    server.wait_online(cameras[1].device_id, online=False)
    tree, channels = whole_tree(server), all_channels(server)
    assert tree["total"] == 10
    assert tree["online"] == 8
    token = server.token()
    server.restart()
    assert whole_tree(server) == tree
    assert all_channels(server) == channels
    assert server.call("GET", "/api/v1/tree", token=token).status == 200  # keys last
    for number, camera in enumerate(cameras):
        before = len(camera.received("MESSAGE"))
        assert camera.keepalive().status == (403 if number == 1 else 200)
        assert len(camera.received("MESSAGE")) == before  # a restored device is asked nothing
    (downtime,) = server.get("/platform/intervals", start="2026-01-01T00:00:00+08:00")["items"]
    assert (downtime["state"], downtime["cause"]) == ("offline", "platform")
    assert downtime["start"] < downtime["end"]
    assert "platform" not in {row["cause"] for row in server.intervals(cameras[0].device_id)}


def test_sigterm_says_bye_and_is_gone_in_8_s(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch()
    cameras = five_cities(server, make_camera, video)
    viewers = []
    for camera in cameras:
        live = server.play(camera.channel_ids()[0])
        viewers.append(RawViewer(live["urls"]["flv"], 1 << 20))
    began = time.monotonic()
    code = server.stop(timeout=8)
    assert code == 0, server.log_tail()
    assert time.monotonic() - began < 8
    for camera in cameras:
        camera.wait_received("BYE", timeout=1)
        assert camera.open_calls() == []
    for viewer in viewers:
        viewer.close()


def test_sigterm_with_a_camera_that_never_answers_bye(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch()
    camera, channel_id = camera_with(make_camera, server, video, faults=Faults(answer_bye=False))
    server.play(channel_id)
    assert server.stop(timeout=8) == 0
    assert camera.received("BYE")


def test_kill_9_in_the_middle_of_everything(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    """Calls running, one camera ringing, one silent, a catalog on its way, a garbage sender."""
    server = launch()
    cameras = five_cities(server, make_camera, video)
    tree, channels = whole_tree(server), all_channels(server)
    live = [server.play(camera.channel_ids()[0]) for camera in cameras[:3]]
    viewer = RawViewer(live[0]["urls"]["flv"], 1 << 20)
    viewer.read(50_000)
    cameras[3].faults.answer_delay_s = 60
    asker = threading.Thread(target=_ignore_all, args=(server, cameras[3].channel_ids()[0]))
    asker.start()
    cameras[3].wait_received("INVITE")
    cameras[4].faults.page_gap_s = 0.5
    syncer = threading.Thread(target=_ignore_sync, args=(server, cameras[4].device_id))
    syncer.start()
    cameras[4].wait_received("MESSAGE", match=lambda m: m.xml("CmdType") == "Catalog", count=2)
    cameras[0].stop_media()
    for _ in range(50):
        cameras[2].send_raw(b"garbage\r\n\r\n")
    server.kill9()
    asker.join(20)
    syncer.join(20)
    viewer.close()
    assert len([call for camera in cameras for call in camera.open_calls()]) == 4
    for camera in cameras:
        camera.faults.answer_delay_s = 0
    server.start()
    assert whole_tree(server) == tree
    assert all_channels(server) == channels
    for camera in cameras[:3]:
        camera.wait_received("BYE", timeout=5)  # of the run before
        assert camera.open_calls() == []
    assert_three_views(server, cameras[:3])
    for camera in cameras:
        assert camera.keepalive().status == 200
    assert_pictures(watch(server.play(cameras[1].channel_ids()[1])["urls"]["flv"], 1), 7, 15)
    cameras[3].close()  # its phone would ring for a minute; nobody calls any more
    server.log_mark()


def _ignore_all(server: Server, channel_id: str) -> None:
    with _quiet():
        server.live(channel_id)


def _ignore_sync(server: Server, device_id: str) -> None:
    with _quiet():
        server.call("POST", f"/api/v1/devices/{device_id}/catalog", {})


class _quiet:
    """The platform dies under these calls; whatever they say is of no interest."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_exc: object) -> bool:
        return True


def test_downtime_of_the_platform_blames_no_device(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    server = launch()
    camera = five_cities(server, make_camera, video)[0]
    server.kill9()
    server.start()
    assert [row["state"] for row in server.intervals(camera.device_id)] == ["online"]
    assert server.is_online(camera.device_id)


def test_silent_devices_get_one_full_deadline_after_a_start(
    launch: Launch, make_camera: MakeCamera
) -> None:
    server = launch(GB28181_DEVICES__KEEPALIVE_INTERVAL="1", GB28181_DEVICES__KEEPALIVE_COUNT="3")
    camera, control = make_camera(server=server), make_camera(server=server)
    for one in (camera, control):
        one.register()
        server.wait_online(one.device_id)
    server.restart()
    assert server.is_online(camera.device_id)
    control.keepalive_every(0.5)
    server.wait_online(camera.device_id, online=False, timeout=8)
    assert server.is_online(control.device_id)


def test_no_process_outlives_a_killed_main(
    launch: Launch, make_camera: MakeCamera, video: Source
) -> None:
    """If only the main process is killed, its workers end themselves within 2 s."""
    server = launch()
    _camera, channel_id = camera_with(make_camera, server, video)
    server.play(channel_id)
    family = server.pids()
    assert server.process is not None
    server.process.kill()
    server.process.wait(5)

    def gone() -> bool:
        return not [pid for pid in family if _alive(pid)]

    wait_for(gone, f"{family} are gone", timeout=2.5)
    server.process = None


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_database_is_whole_after_kill_9(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch()
    for _ in range(3):
        camera = make_camera(server=server)
        camera.register()
        server.wait_channels(camera.device_id, 1)
        settle()
        server.kill9()
        server.start()
        assert server.device(camera.device_id) is not None
    server.stop()
    (path,) = server.data_dir.glob("*.sqlite3")
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
