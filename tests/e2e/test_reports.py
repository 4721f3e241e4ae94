"""What devices report by themselves: subscriptions, catalog changes, alarms, positions."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .camera import Camera, Msg, channel_item
from .camera.reporter import POSITION_2016, POSITION_2022
from .kit import Launch, MakeCamera, new_id
from .server import Server, wait_for
from .test_events import next_event

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2016", "9.4"),
    pytest.mark.clause("GB/T 28181-2016", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "annex N"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.5.6"),
]


def registered(make_camera: MakeCamera, channels: int = 1, **how: Any) -> Camera:
    device_id = new_id(kind=118)
    ids = [new_id(kind=131) for _ in range(channels)]
    items = [channel_item(i, f"通道{n}", parent_id=device_id) for n, i in enumerate(ids)]
    camera = make_camera(device_id, items=items, **how)
    assert camera.register().status == 200
    return camera


def path(camera: Camera, rest: str = "") -> str:
    return f"/api/v1/devices/{camera.device_id}/subscriptions{rest}"


def subscribe(server: Server, camera: Camera, kind: str, **more: object) -> dict[str, Any]:
    answer = server.call("POST", path(camera), {"kind": kind, **more})
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body
    assert found["state"] == "active"
    return found


def alarms(server: Server, camera: Camera, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/alarms", device_id=camera.device_id, **query)[
        "items"
    ]
    return found


# --- subscriptions -----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_catalog_subscription_from_its_begin_to_its_end(
    platform: Server, make_camera: MakeCamera, transport: str
) -> None:
    camera = registered(make_camera, 2, transport=transport)
    found = platform.wait_channels(camera.device_id, 2)
    shown = subscribe(platform, camera, "catalog", expires=900)
    assert shown["event"].startswith("Catalog;id=")
    (asked,) = camera.received("SUBSCRIBE")
    assert asked.msg.header("Expires") == "900"
    assert asked.msg.xml("CmdType") == "Catalog"
    assert asked.msg.header("Contact")

    first, second = (channel["reported_id"] for channel in found)
    new = new_id(kind=131)
    body = camera.reporter.changes(
        f"<Item><DeviceID>{first}</DeviceID><Event>OFF</Event></Item>",
        f"<Item><DeviceID>{second}</DeviceID><Event>UPDATE</Event><Name>改名</Name></Item>",
        f"<Item><DeviceID>{new}</DeviceID><Event>ADD</Event><Name>新机</Name>"
        f"<ParentID>{camera.device_id}</ParentID><Status>ON</Status></Item>",
    )
    assert camera.reporter.send("Catalog", body).status == 200
    after = {c["reported_id"]: c for c in platform.wait_channels(camera.device_id, 3)}
    assert (after[first]["online"], after[second]["online"]) == (False, True)
    assert after[second]["name"] == "改名"
    assert after[second]["longitude"] == 106.2309, "what UPDATE does not name stays"
    assert after[new]["name"] == "新机"

    gone = f"<Item><DeviceID>{new}</DeviceID><Event>DEL</Event></Item>"
    assert camera.reporter.send("Catalog", camera.reporter.changes(gone)).status == 200
    platform.wait_channels(camera.device_id, 2)

    assert platform.call("DELETE", path(camera, "/catalog")).status == 204
    last = camera.received("SUBSCRIBE")[-1].msg
    assert (last.header("Expires"), last.call_id) == ("0", asked.msg.call_id)
    assert last.cseq == asked.msg.cseq + 1
    stray = camera.reporter.send_stray("Catalog;id=1", camera.reporter.changes(gone))
    assert stray.status == 481, "nobody wants it any more"


def test_it_is_refreshed_in_its_dialog_and_begun_anew_when_the_device_forgot(
    launch: Launch, make_camera: MakeCamera
) -> None:
    server = launch()
    camera = registered(make_camera, server=server)
    server.wait_channels(camera.device_id, 1)
    camera.reporter.manners.grant = 10
    subscribe(server, camera, "alarm")
    refresh = camera.wait_received("SUBSCRIBE", count=2, timeout=8).msg
    first = camera.received("SUBSCRIBE")[0].msg
    assert refresh.call_id == first.call_id
    assert (refresh.tag("From"), refresh.cseq) == (first.tag("From"), first.cseq + 1)
    assert refresh.tag("To"), "both tags"
    camera.reporter.manners.forget = True
    again = camera.wait_received("SUBSCRIBE", count=4, timeout=8).msg
    assert again.call_id != first.call_id
    assert not again.tag("To")


def test_a_device_that_refuses_and_one_that_is_mute_and_one_that_is_not_there(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    camera.reporter.manners.status = 403
    answer = platform.call("POST", path(camera), {"kind": "alarm"})
    assert (answer.status, answer.body["error"]["code"]) == (502, "device_refused")
    assert answer.body["error"]["sip_status"] == 403
    camera.reporter.manners.status = 200
    camera.reporter.manners.events = ("Alarm",)
    shown = subscribe(platform, camera, "alarm")
    assert shown["event"].startswith("Alarm"), "489 to presence: the other name is offered"
    camera.unregister()
    answer = platform.call("POST", path(camera), {"kind": "position"})
    assert (answer.status, answer.body["error"]["leg"]) == (409, "device_offline")
    other = f"/api/v1/devices/{new_id()}/subscriptions"
    assert platform.call("POST", other, {"kind": "alarm"}).status == 404
    assert platform.call("POST", path(camera), {"kind": "weather"}).status == 422


def test_a_device_that_registers_again_is_subscribed_to_again(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    subscribe(platform, camera, "catalog")
    old = camera.reporter.of("Catalog")
    camera.unregister()
    platform.wait_online(camera.device_id, False)
    assert camera.register().status == 200
    new = camera.wait_received("SUBSCRIBE", count=2).msg
    assert new.call_id != old.call_id
    late = camera.loop.run_in(
        lambda: camera.reporter.notify(old, camera.reporter.changes().encode())
    ).wait(5)
    assert late.status == 481, "the dialog of before is not known any more"


def test_settings_of_a_device_subscribe_and_end(platform: Server, make_camera: MakeCamera) -> None:
    camera = registered(make_camera)
    device = f"/api/v1/devices/{camera.device_id}"
    patch = {"policy": {"subscribe": ["alarm", "position"], "position_interval": 7}}
    assert platform.call("PATCH", device, patch).status == 200
    camera.wait_received("SUBSCRIBE", count=2)
    bodies = {entry.msg.xml("CmdType"): entry.msg for entry in camera.received("SUBSCRIBE")}
    assert bodies["MobilePosition"].xml("Interval") == "7"
    assert bodies["Alarm"].xml("StartAlarmPriority") == "0"
    wait_for(
        lambda: [s["state"] for s in platform.get(f"/devices/{camera.device_id}/subscriptions")
                 ["items"]] == ["active", "active"],
        "both are active",
    )  # fmt: skip
    assert platform.call("PATCH", device, {"policy": {"subscribe": []}}).status == 200
    camera.wait_received("SUBSCRIBE", match=lambda m: m.header("Expires") == "0", count=2)


def test_after_a_restart_the_dialog_goes_on(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch()
    camera = registered(make_camera, server=server)
    server.wait_channels(camera.device_id, 1)
    subscribe(server, camera, "catalog")
    first = camera.received("SUBSCRIBE")[0].msg
    wait_for(lambda: server.stop() == 0, "it stops", timeout=10)
    server.start()
    refresh = camera.wait_received("SUBSCRIBE", count=2).msg
    assert refresh.call_id == first.call_id
    assert refresh.tag("To") == camera.reporter.of("Catalog").tag
    assert refresh.cseq > first.cseq
    body = camera.reporter.changes(
        f"<Item><DeviceID>{camera.channel_ids()[0]}</DeviceID><Event>VLOST</Event></Item>"
    )
    assert camera.reporter.send("Catalog", body).status == 200
    wait_for(
        lambda: not server.channels(device_id=camera.device_id)[0]["online"], "the picture is lost"
    )


def test_a_notify_nobody_asked_for(platform: Server, make_camera: MakeCamera) -> None:
    camera = registered(make_camera)
    body = camera.reporter.alarm()
    assert camera.reporter.send_stray("presence", body).status == 481
    stranger = make_camera(new_id())
    assert stranger.reporter.send_stray("presence", stranger.reporter.alarm()).status == 481
    subscribe(platform, camera, "alarm")
    answer = camera.reporter.send_stray("presence", body)
    assert answer.status == 200, "wanted, whatever dialog it comes in"
    wait_for(lambda: len(alarms(platform, camera)) == 1, "the alarm is there")


# --- alarms ------------------------------------------------------------------------------------


def test_an_alarm_is_receipted_stored_told_and_acknowledged(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    (channel,) = platform.wait_channels(camera.device_id, 1)
    with platform.events() as stream:
        body = camera.reporter.alarm(channel["reported_id"], sn=77)
        assert camera.message(body).status == 200
        event = next_event(stream, "alarm", device_id=camera.device_id)
    receipt = camera.wait_received("MESSAGE", match=lambda m: m.xml("CmdType") == "Alarm").msg
    assert "<Response>" in receipt.text
    assert (receipt.xml("SN"), receipt.xml("Result")) == ("77", "OK")
    (alarm,) = alarms(platform, camera)
    assert alarm["alarm_id"] == event["data"]["alarm_id"]
    assert alarm["channel_id"] == channel["channel_id"]
    assert (alarm["priority"], alarm["method"], alarm["type"]) == (2, 5, 6)
    assert alarm["type_name"] == {"zh": "入侵检测报警", "en": "intrusion"}
    assert alarm["time"] == "2026-11-22T08:50:01Z", "Beijing time, stored in UTC"
    assert (alarm["longitude"], alarm["description"]) == (106.2781, "入侵检测")
    ack = platform.call("POST", f"/api/v1/alarms/{alarm['alarm_id']}/ack", {"note": "已派人"})
    assert (ack.status, ack.body["acknowledged_by"], ack.body["note"]) == (200, "admin", "已派人")
    assert alarms(platform, camera, acknowledged="false") == []
    assert len(alarms(platform, camera, acknowledged="true")) == 1
    assert platform.call("POST", "/api/v1/alarms/unknown/ack", {}).status == 404


def test_the_same_alarm_twice_is_one_and_both_get_a_receipt(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    subscribe(platform, camera, "alarm")
    body = camera.reporter.alarm(sn=5)
    for _ in range(2):
        assert camera.message(body).status == 200
    assert camera.reporter.send("Alarm", body.replace("<SN>5<", "<SN>6<")).status == 200
    camera.wait_received("MESSAGE", match=lambda m: m.xml("CmdType") == "Alarm", count=2)
    (alarm,) = wait_for(
        lambda: [a for a in alarms(platform, camera) if a["repeats"] == 2], "it was repeated twice"
    )
    assert alarm["sn"] == "5"


def test_alarms_are_found_by_what_they_are(platform: Server, make_camera: MakeCamera) -> None:
    camera = registered(make_camera)
    for number, (priority, method, kind) in enumerate([(1, 2, 1), (2, 5, 2), (4, 6, 1)]):
        time = f"2026-11-2{number}T08:00:00"
        body = camera.reporter.alarm(priority=priority, method=method, type=kind, time=time)
        assert camera.message(body).status == 200

    def kinds(**query: object) -> list[tuple[int, int, int]]:
        return [(a["priority"], a["method"], a["type"]) for a in alarms(platform, camera, **query)]

    assert kinds() == [(4, 6, 1), (2, 5, 2), (1, 2, 1)], "newest first"
    assert kinds(priority=1) == [(1, 2, 1)]
    assert kinds(method=5) == [(2, 5, 2)]
    assert kinds(type=1) == [(4, 6, 1), (1, 2, 1)]
    assert kinds(start="2026-11-21T00:00:00+08:00", end="2026-11-22T00:00:00+08:00") == [(2, 5, 2)]
    bad = platform.call("GET", "/api/v1/alarms?start=2026-11-21T00:00:00")
    assert bad.status == 422


def test_what_is_wrong_with_an_alarm_costs_only_that_field(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    body = camera.reporter.alarm(priority="high", method="9", time="yesterday", type="x")
    assert camera.message(body).status == 200
    (alarm,) = wait_for(lambda: alarms(platform, camera), "it is stored all the same")
    assert (alarm["priority"], alarm["method"], alarm["type"]) == (None, None, None)
    assert (alarm["time_source"], alarm["device_time"]) == ("platform", "yesterday")
    assert alarm["description"] == "入侵检测"
    told = platform.wait_log("alarm.flawed", device_id=camera.device_id)
    assert "AlarmPriority" in told["reason"]


class Hook(http.server.BaseHTTPRequestHandler):
    """A server of somebody else; its answers are a list of statuses."""

    def do_POST(self) -> None:
        hook: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook.got.append((dict(self.headers), body))
        status = hook.answers.pop(0) if hook.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"http://127.0.0.1:{hook.server_address[1]}/x")
        self.send_header("Content-Length", "0")
        self.end_headers()
        hook.came.set()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.answers, server.came = [], [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_rule_posts_a_signed_webhook_and_tries_again(
    platform: Server, make_camera: MakeCamera, hook: Any
) -> None:
    import hashlib
    import hmac

    camera = registered(make_camera)
    hook.answers = [503]
    url = f"http://127.0.0.1:{hook.server_address[1]}/alarms?x=1"
    rule = platform.call(
        "POST",
        "/api/v1/alarm-rules",
        {
            "name": "入侵",
            "match": {"device_ids": [camera.device_id], "types": [6]},
            "actions": [{"action": "webhook", "url": url}],
            "secret": "shared key",
        },
    )
    assert (rule.status, rule.body["has_secret"]) == (201, True)
    assert "secret" not in rule.body
    assert camera.message(camera.reporter.alarm(type=2)).status == 200
    assert camera.message(camera.reporter.alarm(type=6)).status == 200
    wait_for(lambda: len(hook.got) == 2, "the second attempt")
    headers, body = hook.got[1]
    content = json.loads(body)
    assert (content["event"], content["alarm"]["type"]) == ("alarm.raised", 6)
    signed = f"{headers['X-GB28181-Timestamp']}.".encode() + body
    mac = hmac.new(b"shared key", signed, hashlib.sha256).hexdigest()
    assert headers["X-GB28181-Signature"] == f"sha256={mac}"
    assert hook.got[0][0]["X-GB28181-Delivery"] == headers["X-GB28181-Delivery"]
    rule_id = rule.body["rule_id"]
    assert platform.call("DELETE", f"/api/v1/alarm-rules/{rule_id}").status == 204
    assert platform.call("GET", f"/api/v1/alarm-rules/{rule_id}").status == 404


def test_a_webhook_follows_no_redirect_and_a_rule_knows_its_actions(
    platform: Server, make_camera: MakeCamera, hook: Any
) -> None:
    camera = registered(make_camera)
    hook.answers = [302, 200]
    url = f"http://127.0.0.1:{hook.server_address[1]}/"
    rule = {"match": {"device_ids": [camera.device_id]}}
    made = platform.call(
        "POST", "/api/v1/alarm-rules", {**rule, "actions": [{"action": "webhook", "url": url}]}
    )
    assert camera.message(camera.reporter.alarm()).status == 200
    failed = platform.wait_log("alarm.action_failed", action="webhook")
    assert failed["reason"] == "answered 302"
    assert len(hook.got) == 1
    for bad in (
        {"action": "dance"},
        {"action": "webhook"},
        {"action": "webhook", "url": "ftp://a"},
    ):
        answer = platform.call("POST", "/api/v1/alarm-rules", {**rule, "actions": [bad]})
        assert answer.status == 422
    assert platform.call("DELETE", f"/api/v1/alarm-rules/{made.body['rule_id']}").status == 204


def obeyed(sn: str, code: str) -> bytes:
    """The Response to a command."""
    return (
        '<?xml version="1.0"?><Response><CmdType>DeviceControl</CmdType>'
        f"<SN>{sn}</SN><DeviceID>{code}</DeviceID><Result>OK</Result></Response>"
    ).encode()


def test_a_rule_moves_records_and_resets_the_camera(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = registered(make_camera)
    (channel,) = platform.wait_channels(camera.device_id, 1)

    def obey(message: Msg) -> bool:
        if message.xml("RecordCmd") or message.xml("AlarmCmd"):
            sn, code = message.xml("SN"), message.xml("DeviceID")
            camera.post(obeyed(sn, code))
        return False

    camera.on_message = obey
    rule = platform.call(
        "POST",
        "/api/v1/alarm-rules",
        {
            "match": {"channel_ids": [channel["channel_id"]], "methods": [2]},
            "actions": [
                {"action": "preset", "preset": 3},
                {"action": "record", "seconds": 1},
                {"action": "reset"},
            ],
        },
    )
    assert rule.status == 201, rule
    body = camera.reporter.alarm(channel["reported_id"], method=2, type=1)
    assert camera.message(body).status == 200

    def told(element: str, value: str) -> str:
        entry = camera.wait_received("MESSAGE", match=lambda m: m.xml(element) == value)
        return entry.msg.xml("DeviceID")

    assert told("PTZCmd", "A50F01820003003A") == channel["reported_id"]
    assert told("RecordCmd", "Record") == channel["reported_id"]
    assert told("AlarmCmd", "ResetAlarm") == channel["reported_id"]
    assert told("RecordCmd", "StopRecord") == channel["reported_id"]
    assert platform.call("DELETE", f"/api/v1/alarm-rules/{rule.body['rule_id']}").status == 204


# --- positions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [POSITION_2016, POSITION_2022], ids=["2016", "2022"])
@pytest.mark.parametrize("form", ["NOTIFY", "MESSAGE"])
def test_a_position_becomes_a_track(
    platform: Server, make_camera: MakeCamera, template: str, form: str
) -> None:
    camera = registered(make_camera)
    (channel,) = platform.wait_channels(camera.device_id, 1)
    code = channel["reported_id"]
    subscribe(platform, camera, "position", interval=5)
    with platform.events() as stream:
        for minute in (56, 57):
            body = camera.reporter.position(
                template, device_id=code, item_id=code, time=f"2026-11-22T16:{minute}:00"
            )
            answer = (
                camera.reporter.send("MobilePosition", body)
                if form == "NOTIFY"
                else camera.message(body)
            )
            assert answer.status == 200
        event = next_event(stream, "position", device_id=camera.device_id)
    assert event["data"]["channel_id"] == channel["channel_id"]
    track = platform.get(f"/channels/{channel['channel_id']}/positions")
    assert [p["time"] for p in track["items"]] == ["2026-11-22T08:56:00Z", "2026-11-22T08:57:00Z"]
    first = track["items"][0]
    assert (first["longitude"], first["latitude"], first["system"]) == (106.2309, 38.4872, "wgs84")
    assert (first["speed"], first["direction"], first["altitude"]) == (42.0, 90.0, 1110.0)
    part = platform.get(f"/devices/{camera.device_id}/positions", start="2026-11-22T16:56:30+08:00")
    assert part["total"] == 1


def test_coordinates_stay_as_reported(platform: Server, make_camera: MakeCamera) -> None:
    camera = registered(make_camera)
    device = f"/api/v1/devices/{camera.device_id}"
    assert platform.call("PATCH", device, {"policy": {"coordinates": "gcj02"}}).status == 200
    assert camera.message(camera.reporter.position()).status == 200
    nowhere = camera.reporter.position(longitude=0, latitude=0, time="2026-11-22T17:00:00")
    assert camera.message(nowhere).status == 200
    (found,) = platform.get(f"/devices/{camera.device_id}/positions")["items"]
    assert (found["longitude"], found["latitude"], found["system"]) == (106.2309, 38.4872, "gcj02")
    assert 0.002 < 106.2309 - found["wgs84"]["longitude"] < 0.008


@pytest.mark.slow
def test_ten_thousand_alarms_in_ten_seconds(launch: Launch, make_camera: MakeCamera) -> None:
    """Each is answered and stored once, under its own SN; memory is bounded, others are served."""
    server = launch()
    camera = registered(make_camera, server=server)
    other = registered(make_camera, server=server)
    server.wait_channels(camera.device_id, 1)
    before = server.rss()
    began, count, answers = time.monotonic(), 10_000, []
    for number in range(count):
        body = camera.reporter.alarm(sn=number, description=f"no {number}", method=6, type=1)
        answers.append(camera.post(body.encode("gb18030")))
        ahead = number / 1000 - (time.monotonic() - began)
        if ahead > 0.01:
            time.sleep(ahead)
    assert other.keepalive().status == 200
    asked = time.monotonic()
    assert server.call("GET", "/api/v1/devices?limit=1").status == 200
    waited = time.monotonic() - asked
    assert [answer.wait(30).status for answer in answers] == [200] * count
    found: dict[str, str] = {}
    for offset in range(0, count, 1000):
        for alarm in alarms(server, camera, limit=1000, offset=offset):
            assert alarm["alarm_id"] not in found
            found[alarm["alarm_id"]] = alarm["description"]
            assert alarm["description"] == f"no {alarm['sn']}"
    assert sorted(found.values()) == sorted(f"no {n}" for n in range(count))
    assert waited < 2.0
    assert server.rss() - before < 150 * 2**20
    assert server.log_events("alarm.dropped") == []
