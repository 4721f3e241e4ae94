"""MESSAGE through the whole registry: heartbeats, lost connections, bad bodies, catalogs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catalog.query import ChannelFilter
from catalog.sync import Outcome
from gb28181.errors import DeviceRefused, LegFailed
from gb28181.manscdp import DeviceInfoQuery, GenericMessage, Message
from sip.errors import TransactionTimeout, TransportFailed
from tests.shell.device_support import (
    CAMERA,
    NVR,
    CatalogQuery,
    World,
    catalog_body,
    info_body,
    item,
    keepalive_body,
    tcp,
    udp,
    world,
)
from tests.support.logs import captured

CAM1, CAM2, CAM3 = (f"6401060000132000000{n}" for n in (1, 2, 3))


@pytest.fixture
async def gb(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, auto_query=False) as opened:
        yield opened


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as opened:
        yield opened


# --- heartbeats --------------------------------------------------------------------------------


@pytest.mark.clause("GB/T 28181-2022", "9.6.1")
async def test_heartbeats_keep_a_device_online_and_silence_ends_it(gb: World) -> None:
    gb.login()
    for _ in range(10):
        gb.pass_time(60)
        assert gb.keepalive().status == 200
    gb.pass_time(179)
    assert gb.state() == "online"
    gb.pass_time(10)
    assert gb.state() == "offline"
    assert gb.states[-1] == (CAMERA, "offline", "heartbeat_missed")
    assert gb.keepalive().status == 403, "it has to register again"
    assert gb.login().status == 200


async def test_a_registration_that_is_not_refreshed_ends(gb: World) -> None:
    gb.login(expires=100)
    gb.pass_time(60)
    gb.keepalive()
    gb.pass_time(41)
    assert gb.states[-1] == (CAMERA, "offline", "registration_expired")


async def test_a_heartbeat_of_nobody_is_403(gb: World) -> None:
    assert gb.keepalive().status == 403
    assert gb.service.device(CAMERA) is None


async def test_heartbeat_settings_are_per_device(gb: World) -> None:
    gb.login()
    gb.login(NVR, udp(port=7001))
    await gb.service.update(CAMERA, {"keepalive_interval": 10, "keepalive_count": 2})
    gb.pass_time(22)
    assert gb.state() == "offline"
    assert gb.state(NVR) == "online"


async def test_any_message_of_the_device_counts_as_life(gb: World) -> None:
    gb.login()
    body = keepalive_body(CAMERA, 1).replace(b"Keepalive", b"Alarm")
    for _ in range(3):
        gb.pass_time(120)
        assert gb.message(body).status == 200
    assert gb.state() == "online"
    assert gb.service.view(CAMERA).last_keepalive_at is None


async def test_a_heartbeat_from_another_port_moves_the_binding(gb: World) -> None:
    gb.login()
    assert gb.keepalive(flow=udp(port=6001)).status == 200
    assert gb.service.flow_of(CAMERA) == udp(port=6001)
    assert gb.service.view(CAMERA).remote == "192.0.2.64:6001"


async def test_a_heartbeat_from_another_address_is_403(gb: World) -> None:
    gb.login()
    assert gb.keepalive(flow=udp("198.51.100.7")).status == 403
    assert gb.service.flow_of(CAMERA) == udp()
    assert gb.state() == "online"


async def test_a_registered_neighbour_is_never_limited(gb: World) -> None:
    gb.login(flow=udp(port=7001))
    answers = []
    for _ in range(300):
        answers.append(gb.keepalive("64010400001320009999", udp(port=6666)).status)
        answers.append(gb.keepalive(NVR, udp(port=6667)).status)
        assert gb.keepalive(flow=udp(port=7001)).status == 200
    assert answers.count(403) == 200
    assert set(answers) == {403, 0}


# --- TCP -----------------------------------------------------------------------------------------


@pytest.mark.clause("GB/T 28181-2022", "9.1.1")
async def test_tcp_lost_means_offline_for_an_edition_of_2022(gb: World) -> None:
    gb.login(flow=tcp(1), version="3.0")
    gb.service.on_flow_closed(tcp(1), "closed by peer")
    assert gb.states[-1] == (CAMERA, "offline", "tcp_lost")
    assert gb.keepalive(flow=tcp(2, port=40001)).status == 403
    assert gb.sip.held == []


@pytest.mark.parametrize("version", ["2.0", None])
async def test_tcp_lost_means_unreachable_for_older_ones(gb: World, version: str | None) -> None:
    gb.login(flow=tcp(1), version=version)
    gb.service.on_flow_closed(tcp(1), "reset")
    assert gb.states[-1] == (CAMERA, "unreachable", "tcp_lost")
    assert gb.service.flow_of(CAMERA) is None
    gb.pass_time(60)
    assert gb.keepalive(flow=tcp(2, port=40001)).status == 200
    assert gb.states[-1] == (CAMERA, "online", "reconnected")
    assert gb.service.flow_of(CAMERA) == tcp(2, port=40001)
    gb.service.on_flow_closed(tcp(1), "again")
    assert gb.state() == "online", "the old connection is nothing any more"


async def test_unreachable_becomes_offline_at_the_heartbeat_deadline(gb: World) -> None:
    gb.login(flow=tcp(1), version="2.0")
    gb.service.on_flow_closed(tcp(1), "reset")
    gb.pass_time(190)
    assert gb.states[-1] == (CAMERA, "offline", "heartbeat_missed")


async def test_many_devices_on_one_connection(gb: World) -> None:
    for device_id in (CAM1, CAM2):
        gb.login(device_id, tcp(9), version="3.0")
    gb.service.on_flow_closed(tcp(9), "closed")
    assert [change[0] for change in gb.states if change[1] == "offline"] == [CAM1, CAM2]


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"<Notify><CmdType>", 400),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Notify><CmdType>Keepalive</CmdType></Notify>', 400),
        (b"\xff\xfe\x00 garbage", 400),
        (b"<Notify><SN>1</SN></Notify>", 400),
        (b"<Notify><CmdType>NeverHeardOf</CmdType><SN>1</SN></Notify>", 200),
    ],
)
async def test_bodies_that_are_none(gb: World, body: bytes, status: int) -> None:
    gb.login()
    with captured() as lines:
        assert gb.message(body).status == status
    names = [line["event"] for line in lines]
    assert names == ["device.message_unreadable" if status == 400 else "device.message_other"]
    assert gb.keepalive().status == 200


async def test_other_commands_reach_who_listens(gb: World) -> None:
    got: list[Message] = []
    gb.service.on_message_other.append(lambda device, message: got.append(message))
    gb.login()
    body = b"<Notify><CmdType>VendorHello</CmdType><SN>9</SN><DeviceID>x</DeviceID></Notify>"
    assert gb.message(body).status == 200
    assert isinstance(got[0], GenericMessage)
    assert got[0].command == "VendorHello"


# --- what is asked after a registration ---------------------------------------------------------


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.1")
@pytest.mark.clause("GB/T 28181-2022", "9.5.3.2")
@pytest.mark.clause("GB/T 28181-2022", "A.2.4.3")
async def test_device_info_then_catalog_after_a_registration(asking: World) -> None:
    asking.login(NVR)
    (info,) = await asking.asked(DeviceInfoQuery)
    (query,) = await asking.asked(CatalogQuery)
    assert int(query.sn) == int(info.sn) + 1
    request, flow = asking.sip.sent[1]
    assert (request.method, request.uri, flow) == ("MESSAGE", f"sip:{NVR}@192.0.2.64:5060", udp())
    assert request.from_.uri.user == "64010000002000000001"
    assert request.to.uri.user == NVR
    assert b"GB2312" in request.body

    assert asking.message(info_body(NVR, info.sn, "大门录像机"), NVR).status == 200
    view = asking.service.view(NVR)
    assert (view.name, view.manufacturer, view.model) == ("大门录像机", "NxCam", "NX-1")
    node = asking.service.tree.node(NVR)
    assert node is not None
    assert node.name == "大门录像机"


@pytest.mark.clause("GB/T 28181-2022", "6.10")
async def test_a_device_of_2022_is_written_to_in_gb18030(asking: World) -> None:
    asking.login(NVR, version="3.0")
    await asking.asked(CatalogQuery)
    assert b'encoding="GB18030"' in asking.sip.sent[0][0].body


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.1")
@pytest.mark.clause("GB/T 28181-2022", "annex M")
async def test_channels_come_page_by_page_and_the_sync_ends_complete(asking: World) -> None:
    asking.login(NVR)
    sn = await asking.catalog_sn()
    asking.heard()
    pages = [
        item(NVR, "录像机", Parental="1"),
        item(CAM1, "一号", CivilCode="640106", ParentID=NVR),
        item(CAM2, "二号", CivilCode="nonsense", ParentID=NVR, Status="OFF"),
    ]
    for page in (pages[2], pages[0], pages[2], pages[1]):
        assert asking.message(catalog_body(NVR, sn, 3, [page]), NVR).status == 200
    result = await asking.service.query_catalog(NVR)
    assert (result.expected, result.received, result.complete) == (3, 3, True)
    tree = asking.service.tree
    city, county = tree.node("6401"), tree.node("640106")
    assert city is not None
    assert county is not None
    assert (city.total, city.online, county.total) == (2, 1, 2)
    views, total = asking.service.channels(ChannelFilter(city="6401"))
    assert total == 2
    assert [(v.channel_id, v.name, v.online) for v in views] == [
        (CAM1, "一号", True),
        (CAM2, "二号", False),
    ]
    added = [e.data["channel_id"] for e in asking.heard() if e.type == "channel.added"]
    assert sorted(added) == [CAM1, CAM2]
    route = asking.service.route(CAM1)
    assert route is not None
    assert (route.reported_id, route.device_id, route.online, route.transport) == (
        CAM1,
        NVR,
        True,
        "udp",
    )
    assert asking.service.route("nobody") is None


async def test_channels_are_shown_before_the_end(asking: World) -> None:
    asking.login(NVR)
    sn = await asking.catalog_sn()
    asking.message(catalog_body(NVR, sn, 100, [item(CAM1)]), NVR)
    asking.service._catalogs.stop()
    assert asking.service.route(CAM1) is not None


async def test_an_incomplete_catalog_is_asked_again_and_both_answers_count(tmp_path: Path) -> None:
    async with world(tmp_path, catalog_first_s=0.05, catalog_quiet_s=0.02) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 3, [item(CAM1), item(CAM2)]), NVR)
        gb.now.advance(1)
        again = await gb.catalog_sn(2)
        assert again != sn
        gb.message(catalog_body(NVR, again, 3, [item(CAM3)]), NVR)
        gb.now.advance(1)
        result = await gb.service.query_catalog(NVR)
        assert (result.expected, result.received, result.complete) == (3, 3, True)
        assert gb.service.channels(ChannelFilter())[1] == 3


async def test_nothing_is_removed_by_an_incomplete_catalog(tmp_path: Path) -> None:
    async with world(tmp_path, catalog_first_s=0.05, catalog_quiet_s=0.02, catalog_retries=0) as gb:
        gb.login(NVR)
        gb.message(
            catalog_body(NVR, await gb.catalog_sn(), 3, [item(CAM1), item(CAM2), item(CAM3)]), NVR
        )
        assert (await gb.service.query_catalog(NVR)).complete
        waiting = gb.service._asking.catalog(gb.service._estate.devices[NVR])
        sn = await gb.catalog_sn(2)
        gb.message(catalog_body(NVR, sn, 3, [item(CAM1, "新名")]), NVR)
        gb.now.advance(1)
        result = await waiting
        assert (result.complete, result.outcome) == (False, Outcome.PAGES_MISSING)
        views, total = gb.service.channels(ChannelFilter())
        assert (total, views[0].name) == (3, "新名")


async def test_a_complete_catalog_removes_what_it_lacks_and_keeps_its_id(tmp_path: Path) -> None:
    async with world(tmp_path, catalog_quiet_s=0.02) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 2, [item(CAM1), item(CAM2)]), NVR)
        await gb.service.query_catalog(NVR)
        waiting = gb.service._asking.catalog(gb.service._estate.devices[NVR])
        sn = await gb.catalog_sn(2)
        gb.heard()
        gb.message(catalog_body(NVR, sn, 1, [item(CAM2)]), NVR)
        gb.now.advance(1)
        assert (await waiting).complete
        assert gb.service.route(CAM1) is None
        removed = [e.data["channel_id"] for e in gb.heard() if e.type == "channel.removed"]
        assert removed == [CAM1]


async def test_an_unknown_sn_only_updates(asking: World) -> None:
    asking.login(NVR)
    sn = await asking.catalog_sn()
    asking.message(catalog_body(NVR, sn, 2, [item(CAM1), item(CAM2)]), NVR)
    assert (await asking.service.query_catalog(NVR)).complete
    asking.heard()
    tiandy = catalog_body(NVR, "424242", 1, [item(CAM1, Status="OFF")])
    assert asking.message(tiandy, NVR).status == 200
    asking.service._catalogs.stop()
    assert asking.service.channels(ChannelFilter())[1] == 2
    assert asking.service.channels(ChannelFilter(online=True))[1] == 1
    changes = [e.data for e in asking.heard() if e.type == "channel.status"]
    assert changes == [{"channel_id": CAM1, "device_id": NVR, "online": False}]


async def test_an_empty_catalog_makes_the_device_its_own_channel(asking: World) -> None:
    asking.login()
    asking.message(catalog_body(CAMERA, await asking.catalog_sn(), 0, []))
    result = await asking.service.query_catalog(CAMERA)
    assert (result.expected, result.complete) == (0, True)
    route = asking.service.route(CAMERA)
    assert route is not None
    assert route.reported_id == CAMERA


async def test_the_same_code_in_two_devices_gives_two_public_ids(asking: World) -> None:
    other = "64010600001180000002"
    asking.login(NVR)
    asking.message(catalog_body(NVR, await asking.catalog_sn(1), 1, [item(CAM1)]), NVR)
    assert (await asking.service.query_catalog(NVR)).complete
    asking.login(other, udp(port=5070))
    sn = await asking.catalog_sn(2)
    with captured() as lines:
        asking.message(catalog_body(other, sn, 1, [item(CAM1)]), other, udp(port=5070))
        assert (await asking.service.query_catalog(other)).complete
    views, total = asking.service.channels(ChannelFilter())
    assert total == 2
    by_device = {view.device_id: view for view in views}
    assert by_device[NVR].channel_id == CAM1
    assert by_device[other].channel_id != CAM1
    assert by_device[other].reported_id == CAM1
    assert "catalog.code_shared" in [line["event"] for line in lines]


async def test_the_charset_a_device_has_proven_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 1, [item(CAM1, "正源街路口")]), NVR)
        await gb.service.query_catalog(NVR)
    async with world(tmp_path, auto_query=False) as gb:
        device = gb.service.device(NVR)
        assert device is not None
        assert {str(v) for v in device.charsets.verdicts.values()} == {"gb18030"}


async def test_a_device_that_does_not_answer_is_no_answer(tmp_path: Path) -> None:
    async with world(tmp_path, catalog_first_s=0.02, catalog_retries=1, auto_query=False) as gb:
        gb.login(NVR)
        waiting = gb.service._asking.catalog(gb.service._estate.devices[NVR])
        await gb.catalog_sn(1)
        gb.now.advance(1)
        await gb.catalog_sn(2)
        gb.now.advance(1)
        result = await waiting
        assert (result.outcome, result.received) == (Outcome.NO_ANSWER, 0)
        assert gb.service.route(NVR) is None


@pytest.mark.parametrize("verdict", [486, TransactionTimeout("no answer"), TransportFailed("gone")])
async def test_a_query_that_is_refused_or_lost_is_over_at_once(
    tmp_path: Path, verdict: int | TransactionTimeout | TransportFailed
) -> None:
    async with world(tmp_path, catalog_retries=0, auto_query=False) as gb:
        gb.sip.status = lambda _: verdict
        gb.login(NVR)
        result = await gb.service.query_catalog(NVR)
        assert (result.complete, result.outcome) == (False, Outcome.ABANDONED)
        if verdict == 486:
            with pytest.raises(DeviceRefused) as refused:
                await gb.service.query_device_info(NVR)
            assert refused.value.sip_status == 486
        else:
            assert await gb.service.query_device_info(NVR) is None


async def test_waiting_for_a_catalog_ends_with_what_there_is(gb: World) -> None:
    gb.login(NVR)
    waiting = gb.service.query_catalog(NVR, 0.05)
    gb.sip.status = lambda request: (
        gb.message(catalog_body(NVR, read_sn(request.body), 5, [item(CAM1)]), NVR).status
    )
    result = await waiting
    assert (result.expected, result.received, result.complete) == (5, 1, False)


def read_sn(body: bytes) -> str:
    return body.partition(b"<SN>")[2].partition(b"</SN>")[0].decode()


async def test_mute_devices_hold_no_place_in_the_queue(tmp_path: Path) -> None:
    async with world(tmp_path, query_outstanding=1, catalog_retries=1) as gb:
        mute = {CAMERA}
        gb.sip.status = lambda request: (
            TransactionTimeout("no answer") if request.to.uri.user in mute else 200
        )
        gb.login()
        gb.login(NVR, udp(port=7001))
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 1, [item(CAM1)]), NVR, udp(port=7001))
        assert (await gb.service.query_catalog(NVR)).complete
        mute.clear()
        assert await gb.catalog_sn(2), "and the mute one is asked again later"
        assert gb.sip.sent[-1][0].to.uri.user == CAMERA


async def test_nobody_asks_a_device_that_is_offline(gb: World) -> None:
    await gb.service.create(NVR)
    for call in (gb.service.query_catalog(NVR), gb.service.query_device_info(NVR)):
        with pytest.raises(LegFailed) as caught:
            await call
        assert caught.value.http_status == 409


async def test_a_device_that_goes_offline_ends_its_query(tmp_path: Path) -> None:
    async with world(tmp_path) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 2, [item(CAM1)]), NVR)
        waiting = gb.service._asking.catalog(gb.service._estate.devices[NVR])
        gb.pass_time(200)
        result = await waiting
        assert (result.outcome, result.complete) == (Outcome.ABANDONED, False)
        assert gb.service.route(CAM1) is not None, "what came is kept"
        online = gb.service.channels(ChannelFilter(online=True))[1]
        assert online == 0


async def test_back_from_offline_is_asked_again(tmp_path: Path) -> None:
    async with world(tmp_path) as gb:
        gb.login(NVR)
        gb.message(catalog_body(NVR, await gb.catalog_sn(1), 1, [item(CAM1)]), NVR)
        await gb.service.query_catalog(NVR)
        gb.pass_time(200)
        gb.login(NVR)
        assert await gb.catalog_sn(2)


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.2")
@pytest.mark.clause("GB/T 28181-2022", "A.2.6.5")
async def test_device_info_can_be_asked_for(gb: World) -> None:
    gb.login(NVR)

    def answer(request: object) -> int:
        body = gb.sip.sent[-1][0].body
        gb.message(info_body(NVR, read_sn(body), "录像机"), NVR)
        return 200

    gb.sip.status = answer
    told = await gb.service.query_device_info(NVR)
    assert told is not None
    assert told.name == "录像机"


async def test_an_operators_name_is_not_overwritten(gb: World) -> None:
    await gb.service.create(NVR, "我的名字")
    gb.login(NVR)
    gb.message(info_body(NVR, "1", "别的"), NVR)
    assert gb.service.view(NVR).name == "我的名字"
    assert gb.service.view(NVR).firmware == "1.2.3"


async def test_a_hidden_channel_is_not_listed_and_stays_hidden(tmp_path: Path) -> None:
    async with world(tmp_path) as gb:
        gb.login(NVR)
        sn = await gb.catalog_sn()
        gb.message(catalog_body(NVR, sn, 2, [item(CAM1), item(CAM2)]), NVR)
        await gb.service.query_catalog(NVR)
        await gb.service.hide_channel(CAM1, True)
        assert gb.service.channels(ChannelFilter())[1] == 1
        assert gb.service.view(NVR).channel_count == 1
    async with world(tmp_path, auto_query=False) as gb:
        assert [v.channel_id for v in gb.service.channels(ChannelFilter())[0]] == [CAM2]
        await gb.service.hide_channel(CAM1, False)
        assert gb.service.channels(ChannelFilter())[1] == 2


async def test_the_tree_is_told_of_in_few_events(gb: World) -> None:
    for number in range(200):
        gb.login(f"6401040000132{number:07d}", udp(port=10_000 + number))
    gb.service._estate.news.stop()
    changed = [event for event in gb.heard() if event.type == "tree.changed"]
    assert 1 <= len(changed) <= 20
    seen = {node["id"] for event in changed for node in event.data["nodes"]}
    assert len(seen) >= 200
