"""Refusal, silence and absence are three different errors, whatever is asked of a device.

One row per capability. A device that refuses (at SIP level) is 502, one that does not answer 504,
one that is not there 409, each with the code of the contract.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from .camera import Camera, Faults
from .kit import MakeCamera
from .live_support import camera_with
from .server import Answer, Server

pytestmark = [pytest.mark.e2e, pytest.mark.clause("GB/T 28181-2022", "9.3.2")]

AREA = {"length": 100, "width": 100, "mid_point_x": 5, "mid_point_y": 5, "length_x": 2}
PERIOD = {"start": "2026-11-21T00:00:00Z", "end": "2026-11-21T01:00:00Z"}


@dataclass(frozen=True, slots=True)
class Capability:
    method: str
    path: str
    """`D` and `C` stand for the device and its channel."""
    body: Any = None
    call: bool = False
    """It opens a call: the errors are those of its legs."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


CAPABILITIES = [
    Capability("GET", "D/status"),
    Capability("GET", "D/info"),
    Capability("GET", "C/status"),
    Capability("GET", "C/presets"),
    Capability("GET", "C/home-position"),
    Capability("GET", "C/cruise-tracks"),
    Capability("GET", "C/cruise-tracks/0"),
    Capability("GET", "C/ptz/position"),
    Capability("GET", "D/sd-cards"),
    Capability("GET", "D/config"),
    Capability("GET", "C/config"),
    Capability("GET", "C/records?start=2026-11-21T00:00:00Z&end=2026-11-21T01:00:00Z"),
    Capability("POST", "C/ptz", {"action": "left"}),
    Capability("POST", "C/ptz", {"action": "stop"}),
    Capability("POST", "C/presets", {"preset": 3}),
    Capability("POST", "C/presets/3/call", {}),
    Capability("DELETE", "C/presets/3"),
    Capability("POST", "C/cruises/1/points", {"preset": 3}),
    Capability("DELETE", "C/cruises/1"),
    Capability("PUT", "C/cruises/1", {"speed": 30}),
    Capability("POST", "C/cruises/1/start", {}),
    Capability("POST", "C/scans/1/start", {}),
    Capability("PUT", "C/scans/1", {"speed": 30}),
    Capability("POST", "C/wiper", {"on": True}),
    Capability("POST", "C/auxiliary/2", {"on": True}),
    Capability("POST", "C/iframe", {}),
    Capability("POST", "C/record", {"on": True}),
    Capability("POST", "C/guard", {"on": True}),
    Capability("POST", "C/alarm-reset", {}),
    Capability("POST", "C/drag-zoom", {"direction": "in", **AREA, "length_y": 2}),
    Capability("PUT", "C/home-position", {"enabled": True, "reset_time": 5, "preset": 3}),
    Capability("POST", "C/ptz/precise", {"pan": 10.0}),
    Capability("POST", "C/target-track", {"track": "stop"}),
    Capability("POST", "D/reboot", {}),
    Capability("POST", "D/guard", {"on": False}),
    Capability("POST", "D/alarm-reset", {}),
    Capability("POST", "D/sd-cards/format", {"card": 1}),
    Capability("POST", "D/upgrades", {"firmware": "V1", "file_url": "http://192.0.2.10/f.bin"}),
    Capability("POST", "C/snapshot", {"source": "device"}),
    Capability("POST", "D/subscriptions", {"kind": "alarm"}),
    Capability("POST", "C/live", {}, call=True),
    Capability("POST", "C/playback", PERIOD, call=True),
    Capability("POST", "C/download", {**PERIOD, "speed": 1}, call=True),
]
REFUSES, SILENT, AWAY = "refuses", "silent", "away"


def ask(server: Server, camera: Camera, channel_id: str, one: Capability) -> Answer:
    kind, _, rest = one.path.partition("/")
    base = f"devices/{camera.device_id}" if kind == "D" else f"channels/{channel_id}"
    return server.call(one.method, f"/api/v1/{base}/{rest}", one.body, timeout=40)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    times = {"GB28181_CONTROL__COMMAND_TIMEOUT": "1", "GB28181_CONTROL__ANSWER_TIMEOUT": "1"}
    server = Server(tmp_path_factory.mktemp("refusals"), times)
    try:
        yield server.start()
        assert server.stop() == 0
    finally:
        server.close()


@pytest.mark.parametrize("manner", [REFUSES, SILENT, AWAY])
def test_three_errors_for_every_capability(
    refusing: Server, make_camera: MakeCamera, manner: str
) -> None:
    server, faults = refusing, Faults()
    server.log_mark()
    camera, channel_id = camera_with(make_camera, server, None, faults=faults, gb_version="3.0")
    if manner == AWAY:
        assert camera.unregister().status == 200
        server.wait_online(camera.device_id, online=False)
    elif manner == REFUSES:
        faults.message_status, faults.invite_status = 403, 403
        camera.reporter.manners.status = 403
    else:
        faults.message_status, faults.never_answer = 0, True
        faults.drop_in = lambda message: message.method == "SUBSCRIBE"
    server.token()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: ask(server, camera, channel_id, one), CAPABILITIES))
    found = {
        one.name: (answer.status, answer.error["code"])
        for one, answer in zip(CAPABILITIES, answers, strict=True)
    }
    assert found == {one.name: expected(one, manner) for one in CAPABILITIES}
    if manner == REFUSES:
        statuses = zip(CAPABILITIES, answers, strict=True)
        said = {one.name: answer.error["sip_status"] for one, answer in statuses}
        assert {name: status for name, status in said.items() if status != 403} == {}
    assert server.complaints() == []


def expected(one: Capability, manner: str) -> tuple[int, str]:
    match manner:
        case "refuses":
            return 502, "invite_rejected" if one.call else "device_refused"
        case "silent":
            return 504, "invite_timeout" if one.call else "device_timeout"
    return 409, "device_offline"


def test_the_table_holds_every_call_that_speaks_to_a_device() -> None:
    """A new capability has to take its place here."""
    from gb28181.api import control, device_config, live, ptz, questions, recordings

    known = {(one.method, _shape(one.path)) for one in CAPABILITIES}
    spoken = set()
    for module in (control, questions, ptz, live, recordings, device_config):
        for route in module.router.routes:
            for method in getattr(route, "methods", ()):
                path = str(route.path).removeprefix("/api/v1/")
                spoken.add((method, _shape(path)))
    quiet = {
        ("GET", "C/ptz/lock"),
        ("POST", "C/ptz/lock"),
        ("DELETE", "C/ptz/lock"),
        ("GET", "D/upgrades"),
        ("GET", "D/upgrades/*"),
    }
    # Of one kind with another row, and proved with it.
    alike = {path for path in spoken if path[1].startswith(("D/config/", "C/config/"))}
    alike |= {("DELETE", "C/cruises/*/points/*")}
    elsewhere = {path for path in spoken if path[1].startswith(("live/", "sessions/", "playback/"))}
    assert spoken - known - quiet - alike - elsewhere == set()


def _shape(path: str) -> str:
    """`channels/{channel_id}/presets/{preset}` -> `C/presets/*`."""
    path = path.partition("?")[0]
    for name, letter in (("devices/{device_id}", "D"), ("channels/{channel_id}", "C")):
        if path.startswith(name):
            path = letter + path.removeprefix(name)
    parts = path.split("/")
    literal = {"start", "stop", "left_limit"}
    return "/".join(
        "*" if part.startswith("{") or part.isdigit() or part in literal else part for part in parts
    )
