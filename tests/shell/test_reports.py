"""Subscriptions, alarms and positions on a real registry and store, without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gb28181.alarms.service import AlarmService
from gb28181.cluster.bus import Bus
from gb28181.positions.service import PositionService
from gb28181.store.alarms import AlarmFilter
from gb28181.store.records import AlarmRecord, utc_now
from gb28181.store.store import Store
from gb28181.subscribe.incoming import Incoming
from gb28181.subscribe.kinds import Kind
from gb28181.subscribe.service import Subscriber
from sip.errors import TransactionTimeout
from sip.message import Request
from tests.shell.device_support import (
    CAMERA,
    NVR,
    SERVER,
    CatalogQuery,
    FakeTx,
    World,
    catalog_body,
    item,
    udp,
    world,
)

pytestmark = [
    pytest.mark.clause("RFC 6665", "4.1"),
    pytest.mark.clause("GB/T 28181-2016", "9.4"),
    pytest.mark.clause("GB/T 28181-2016", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "9.11"),
    pytest.mark.clause("GB/T 28181-2022", "annex N"),
]

CAM1, CAM2, CAM3 = (f"6401060000132000000{n}" for n in (1, 2, 3))


class Reporting:
    """What devices report, on top of a world."""

    def __init__(self, gb: World) -> None:
        self.gb = gb
        service = gb.service
        store: Store = service._store
        bus: Bus = gb.events._bus
        clock = service._clock
        sip = gb.sip
        self.store = store
        self.subscriber = Subscriber(service, sip, store, bus, clock)  # type: ignore[arg-type]
        self.incoming = Incoming(self.subscriber, service, clock)
        self.alarms = AlarmService(service, sip, store, bus, clock)  # type: ignore[arg-type]
        self.positions = PositionService(service, store, bus, clock)
        self.incoming.on_message += [self.alarms.on_notify, self.positions.on_message]
        self.incoming_cseq = 0

    def subscribes(self) -> list[Request]:
        return [request for request, _ in self.gb.sip.sent if request.method == "SUBSCRIBE"]

    def state(self, kind: Kind, device_id: str = CAMERA) -> str:
        entry = self.subscriber.entry(device_id, kind)
        return "none" if entry is None else entry.machine.state.name.lower()

    def notify(
        self, call_id: str, body: bytes, *, tag: str = "x", state: str = "active", cseq: int = 0
    ) -> FakeTx:
        self.incoming_cseq = cseq or self.incoming_cseq + 1
        text = f"""
