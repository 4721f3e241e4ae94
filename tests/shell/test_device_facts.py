"""Health, clock, reach, redirection and place of devices in the registry, with a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sip.headers import Headers
from sip.message import Request
from tests.shell.device_support import (
    CAMERA,
    CIVIL,
    NVR,
    SERVER,
    World,
    catalog_body,
    item,
    tcp,
    udp,
    world,
)

OTHER_SERVER = "64020000002000000002"
ELSEWHERE = f"{OTHER_SERVER}@192.0.2.99:5060"


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


def keepalive(status: str = "OK", faulty: str = "") -> bytes:
    info = f"<Info><DeviceID>{faulty}</DeviceID></Info>" if faulty else ""
    return (
        '<?xml version="1.0"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n<SN>1</SN>\r\n'
        f"<DeviceID>{CAMERA}</DeviceID>\r\n<Status>{status}</Status>\r\n{info}</Notify>"
    ).encode()


async def test_a_heartbeat_with_error_and_faulty_children_is_shown_and_recovers(one: World) -> None:
    one.login()
    assert one.message(keepalive("ERROR", "64010400001320000012")).status == 200
    view = one.service.view(CAMERA)
    assert (view.healthy, view.faulty, view.online) == (False, ("64010400001320000012",), True)
    assert one.message(keepalive()).status == 200
    view = one.service.view(CAMERA)
    assert (view.healthy, view.faulty) == (True, ())


@pytest.mark.clause("GB/T 28181-2022", "9.10")
async def test_the_clock_is_measured_by_the_date_of_a_register(one: World) -> None:
    one.login(extra="Date: 2026-11-22T16:02:05.000")
    view = one.service.view(CAMERA)
    assert view.clock is not None
    assert (view.clock.error_s, view.clock.source) == (125.0, "date")
    assert "clock: 125 s ahead (date)" in view.config_warnings
    one.login(extra="Date: Sun, 22 Nov 2026 08:00:01 GMT")
    view = one.service.view(CAMERA)
    assert view.clock is not None
    assert abs(view.clock.error_s) < 5
    assert not any(note.startswith("clock") for note in view.config_warnings)


def alarm(at: datetime) -> bytes:
    text = (at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f"<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID>"
        f"<AlarmPriority>1</AlarmPriority><AlarmMethod>2</AlarmMethod><AlarmTime>{text}</AlarmTime>"
        "</Notify>"
    ).encode()


async def test_times_of_events_count_while_nothing_better_is_known(one: World) -> None:
    one.login()
    one.message(alarm(CIVIL - timedelta(hours=3)))
    assert one.service.view(CAMERA).clock is None, "a late report says nothing"
    one.message(alarm(CIVIL + timedelta(seconds=90)))
    clock = one.service.view(CAMERA).clock
    assert clock is not None
    assert clock.source == "alarm"
    assert clock.error_s == pytest.approx(90, abs=3)
    one.login(extra="Date: 2026-11-22T16:00:00.000")
    one.message(alarm(CIVIL + timedelta(seconds=90)))
    clock = one.service.view(CAMERA).clock
    assert clock is not None
    assert clock.source == "date"


@pytest.mark.clause("GB/T 28181-2022", "9.10")
async def test_the_clock_is_measured_by_the_status_of_a_device(one: World) -> None:
    one.login()
    one.message(
        (
            "<Response><CmdType>DeviceStatus</CmdType><SN>7</SN>"
            f"<DeviceID>{CAMERA}</DeviceID><Result>OK</Result><Online>ONLINE</Online>"
            "<Status>OK</Status><DeviceTime>2026-11-22T15:59:30</DeviceTime></Response>"
        ).encode()
    )
    clock = one.service.view(CAMERA).clock
    assert clock is not None
    assert (clock.error_s, clock.source) == (-30.0, "device_status")


async def test_the_error_of_the_clock_outlives_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as first:
        first.login(extra="Date: 2026-11-22T15:59:00.000")
    async with world(tmp_path) as second:
        clock = second.service.view(CAMERA).clock
        assert clock is not None
        assert clock.error_s == -60.0


async def test_round_trips_reach_the_device_by_name_or_by_place(one: World) -> None:
    one.login(flow=udp("192.0.2.64", 5060))

    def request(user: str) -> Request:
        return Request("INVITE", "sip:x@h", Headers([("To", f"<sip:{user}@6401000000>")]), b"")

    one.service.round_trip(request(CAMERA), udp("192.0.2.1"), 0.05)
    assert one.service.view(CAMERA).nat.round_trip_ms == 50.0
    one.service.round_trip(request("64010400001320000099"), udp("192.0.2.64", 5060), None)
    assert one.service.view(CAMERA).nat.unanswered == 1
    one.service.round_trip(request("64010400001320000099"), udp("192.0.2.77"), None)
    assert one.service.view(CAMERA).nat.unanswered == 1


async def test_round_trips_by_place_go_on_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as first:
        first.login(flow=udp("192.0.2.64", 5060))
    async with world(tmp_path) as second:
        to = Headers([("To", "<sip:64010400001320000099@6401000000>")])
        request = Request("INVITE", "sip:x@h", to, b"")
        second.service.round_trip(request, udp("192.0.2.64", 5060), 0.02)
        assert second.service.view(CAMERA).nat.round_trip_ms == 20.0


async def test_a_try_that_failed_is_remembered_until_it_succeeds(one: World) -> None:
    one.register()
    found = one.service.attempt(CAMERA)
    assert found is not None
    assert found.reason == "challenged"
    one.login()
    assert one.service.attempt(CAMERA) is None


# --- redirection ----------------------------------------------------------------------------------


@pytest.mark.clause("GB/T 28181-2022", "9.1.2.3")
async def test_a_2022_device_is_sent_elsewhere_and_an_older_one_is_not(tmp_path: Path) -> None:
    async with world(tmp_path, redirect=ELSEWHERE) as one:
        answer = one.login(version="3.0")
        assert answer.status == 302
        assert answer.headers.get("Contact") == f"<sip:{ELSEWHERE}>"
        assert answer.headers.get("Expires") == "3600"
        assert answer.headers.get("X-GB-Ver") == "3.0"
        assert one.service.device(CAMERA) is None
        assert one.login(NVR, version="2.0").status == 200
        assert one.login("64010400001320000077").status == 200


async def test_nobody_is_redirected_without_the_right_password(tmp_path: Path) -> None:
    async with world(tmp_path, redirect=ELSEWHERE) as one:
        assert one.register(version="3.0").status == 401
        assert one.login(password="wrong", version="3.0").status == 403


async def test_a_device_may_have_a_server_of_its_own_and_goes_offline_here(one: World) -> None:
    one.login(flow=tcp(1))
    assert one.service.view(CAMERA).online
    await one.service.update(CAMERA, {"redirect": ELSEWHERE})
    assert one.login(flow=tcp(1)).status == 302
    view = one.service.view(CAMERA)
    assert (view.online, view.cause) == (False, "unregistered")
    await one.service.update(CAMERA, {"redirect": None})
    assert one.login(flow=tcp(1)).status == 200
    assert one.service.view(CAMERA).online


async def test_a_device_is_never_sent_to_where_it_is(tmp_path: Path) -> None:
    async with world(tmp_path, redirect=f"{SERVER}@192.0.2.1:5060") as one:
        assert one.login(version="3.0").status == 200


async def test_a_redirected_device_may_still_unregister(tmp_path: Path) -> None:
    async with world(tmp_path, redirect=ELSEWHERE) as one:
        assert one.login(version="3.0", expires=0).status == 200


# --- place ----------------------------------------------------------------------------------------


async def test_a_city_given_later_moves_the_channels(one: World) -> None:
    one.login()
    sn = await one.catalog_sn()
    one.message(catalog_body(CAMERA, sn, 1, [item(CAMERA, CivilCode="640104")]))
    assert one.service.view(CAMERA).channel_count == 1
    await one.service.update(CAMERA, {"place": "6402"})
    totals = {code: one.service.tree.node(code) for code in ("6401", "6402")}
    assert {code: node and node.total for code, node in totals.items()} == {"6401": 0, "6402": 1}
    channel = one.service.channel(CAMERA)
    assert channel is not None
    assert (channel.city, channel.place_step) == ("6402", "operator")
    await one.service.update(CAMERA, {"place": None})
    channel = one.service.channel(CAMERA)
    assert channel is not None
    assert channel.county == "640104"
