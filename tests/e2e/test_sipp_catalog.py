"""SIPp as a recorder with a catalog: pages, GB 18030 bytes, and changes in a subscription."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from . import sipp
from .camera import channel_item
from .kit import Launch, MakeCamera, new_id
from .server import DOMAIN, SERVER_ID, Answer, Server, wait_for
from .sipp import Sipp
from .test_sipp import _bound

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.5.3.1"),
]


def _in_background(call: Any) -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def _keys(device_id: str, channels: list[str]) -> dict[str, str]:
    names = dict(zip(("first", "second", "third"), channels, strict=False))
    return {"device_id": device_id, "server_id": SERVER_ID, "domain": DOMAIN, **names}


def _registered(server: Server, make_camera: MakeCamera, device_id: str, items: list[Any]) -> int:
    """Registered by a camera that then leaves its port to SIPp."""
    camera = make_camera(device_id, server, items=items)
    assert camera.register().status == 200
    if items:
        server.wait_channels(device_id, len(items))
    port = camera.local[1]
    camera.close()
    return port


@pytest.mark.clause("GB/T 28181-2022", "annex M")
@pytest.mark.clause("GB/T 28181-2022", "6.10")
def test_a_catalog_of_two_pages_in_gb18030(
    launch: Launch, make_camera: MakeCamera, tmp_path: Path
) -> None:
    server = launch(GB28181_DEVICES__AUTO_QUERY="false")
    device_id, channels = new_id(kind=118), [new_id(kind=131) for _ in range(3)]
    port = _registered(server, make_camera, device_id, [])
    scenario = tmp_path / "catalog.xml"
    text = (sipp.HERE / "catalog.xml").read_text("utf-8")
    scenario.write_bytes(text.encode("gb18030"))
    run = Sipp(
        str(scenario.with_suffix("")), server.sip, tmp_path / "sipp",
        keys=_keys(device_id, channels), local_port=port, repeat=False,
    )  # fmt: skip
    wait_for(lambda: _bound(port), "SIPp listens")
    server.token()
    path = f"/api/v1/devices/{device_id}/catalog"
    thread, answers = _in_background(lambda: server.call("POST", path, {}))
    run.wait(30).check(1)
    thread.join(20)
    assert [(a.status, a.body) for a in answers] == [
        (200, {"expected": 3, "received": 3, "complete": True})
    ]
    found = {c["channel_id"]: c["name"] for c in server.channels(device_id=device_id)}
    assert found == dict(zip(channels, ("学校", "二号楼", "红寺堡萳桥"), strict=True))


@pytest.mark.clause("GB/T 28181-2022", "annex N")
@pytest.mark.clause("GB/T 28181-2022", "9.11")
def test_changes_of_a_catalog_are_subscribed_to(
    launch: Launch, make_camera: MakeCamera, tmp_path: Path
) -> None:
    server = launch()
    device_id, channels = new_id(kind=118), [new_id(kind=131) for _ in range(2)]
    items = [channel_item(channels[0], "old", parent_id=device_id)]
    port = _registered(server, make_camera, device_id, items)
    run = Sipp(
        "catalog_subscription", server.sip, tmp_path / "sipp",
        keys=_keys(device_id, channels), local_port=port, repeat=False,
    )  # fmt: skip
    wait_for(lambda: _bound(port), "SIPp listens")
    server.token()
    path = f"/api/v1/devices/{device_id}/subscriptions"
    thread, answers = _in_background(lambda: server.call("POST", path, {"kind": "catalog"}))
    thread.join(20)
    assert [answer.status for answer in answers] == [200], answers
    found = {c["channel_id"]: c for c in server.wait_channels(device_id, 2)}
    assert (found[channels[0]]["online"], found[channels[1]]["online"]) == (False, True)
    assert found[channels[1]]["name"] == "new"
    assert server.call("DELETE", f"{path}/catalog").status == 204
    run.wait(30).check(1)
