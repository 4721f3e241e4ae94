"""SIPp as the judge of transactions: 2,000 devices, lost and repeated messages (RFC 3261 17)."""

from __future__ import annotations

import itertools
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from .camera import Camera, channel_item
from .kit import Launch, MakeCamera, new_id
from .server import DEVICE_PASSWORD, DOMAIN, SERVER_ID, Server, wait_for
from .sipp import Run, Sipp, devices, times_of
from .strangers import Pest, guess
from .views import assert_three_views

pytestmark = pytest.mark.e2e

KEYS = {"server_id": SERVER_ID, "domain": DOMAIN}


@pytest.mark.parametrize(("transport", "after"), [("u1", "online"), ("t1", "unreachable")])
def test_register_and_keepalive(launch: Launch, tmp_path: Path, transport: str, after: str) -> None:
    """All over one socket; over TCP its end is noticed when SIPp is done."""
    server = launch(GB28181_DEVICES__AUTO_QUERY="false")
    ids = [new_id() for _ in range(20)]
    run = Sipp(
        "register_keepalive", server.sip, tmp_path / "sipp", calls=len(ids), rate=50,
        keys={**KEYS, "beats": "2", "gap": "200"}, rows=devices(ids, DEVICE_PASSWORD),
        transport=transport,
    ).wait()  # fmt: skip
    run.check(len(ids))
    for one in ids:
        states = [row["state"] for row in server.intervals(one)]
        assert sorted(states) == sorted({"online", after})


def test_wrong_password_is_not_judged_good(launch: Launch, tmp_path: Path) -> None:
    """The control of the test above: SIPp does notice."""
    server = launch(GB28181_DEVICES__AUTO_QUERY="false")
    run = Sipp(
        "register_keepalive", server.sip, tmp_path / "sipp", rows=devices([new_id()], "wrong"),
        keys={**KEYS, "beats": "0", "gap": "1"},
    ).wait()  # fmt: skip
    assert run.failed == 1
    assert run.successful == 0


@pytest.mark.slow
@pytest.mark.parametrize("pests", [False, True], ids=["control", "guesser and garbage"])
def test_2000_devices_on_one_address(launch: Launch, tmp_path: Path, pests: bool) -> None:
    """Heartbeats every 2 s, offline after 3 missed; a guesser and garbage on the very address."""
    server = launch(
        GB28181_DEVICES__AUTO_QUERY="false",
        GB28181_DEVICES__KEEPALIVE_INTERVAL="2",
        GB28181_DEVICES__KEEPALIVE_COUNT="3",
        GB28181_SIP__T1="0.5",
    )
    count = 2000
    ids = [new_id(f"640{n % 5 + 1}0200") for n in range(count)]
    running = Sipp(
        "register_keepalive", server.sip, tmp_path / "sipp", calls=count, rate=400,
        keys={**KEYS, "beats": "6", "gap": "2000"}, rows=devices(ids, DEVICE_PASSWORD),
    )  # fmt: skip
    bad: list[Pest] = []
    if pests:
        bad.append(Pest(server, lambda: random.randbytes(300), pause=0.002))
        bad.append(Pest(server, lambda: guess(random.choice(ids)), pause=0.002))

    def online() -> int:
        return int(server.get("/devices", online="true", limit=1)["total"])

    wait_for(lambda: online() == count, "all are online", timeout=40, every=0.3)
    run = running.wait()
    assert online() == count
    for pest in bad:
        pest.stop()
    run.check(count)
    for one in random.sample(ids, 50):
        assert [row["state"] for row in server.intervals(one)] == ["online"]
    assert server.log_events("device.offline") == []


# -- calls ---------------------------------------------------------------------------------


def handed_over(server: Server, make_camera: MakeCamera) -> tuple[str, int]:
    """A registered device whose SIP port is free again, for SIPp to take: (channel, port)."""
    device_id, channel_id = new_id(kind=118), new_id(kind=131)
    camera: Camera = make_camera(device_id, server, items=[channel_item(channel_id, "一")])
    assert camera.register().status == 200
    server.wait_channels(device_id, 1)
    server.wait_log("catalog.sync_completed", device_id=device_id)
    port = camera.local[1]
    camera.close()
    return channel_id, port


def call(
    server: Server, make_camera: MakeCamera, folder: Path, scenario: str
) -> tuple[Run, dict[str, Any]]:
    """POST live while SIPp plays the device; its verdict and the platform's error."""
    channel_id, port = handed_over(server, make_camera)
    sipp = Sipp(
        scenario, server.sip, folder, keys={"device_id": channel_id}, local_port=port,
        repeat=False, trace=True,
    )  # fmt: skip
    wait_for(lambda: _bound(port), "SIPp listens")
    errors: list[dict[str, Any]] = []
    server.token()
    asker = threading.Thread(target=lambda: errors.append(server.live(channel_id).error))
    asker.start()
    wait_for(lambda: server.sessions(state="waiting"), "the device has answered", timeout=8)
    assert len(server.sessions()) == 1
    asker.join(20)
    run = sipp.wait(30)
    assert_three_views(server, [])
    return run, errors[0]


def _bound(port: int) -> bool:
    with open("/proc/net/udp") as table:
        return any(f":{port:04X} " in line.split(None, 2)[1] + " " for line in table)


@pytest.mark.parametrize(
    ("scenario", "acks"),
    [("invite_control", 1), ("invite_200_repeated", 5), ("invite_lost_ack", 3)],
)
def test_answers_and_acks(
    launch: Launch, make_camera: MakeCamera, tmp_path: Path, scenario: str, acks: int
) -> None:
    server = launch()
    run, error = call(server, make_camera, tmp_path / "sipp", scenario)
    run.check(1)
    assert error["leg"] == "no_media"  # SIPp sends none
    assert len(times_of(run.messages, "INVITE ")) == 1
    assert len(times_of(run.messages, "ACK ")) == acks
    assert len(times_of(run.messages, "BYE ")) == 1


def test_lost_200_is_asked_for_again_at_t1_2t1_4t1(
    launch: Launch, make_camera: MakeCamera, tmp_path: Path
) -> None:
    server = launch(GB28181_SIP__T1="0.5", GB28181_SESSIONS__INVITE_TIMEOUT="6")
    run, error = call(server, make_camera, tmp_path / "sipp", "invite_lost_200")
    run.check(1)
    assert error["leg"] == "no_media"
    times = times_of(run.messages, "INVITE ")
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(gaps) == 3
    for gap, wanted in zip(gaps, (0.5, 1.0, 2.0), strict=True):
        assert abs(gap - wanted) < 0.2
    ended = server.log_events("session.ended")
    assert len(ended) == 1


def test_message_repeated_gets_the_same_answer(
    platform: Server, make_camera: MakeCamera, tmp_path: Path
) -> None:
    """Each copy is answered, by the transaction: To tags are equal."""
    camera = make_camera()
    camera.register()
    platform.wait_channels(camera.device_id, 1)
    port = camera.local[1]
    camera.close()
    run = Sipp(
        "message_repeated", platform.sip, tmp_path, keys=KEYS, rows=[(camera.device_id,)],
        repeat=False, local_port=port,
    ).wait(20)  # fmt: skip
    run.check(1)
