"""Conformance runs against simulated devices: good families pass, each seeded fault is found.

The simulator is the product's own, so it judges nothing here: what is proved is that both sides
agree. The independent camera stands in `test_conformance.py`.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .server import DEVICE_PASSWORD, SERVER_ID, Server, command, wait_for

pytestmark = pytest.mark.e2e

HEARTBEAT_S = 5
QUICK = {"answer_s": 4, "watch_s": 2, "retry_s": 3, "grant_s": 8, "boot_s": 30}
MOVABLE = (1, 2, 4)
STEADY = ["device.info", "guard", "message.to"]
"""Items that no fault below has to do with, where they are not named."""


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One platform for all of them."""
    folder = tmp_path_factory.mktemp("profiles")
    times = {"GB28181_DEVICES__KEEPALIVE_INTERVAL": str(HEARTBEAT_S), "GB28181_SIP__T1": "0.5"}
    server = Server(folder, times)
    try:
        yield server.start()
        assert server.stop() == 0
    finally:
        server.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulator keeps its encoded pictures."""
    return tmp_path_factory.mktemp("pictures")


_first = iter(range(1, 1_000_000, 100))


@contextlib.contextmanager
def simulated(
    server: Server, pictures: Path, profile: str, *faults: str
) -> Iterator[dict[str, Any]]:
    """Eight devices of a family; gives a channel that can be moved."""
    options = ["--devices", "8", "--recorders", "0", "--profile", profile]
    options += ["--first", str(next(_first)), "--boot-time", "2", "--retry", "3"]
    options += ["--server", "{}:{}".format(*server.sip), "--server-id", SERVER_ID]
    options += ["--password", DEVICE_PASSWORD, "--host", "127.0.0.1"]
    options += ["--keepalive", str(HEARTBEAT_S), "--cache", str(pictures), "--until-stdin-closes"]
    for fault in faults:
        options += ["--fault", fault]
    before = {channel["channel_id"] for channel in server.channels()}

    def movable() -> list[dict[str, Any]]:
        fresh = [c for c in server.channels() if c["channel_id"] not in before]
        return [c for c in fresh if c["ptz_type"] in MOVABLE and c["online"]]

    process = subprocess.Popen(
        command("simulate", *options), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield wait_for(movable, f"devices of {profile}", timeout=60)[0]
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def examine(
    server: Server, channel: dict[str, Any], timeout: float = 400.0, **asked: Any
) -> dict[str, str]:
    """Item to verdict (and reason, where it failed)."""
    path = f"/api/v1/devices/{channel['device_id']}/conformance"
    body = {**QUICK, "channel_id": channel["channel_id"], **asked}
    begun = server.call("POST", path, body)
    assert begun.status == 201, begun

    def over() -> Any:
        found = server.get(f"/conformance/{begun.body['run_id']}")
        return found if found["state"] != "running" else None

    run = wait_for(over, "the end of the run", timeout=timeout, every=0.3)
    assert run["state"] == "done"
    return {
        item["name"]: item["verdict"]
        + (f": {item['reason_en']}" if item["verdict"] == "failed" else "")
        for item in run["items"]
    }


@pytest.mark.parametrize(
    "profile", [pytest.param("standard-2016", marks=pytest.mark.nightly), "standard-2022"]
)
def test_good_families_pass(estate: Server, pictures: Path, profile: str) -> None:
    with simulated(estate, pictures, profile) as channel:
        found = examine(estate, channel, allow_disruptive=True)
    assert {name: verdict for name, verdict in found.items() if "failed" in verdict} == {}
    assert sum(verdict == "passed" for verdict in found.values()) >= 40
    assert "skipped" not in found.values()


FAULTS = [
    ("standard-2022", "short-expires", ["register.challenge"]),
    ("standard-2022", "no-date-sync", ["time.sync"]),
    ("standard-2022", "keepalive-wrong-interval=3", ["heartbeat.interval"]),
    ("standard-2022", "keepalive-no-status", ["heartbeat.interval", "message.fields"]),
    ("standard-2022", "no-reregister", ["register.challenge"]),
    ("standard-2022", "retry-too-soon=0.5", ["online.retry"]),
    ("standard-2022", "no-refresh", ["register.refresh"]),
    ("standard-2022", "wrong-sumnum", ["catalog.query"]),
    ("standard-2022", "catalog-no-status", ["catalog.query", "message.fields"]),
    ("standard-2022", "bad-charset", ["message.charset"]),
    ("standard-2016", "busy", ["live.udp"]),
    ("standard-2016", "no-answer", ["live.udp"]),
    ("standard-2016", "no-media", ["live.udp"]),
    ("standard-2016", "wrong-ssrc", ["live.udp"]),
    ("standard-2016", "ssrc-not-repeated", ["live.udp"]),
    ("standard-2022", "ptz-ignored", ["ptz.direction"]),
    ("standard-2022", "ptz-never-stops", ["ptz.stop"]),
    ("standard-2022", "preset-not-kept", ["preset.query"]),
    ("standard-2022", "record-no-response", ["record.control"]),
    ("standard-2022", "record-count-wrong", ["record.search"]),
    ("standard-2022", "no-records", ["record.search"]),
    ("standard-2022", "no-mediastatus", ["playback.end"]),
    ("standard-2022", "pause-ignored", ["playback.pause"]),
    ("standard-2022", "guard-no-response", ["guard"]),
    ("standard-2022", "alarm-no-response", ["alarm.reset"]),
    ("standard-2022", "no-device-info", ["device.info"]),
    ("standard-2022", "no-device-status", ["device.status"]),
    ("standard-2022", "no-boot", ["remote.boot"]),
    ("standard-2022", "config-no-response", ["config.set"]),
    ("standard-2022", "snapshot-not-sent", ["snapshot"]),
]
BEFORE = {
    "preset.query": ["preset.set"],
    "message.charset": ["catalog.query"],
    "message.fields": ["catalog.query"],
}


# Every third in the usual run: each goes the same way through simulator, runner and verdict.
@pytest.mark.parametrize(
    ("profile", "fault", "items"),
    [
        pytest.param(*one, id=one[1], marks=[pytest.mark.nightly] if number % 3 else [])
        for number, one in enumerate(FAULTS)
    ],
)
def test_a_seeded_fault_fails_its_item(
    estate: Server, pictures: Path, profile: str, fault: str, items: list[str]
) -> None:
    before = [one for item in items for one in BEFORE.get(item, ())]
    with simulated(estate, pictures, profile, fault) as channel:
        asked = sorted({*items, *before, *STEADY})
        found = examine(estate, channel, items=asked, allow_disruptive=True)
    failed = {name for name, verdict in found.items() if "failed" in verdict}
    assert failed == set(items), found