NOTIFY sip:{SERVER}@10.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 10.9.9.9:5060;rport;branch=z9hG4bKn{self.incoming_cseq}
From: <sip:{CAMERA}@6401000000>;tag=dev
To: <sip:{SERVER}@6401000000>;tag={tag}
Call-ID: {call_id}
CSeq: {self.incoming_cseq} NOTIFY
Event: presence
Subscription-State: {state}
Content-Type: Application/MANSCDP+xml
"""
        tx = self.gb.message_of(text, udp(), body)
        self.incoming.on_notify(tx)  # type: ignore[arg-type]
        return tx

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def reporting(folder: Path, **options: Any) -> AsyncIterator[Reporting]:
    async with world(folder, auto_query=False, **options) as gb:
        found = Reporting(gb)
        await found.subscriber.start()
        found.subscriber.begin()
        try:
            yield found
        finally:
            await found.alarms.aclose()
            await found.subscriber.aclose()


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Reporting]:
    async with reporting(tmp_path) as found:
        found.gb.login()
        yield found


def alarm_body(
    sn: int, *, time_: str = "2026-11-22T16:00:00", text: str = "", code: str = CAMERA
) -> bytes:
    return (
        f"<Notify><CmdType>Alarm</CmdType><SN>{sn}</SN><DeviceID>{code}</DeviceID>"
        f"<AlarmPriority>1</AlarmPriority><AlarmMethod>2</AlarmMethod><AlarmTime>{time_}</AlarmTime>"
        f"<AlarmDescription>{text}</AlarmDescription></Notify>"
    ).encode()


# --- subscriptions -------------------------------------------------------------------------------


async def test_settings_begin_refresh_and_end_a_subscription(there: Reporting) -> None:
    gb = there.gb
    await gb.service.update(CAMERA, {"subscribe": ["alarm"]})
    await there.settle()
    assert there.state(Kind.ALARM) == "active"
    gb.now.advance(540)
    gb.keepalive()
    there.subscriber.expire()
    await there.settle()
    first, refresh = there.subscribes()
    assert (refresh.call_id, refresh.cseq.number) == (first.call_id, 2)
    assert (refresh.from_.tag, refresh.to.tag) == (first.from_.tag, "dev")
    assert refresh.headers.get("Event") == first.headers.get("Event")
    assert refresh.headers.get("Contact") == f"<sip:{SERVER}@10.0.0.1:5060>"
    await gb.service.update(CAMERA, {"subscribe": []})
    await there.settle()
    last = there.subscribes()[-1]
    assert (last.headers.get("Expires"), last.cseq.number) == ("0", 3)
    assert there.state(Kind.ALARM) == "closed"


async def test_a_mute_device_is_asked_again_ever_later(there: Reporting) -> None:
    gb = there.gb
    gb.sip.status = lambda _: TransactionTimeout("mute")
    await gb.service.update(CAMERA, {"subscribe": ["alarm"]})
    for wait in (5, 10, 20):
        await there.settle()
        assert there.state(Kind.ALARM) == "waiting"
        gb.now.advance(wait - 0.1)
        there.subscriber.expire()
        assert there.state(Kind.ALARM) == "waiting"
        gb.now.advance(0.1)
        there.subscriber.expire()
    await there.settle()
    assert len(there.subscribes()) == 4
    assert len({request.call_id for request in there.subscribes()}) == 4


async def test_offline_rests_and_the_next_registration_begins_anew(there: Reporting) -> None:
    gb = there.gb
    await gb.service.update(CAMERA, {"subscribe": ["catalog"]})
    await there.settle()
    old = there.subscribes()[0].call_id
    gb.register(expires=0)
    if gb.state() == "online":
        gb.login(expires=0)
    assert there.state(Kind.CATALOG) == "idle"
    gb.now.advance(10_000)
    there.subscriber.expire()
    assert len(there.subscribes()) == 1
    gb.login()
    await there.settle()
    assert there.state(Kind.CATALOG) == "active"
    assert there.subscribes()[-1].call_id != old
    assert there.notify(old, b"").status == 481
    assert there.notify(old, b"", state="terminated;reason=timeout").status == 200


async def test_a_registration_with_another_call_id_is_looked_after(there: Reporting) -> None:
    """A device that restarted within its heartbeats is noticed by its registration."""
    gb = there.gb
    await gb.service.update(CAMERA, {"subscribe": ["alarm"]})
    await there.settle()
    gb.login()
    await there.settle()
    assert len(there.subscribes()) == 1, "the same Call-ID: the same boot"
    gb.sip.status = lambda request: 481 if request.to.tag else 200
    there.subscriber._registered(CAMERA, "another")
    await there.settle()
    assert [bool(request.to.tag) for request in there.subscribes()] == [False, True, False]
    assert there.state(Kind.ALARM) == "active"


async def test_removing_a_device_forgets_its_subscriptions(there: Reporting) -> None:
    await there.gb.service.update(CAMERA, {"subscribe": ["alarm"]})
    await there.settle()
    await there.gb.service.delete(CAMERA)
    assert there.subscriber.count_by_state()["active"] == 0
    assert there.subscriber.entry(CAMERA, Kind.ALARM) is None
    await there.store.flush()
    assert await there.store.load_subscriptions() == []


async def test_the_next_run_goes_on_in_the_dialog_or_ends_it(tmp_path: Path) -> None:
    async with reporting(tmp_path) as before:
        before.gb.login()
        await before.gb.service.update(CAMERA, {"subscribe": ["alarm", "catalog"]})
        await before.settle()
        calls = {request.call_id for request in before.subscribes()}
    async with world(tmp_path, auto_query=False) as gb:
        await gb.service.update(CAMERA, {"subscribe": ["alarm"]})
        after = Reporting(gb)
        await after.subscriber.start()
        assert after.subscribes() == [], "nothing is sent before the endpoint is open"
        after.subscriber.begin()
        await after.settle()
        sent = {request.headers.get("Expires"): request for request in after.subscribes()}
        assert set(sent) == {"600", "0"}
        assert {request.call_id for request in sent.values()} == calls
        assert all(request.cseq.number > 1 for request in sent.values())
        assert all(request.to.tag == "dev" for request in sent.values())
        await after.subscriber.aclose()


async def test_notify_in_and_out_of_dialogs(there: Reporting) -> None:
    gb = there.gb
    await gb.service.update(CAMERA, {"subscribe": ["alarm"]})
    await there.settle()
    first = there.subscribes()[0]
    call_id, tag = first.call_id, first.from_.tag or ""
    assert there.notify(call_id, alarm_body(1), tag=tag, cseq=5).status == 200
    assert there.notify(call_id, alarm_body(2, text="old"), tag=tag, cseq=4).status == 500
    assert there.notify(call_id, b"<Notify>", tag=tag, cseq=6).status == 400
    assert there.notify(call_id, b"", tag=tag, cseq=7).status == 200, "no body is allowed"
    assert there.notify(call_id, alarm_body(1), tag="sloppy", cseq=1).status == 200
    assert there.notify("stranger", alarm_body(3, text="wanted")).status == 200
    position = b"<Notify><CmdType>MobilePosition</CmdType><SN>1</SN></Notify>"
    assert there.notify("stranger", position).status == 481, "nobody wants positions of it"
    assert there.alarms.counters.stored == 2
    assert gb.sip.sent[-1][0].method == "SUBSCRIBE", "a NOTIFY is owed no receipt"


async def test_catalog_changes_reach_the_tree(there: Reporting) -> None:
    gb = there.gb
    gb.login(NVR, udp(port=7001))
    changes = "".join(
        item(code, f"通道{n}", Event="ADD", Status="ON") for n, code in enumerate((CAM1, CAM2))
    )

    def body(items: str) -> bytes:
        return (
            f"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID>"
            f"<SumNum>1</SumNum><DeviceList Num='1'>{items}</DeviceList></Notify>"
        ).encode("gb18030")

    assert gb.message(body(changes), NVR, udp(port=7001)).status == 200
    device = gb.service.device(NVR)
    assert device is not None
    async with asyncio.timeout(5):
        while len(device.channels) < 2:
            await asyncio.sleep(0.01)
    gb.message(
        body(f"<Item><DeviceID>{CAM1}</DeviceID><Event>DEL</Event></Item>"), NVR, udp(port=7001)
    )
    async with asyncio.timeout(5):
        while len(device.channels) > 1:
            await asyncio.sleep(0.01)
    assert set(device.channels) == {CAM2}
    await there.store.flush()
    rows = {row.reported_id: row for row in await there.store.load_channels()}
    assert (rows[CAM1].present, rows[CAM1].channel_id) == (False, CAM1), "its public id is kept"


# --- alarms --------------------------------------------------------------------------------------


async def test_a_flood_of_alarms_is_bounded_and_none_is_stored_wrongly(there: Reporting) -> None:
    """10,000 alarms, every tenth one twice: each stored once, none mixed up with another."""
    gb, count = there.gb, 10_000
    gb.sip.status = lambda _: 200
    for number in range(count):
        body = alarm_body(number, text=f"no {number - number % 10 if number % 10 == 9 else number}")
        assert gb.message(body).status == 200
        if number % 100 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        found, total = await there.alarms.find(AlarmFilter(device_id=CAMERA), limit=1000)
        receipts = 0
        while receipts < count:
            await asyncio.sleep(0.01)
            receipts = sum(request.method == "MESSAGE" for request, _ in gb.sip.sent)
    counters = there.alarms.counters
    assert (counters.received, counters.stored, counters.repeated) == (count, 9_000, 1_000)
    assert total == 9_000
    assert counters.over_budget == there.alarms.receipts.dropped == there.store.dropped == 0
    every = list(found)
    for offset in range(1000, total, 1000):
        page, _ = await there.alarms.find(AlarmFilter(), limit=1000, offset=offset)
        every += page
    assert sorted(int(a.description[3:]) for a in every) == [n for n in range(count) if n % 10 != 9]
    assert all(a.sn == a.description[3:] for a in every), "each with its own SN"
    assert sum(a.repeats for a in every) == 1_000


async def test_a_device_beyond_its_share_is_dropped_and_counted(there: Reporting) -> None:
    there.alarms._budget._burst = 50.0
    for number in range(200):
        there.gb.message(alarm_body(number, text=str(number)))
    counters = there.alarms.counters
    assert (counters.received, counters.stored, counters.over_budget) == (200, 50, 150)
    assert (await there.alarms.find(AlarmFilter()))[1] == 50


async def test_acknowledging_survives_a_repetition(there: Reporting) -> None:
    there.gb.message(alarm_body(1))
    (alarm,), _ = await there.alarms.find(AlarmFilter())
    await there.alarms.acknowledge(alarm.alarm_id, "admin", "seen")
    there.gb.message(alarm_body(2))
    again = await there.alarms.get(alarm.alarm_id)
    assert (again.acknowledged_by, again.note, again.repeats) == ("admin", "seen", 1)
    other = await there.alarms.acknowledge(alarm.alarm_id, "viewer", "")
    assert other.acknowledged_by == "admin", "the first one stands"


async def test_an_alarm_of_the_run_before_is_still_the_same(tmp_path: Path) -> None:
    for _ in range(2):
        async with reporting(tmp_path) as found:
            found.gb.login()
            found.gb.message(alarm_body(1))
            assert (await found.alarms.find(AlarmFilter()))[1] == 1


async def test_an_alarm_names_only_channels_of_its_own_device(there: Reporting) -> None:
    gb = there.gb
    gb.login(NVR, udp(port=7001))
    heard: list[AlarmRecord] = []
    there.alarms.on_alarm.append(heard.append)
    gb.message(alarm_body(1, code=CAMERA), NVR, udp(port=7001))
    assert (heard[0].device_id, heard[0].reported_id, heard[0].channel_id) == (NVR, CAMERA, "")


async def test_what_is_past_its_retention_goes(there: Reporting) -> None:
    there.gb.message(alarm_body(1))
    there.gb.message(
        b"<Notify><CmdType>MobilePosition</CmdType><SN>1</SN><DeviceID>"
        + CAMERA.encode()
        + b"</DeviceID><Longitude>106.1</Longitude><Latitude>38.1</Latitude></Notify>"
    )
    await there.store.flush()
    now = utc_now()
    assert await there.store.alarms.purge(now) + await there.store.tracks.purge(now) == 0
    later = now.replace(year=now.year + 3)
    assert await there.store.alarms.purge(later) == 1
    assert await there.store.tracks.purge(later) == 1


async def test_changes_told_while_a_catalog_comes_in_are_not_lost(tmp_path: Path) -> None:
    """What is told after its page counts; what a page says after it was told counts, too."""
    async with world(tmp_path) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()

        def change(code: str, event: str) -> bytes:
            return (
                f"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID>"
                f"<SumNum>1</SumNum><DeviceList Num='1'><Item><DeviceID>{code}</DeviceID>"
                f"<Event>{event}</Event></Item></DeviceList></Notify>"
            ).encode()

        gb.message(catalog_body(NVR, sn, 3, [item(CAM1, "一", Status="ON")]), NVR)
        gb.message(change(CAM1, "OFF"), NVR)
        gb.message(change(CAM2, "ON"), NVR)
        gb.message(change(CAM2, "OFF"), NVR)
        gb.message(catalog_body(NVR, sn, 3, [item(CAM2, "二", Status="ON")]), NVR)
        gb.message(change(CAM3, "DEL"), NVR)
        gb.message(catalog_body(NVR, sn, 3, [item(CAM3, "三", Status="ON")]), NVR)
        device = gb.service.device(NVR)
        assert device is not None
        async with asyncio.timeout(5):
            while device.record.catalog_at is None:
                await asyncio.sleep(0.01)
        on = {code: found.status_on for code, found in device.items.items()}
        assert on == {CAM1: False, CAM2: True, CAM3: True}


async def test_an_unknown_item_asks_for_the_catalog_but_not_all_the_time(tmp_path: Path) -> None:
    async with world(tmp_path, auto_query=False) as gb:
        gb.login(NVR)
        body = (
            f"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID><SumNum>1"
            f"</SumNum><DeviceList Num='1'><Item><DeviceID>{CAM1}</DeviceID><Event>ON</Event>"
            "</Item></DeviceList></Notify>"
        ).encode()
        gb.message(body, NVR)
        await gb.asked(CatalogQuery)
        device = gb.service.device(NVR)
        assert device is not None
        async with asyncio.timeout(5):
            while CAM1 not in device.channels:
                await asyncio.sleep(0.01)
        gb.message(body.replace(CAM1.encode(), CAM2.encode()), NVR)
        await asyncio.sleep(0.05)
        assert len(gb.sip.queries(CatalogQuery)) == 1
