"""Stop and start: what a run leaves behind is what the next one knows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from catalog.query import ChannelFilter
from gb28181.store import Store, StoreOptions
from tests.shell.device_support import (
    CAMERA,
    CIVIL,
    NVR,
    World,
    catalog_body,
    item,
    tcp,
    udp,
    world,
)
from tests.support.clock import FakeClock

CAM1, CAM2 = "64010600001320000001", "64010600001320000002"
DAY = timedelta(days=1)


async def fill(gb: World) -> None:
    gb.login(NVR)
    gb.message(
        catalog_body(
            NVR,
            await gb.catalog_sn(),
            3,
            [
                item("640106", "金凤区"),
                item(CAM1, "一号", CivilCode="640106"),
                item(CAM2, "二号", Status="OFF"),
            ],
        ),
        NVR,
    )
    assert (await gb.service.query_catalog(NVR)).complete


def shape(gb: World) -> object:
    tree = gb.service.tree
    views, _ = gb.service.channels(ChannelFilter())
    return [tree.node(code) for code in (None, "6401", "640106", NVR)], views


async def test_the_tree_is_as_before_and_nobody_is_asked(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now) as gb:
        await fill(gb)
        gb.keepalive(NVR)
        before = shape(gb)
    now.advance(600)
    async with world(tmp_path, now) as gb:
        assert shape(gb) == before
        assert gb.service.flow_of(NVR) == udp()
        assert gb.keepalive(NVR).status == 200, "the stored registration still holds"
        assert gb.states == []
        assert gb.sip.sent == []


async def test_every_device_has_one_full_heartbeat_deadline(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.login(expires=60)
        gb.login(NVR, udp(port=7001))
    now.advance(3000)
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.pass_time(179)
        assert gb.keepalive().status == 403, "its registration ran out while we were away"
        assert gb.state() == "online"
        assert gb.login().status == 200
        gb.pass_time(10)
        assert gb.state() == "online"
        assert gb.state(NVR) == "offline"
        assert gb.states == [(NVR, "offline", "heartbeat_missed")]


async def test_a_device_on_tcp_is_online_without_a_flow_until_it_speaks(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.login(flow=tcp(1))
        gb.login(NVR, tcp(2, port=40002))
    async with world(tmp_path, now, auto_query=False) as gb:
        assert gb.state() == "online"
        assert gb.service.flow_of(CAMERA) is None
        assert gb.keepalive(flow=tcp(7, port=40007)).status == 200
        assert gb.service.flow_of(CAMERA) == tcp(7, port=40007)
        gb.login(NVR, tcp(8, port=40008))
        assert gb.states == [(CAMERA, "online", "reconnected"), (NVR, "online", "reconnected")]


async def test_intervals_tell_the_story_and_our_absence_is_nobodys(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.login()
        gb.pass_time(100)
        gb.login(expires=0)
        gb.pass_time(50)
        gb.login()
    now.advance(500)
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.pass_time(200)
        found, total = await gb.service.intervals(CAMERA, CIVIL - DAY, CIVIL + DAY)
        story = [
            (i.state, i.cause, (i.start - CIVIL).total_seconds(), i.end and (i.end - CIVIL).seconds)
            for i in found
        ]
        assert total == 4
        assert story == [
            ("online", "registered", 0, 100),
            ("offline", "unregistered", 100, 150),
            ("online", "registered", 150, 850),
            ("offline", "heartbeat_missed", 850, None),
        ]
        assert all(interval.cause != "platform" for interval in found)


async def test_public_ids_do_not_depend_on_who_registers_first(tmp_path: Path) -> None:
    other = "64010600001180000002"
    now = FakeClock()
    async with world(tmp_path, now) as gb:
        for number, (device_id, port) in enumerate(((NVR, 5060), (other, 5070)), 1):
            gb.login(device_id, udp(port=port))
            sn = await gb.catalog_sn(number)
            gb.message(catalog_body(device_id, sn, 1, [item(CAM1)]), device_id, udp(port=port))
            await gb.service.query_catalog(device_id)
        before = {v.device_id: v.channel_id for v in gb.service.channels(ChannelFilter())[0]}
    now.advance(10_000)
    async with world(tmp_path, now) as gb:
        gb.pass_time(10_000)
        gb.login(other, udp(port=5070))
        sn = await gb.catalog_sn(1)
        gb.message(catalog_body(other, sn, 1, [item(CAM1)]), other, udp(port=5070))
        await gb.service.query_catalog(other)
        after = {v.device_id: v.channel_id for v in gb.service.channels(ChannelFilter())[0]}
        assert after == before


async def test_an_empty_catalog_is_remembered(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now) as gb:
        gb.login()
        gb.message(catalog_body(CAMERA, await gb.catalog_sn(), 0, []))
        await gb.service.query_catalog(CAMERA)
    async with world(tmp_path, now) as gb:
        assert gb.service.route(CAMERA) is not None
        assert gb.service.device(CAMERA).items == {}  # type: ignore[union-attr]


async def test_another_region_takes_effect_at_the_next_start(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now) as gb:
        await fill(gb)
    async with world(tmp_path, now, region="34", auto_query=False) as gb:
        assert gb.service.tree.root == "34"
        assert gb.service.channels(ChannelFilter())[1] == 2


async def test_heartbeat_times_last(tmp_path: Path) -> None:
    now = FakeClock()
    async with world(tmp_path, now, auto_query=False) as gb:
        gb.login()
        gb.now.advance(30)
        gb.keepalive()
    async with world(tmp_path, now, auto_query=False) as gb:
        assert gb.service.view(CAMERA).last_keepalive_at == CIVIL + timedelta(seconds=30)


async def test_rows_that_contradict_each_other_do_not_stop_the_start(tmp_path: Path) -> None:
    """As after kill -9 between two batches, or two nodes on one database."""
    now = FakeClock()
    async with world(tmp_path, now) as gb:
        await fill(gb)
    store = await Store.open(None, tmp_path, StoreOptions(flush_interval_s=0.01))
    rows = {row.reported_id: row for row in await store.load_channels()}
    rows[CAM2].channel_id = CAM1
    store.put_channels([rows[CAM2]])
    (registration,) = await store.load_registrations()
    registration.state = "nonsense"
    store.put_registration(registration)
    await store.aclose()
    async with world(tmp_path, now, auto_query=False) as gb:
        views, total = gb.service.channels(ChannelFilter())
        assert total == 2
        assert {v.reported_id: v.channel_id == v.reported_id for v in views}[CAM1]
        assert gb.state(NVR) == "offline"
        found, _ = await gb.service.intervals(NVR, CIVIL - DAY, CIVIL + DAY)
        assert [i.state for i in found] == ["online", "offline"]
