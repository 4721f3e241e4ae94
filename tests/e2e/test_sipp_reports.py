"""SIPp as a device that reports: the messages of its scenario are written by hand."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from .kit import Launch, MakeCamera, new_id
from .server import DOMAIN, SERVER_ID, Answer, wait_for
from .sipp import Sipp
from .test_sipp import _bound

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2016", "9.4"),
    pytest.mark.clause("GB/T 28181-2016", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "9.11"),
]


def test_alarm_and_subscription(launch: Launch, make_camera: MakeCamera, tmp_path: Path) -> None:
    """SUBSCRIBE, 200, NOTIFY with an alarm, a MESSAGE with another and its receipt, the end."""
    server = launch(GB28181_DEVICES__AUTO_QUERY="false")
    device_id = new_id()
    camera = make_camera(device_id, server)
    assert camera.register().status == 200
    port = camera.local[1]
    camera.close()
    keys = {"device_id": device_id, "server_id": SERVER_ID, "domain": DOMAIN}
    sipp = Sipp(
        "alarm_subscription", server.sip, tmp_path / "sipp", keys=keys, calls=2, local_port=port,
        repeat=False, trace=True,
    )  # fmt: skip
    wait_for(lambda: _bound(port), "SIPp listens")
    path = f"/api/v1/devices/{device_id}/subscriptions"
    answers: list[Answer] = []
    server.token()
    asker = threading.Thread(
        target=lambda: answers.append(server.call("POST", path, {"kind": "alarm"}))
    )
    asker.start()
    asker.join(20)
    assert [answer.status for answer in answers] == [200], answers
    wait_for(lambda: server.get("/alarms")["total"] == 2, "both alarms are stored")
    assert server.call("DELETE", f"{path}/alarm").status == 204
    sipp.wait(30).check(2)
    found = {alarm["sn"]: alarm for alarm in server.get("/alarms")["items"]}
    assert (found["4711"]["method"], found["4711"]["type_name"]["en"]) == (2, "video loss")
    assert (found["4712"]["priority"], found["4712"]["type_name"]["en"]) == (4, "fan fault")
