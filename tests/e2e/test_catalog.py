"""Catalog: what a device lists arrives in the tree, whatever is wrong with its pages."""

from __future__ import annotations

from typing import Any

import pytest

from .camera import Camera, Faults, channel_item, cmd, doubled, lost, shuffled
from .camera.bodies import Item
from .kit import Launch, MakeCamera, new_id
from .server import Server, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.clause("GB/T 28181-2022", "9.5.3.1"),
    pytest.mark.clause("GB/T 28181-2022", "annex M"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.6.4"),
]


def channel_ids(count: int, prefix: str = "64010400") -> list[str]:
    return [new_id(prefix, 131) for _ in range(count)]


def nvr(make_camera: MakeCamera, ids: list[str], **how: Any) -> Camera:
    """An NVR registered with these channels."""
    device_id = how.pop("device_id", "") or new_id(kind=118)
    how.setdefault("items", [channel_item(i, f"通道{n}", parent_id=device_id)
                             for n, i in enumerate(ids)])  # fmt: skip
    camera = make_camera(device_id, **how)
    assert camera.register().status == 200
    return camera


def ask(server: Server, camera: Camera) -> dict[str, Any]:
    """POST .../catalog: the result of a sync."""
    answer = server.call("POST", f"/api/v1/devices/{camera.device_id}/catalog", {}, timeout=65)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body
    return found


def tree_counts(server: Server) -> dict[str, tuple[int, int]]:
    root = server.get("/tree")
    return {node["id"]: (node["total"], node["online"]) for node in [root, *root["children"]]}


def reported(server: Server, camera: Camera) -> set[str]:
    return {c["reported_id"] for c in server.channels(device_id=camera.device_id)}


@pytest.mark.parametrize(("per_page", "transport"), [(1, "udp"), (2, "udp"), (5, "tcp")])
def test_pages_of_any_size(
    platform: Server, make_camera: MakeCamera, per_page: int, transport: str
) -> None:
    ids = channel_ids(5)
    camera = nvr(make_camera, ids, per_page=per_page, transport=transport)
    found = platform.wait_channels(camera.device_id, 5)
    assert {c["channel_id"] for c in found} == set(ids)
    assert {c["name"] for c in found} == {f"通道{n}" for n in range(5)}
    assert {(c["city"], c["county"]) for c in found} == {("6401", "640104")}
    assert all(c["online"] for c in found)
    first = found[0]
    assert (first["longitude"], first["latitude"]) == (106.2309, 38.4872)
    done = platform.wait_log("catalog.sync_completed", device_id=camera.device_id)
    assert (done["expected"], done["received"]) == (5, 5)


def test_tree_counts_follow(platform: Server, make_camera: MakeCamera) -> None:
    before = tree_counts(platform)
    ids = channel_ids(3, "64050200")
    items = [channel_item(i, "一") for i in ids]
    items[2]["Status"] = "OFF"
    camera = nvr(make_camera, ids, device_id=new_id("64050200", 118), items=items)
    platform.wait_channels(camera.device_id, 3)
    wanted = {name: before.get(name, (0, 0)) for name in ("64", "6405", "6401")}
    wanted = {
        "64": (wanted["64"][0] + 3, wanted["64"][1] + 2),
        "6405": (wanted["6405"][0] + 3, wanted["6405"][1] + 2),
        "6401": wanted["6401"],
    }
    wait_for(
        lambda: {name: tree_counts(platform).get(name) for name in wanted} == wanted,
        f"the tree counts {wanted}",
    )
    camera.unregister()
    wait_for(
        lambda: tree_counts(platform)["6405"] == (wanted["6405"][0], before["6405"][1]),
        "offline channels are not counted as online",
    )


def test_tree_has_all_five_cities_in_order(platform: Server) -> None:
    root = platform.get("/tree")
    assert root["id"] == "64"
    kinds = [child["id"] for child in root["children"]]
    assert [k for k in kinds if k.startswith("640")] == ["6401", "6402", "6403", "6404", "6405"]
    assert "unassigned" in kinds
    counties = platform.get("/tree", parent="6402")["children"]
    assert {c["id"] for c in counties} >= {"640202", "640205", "640221"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        pytest.param({"CivilCode": "6403"}, ("6403", ""), id="city only"),
        pytest.param({"CivilCode": "640302"}, ("6403", "640302"), id="county"),
        pytest.param({"CivilCode": "CivilCode"}, ("6401", "640104"), id="literal"),
        pytest.param({"CivilCode": ""}, ("6401", "640104"), id="empty"),
        pytest.param({"CivilCode": "6404020000"}, ("6404", "640402"), id="ten digits"),
        pytest.param({"CivilCode": "999999"}, ("6401", "640104"), id="no such division"),
        pytest.param({"CivilCode": "640302", "ParentID": "64010000002000000001"},
                     ("6403", "640302"), id="parent is the platform"),
        pytest.param({"ParentID": "x/y/64010400001180000001"}, ("6401", "640104"),
                     id="composite parent"),
        pytest.param({"ParentID": "640104000013200000"}, ("6401", "640104"), id="short parent"),
        pytest.param({"Parental": 65535}, ("6401", "640104"), id="Parental 65535"),
        pytest.param({"CivilCode": "340200"}, ("6401", "640104"), id="another province"),
    ],
)  # fmt: skip
def test_channel_is_under_its_city_whatever_it_says(
    platform: Server, make_camera: MakeCamera, fields: dict[str, object], place: tuple[str, str]
) -> None:
    ids = channel_ids(1)
    camera = nvr(make_camera, ids, items=[channel_item(ids[0], "一", **fields)])
    (channel,) = platform.wait_channels(camera.device_id, 1)
    assert (channel["city"], channel["county"] or "") == place
    city = platform.channels(city=place[0], device_id=camera.device_id)
    assert [c["channel_id"] for c in city] == ids


@pytest.mark.parametrize(
    ("status", "online"),
    [
        ("ON", True),
        ("OFF", False),
        ("OK", True),
        ("ONLINE", True),
        ("OFFLINE", False),
        ("On", True),
    ],
)
def test_spellings_of_status(
    platform: Server, make_camera: MakeCamera, status: str, online: bool
) -> None:
    ids = channel_ids(1)
    camera = nvr(make_camera, ids, items=[channel_item(ids[0], "一", Status=status)])
    (channel,) = platform.wait_channels(camera.device_id, 1)
    assert channel["online"] is online


@pytest.mark.parametrize("charset", ["gb18030", "utf-8"])
@pytest.mark.parametrize("label", ["GB2312", "gbk", "UTF-8", ""])
def test_charset_and_label(
    platform: Server, make_camera: MakeCamera, charset: str, label: str
) -> None:
    """Whatever the label says. Names that make both readings possible need a longer companion."""
    names = ["学校正门", "小学东墙", "校园操场球机", "医院急诊大厅", "萳家村一"]
    ids = channel_ids(len(names))
    items = [channel_item(i, name) for i, name in zip(ids, names, strict=True)]
    camera = nvr(make_camera, ids, items=items, charset=charset, label=label, per_page=5)
    found = platform.wait_channels(camera.device_id, len(names))
    assert {c["name"] for c in found} == set(names)


@pytest.mark.parametrize("name", ["学校", "小学", "校园", "医院", "一"])
def test_short_gb_names_that_look_like_utf_8(
    platform: Server, make_camera: MakeCamera, name: str
) -> None:
    ids = channel_ids(1)
    camera = nvr(make_camera, ids, items=[channel_item(ids[0], name)], name="枪机")
    (channel,) = platform.wait_channels(camera.device_id, 1)
    assert channel["name"] == name


def test_what_is_a_channel(platform: Server, make_camera: MakeCamera) -> None:
    """132 and 131 are; an alarm input, a business group, a division and a parent are not."""
    good = [new_id(kind=131), new_id(kind=132)]
    parent = new_id(kind=118)
    others = [new_id(kind=134), new_id(kind=137), new_id(kind=215), new_id(kind=216), "640104"]
    items: list[Item] = [channel_item(i, "好") for i in good]
    items += [channel_item(i, "") for i in others]
    items += [channel_item(parent, "主机", Parental=1)]
    items[0] = channel_item(good[0], "好", parent_id=parent)
    camera = nvr(make_camera, [], items=items, per_page=3)
    platform.wait_log("catalog.sync_completed", device_id=camera.device_id)
    assert reported(platform, camera) == set(good)


def test_empty_catalog_makes_the_device_its_own_channel(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera = nvr(make_camera, [], items=[], device_id=new_id(kind=132))
    (channel,) = platform.wait_channels(camera.device_id, 1)
    assert channel["channel_id"] == camera.device_id


# -- pages that are not as they should be --------------------------------------------------


def test_control_complete_sync(platform: Server, make_camera: MakeCamera) -> None:
    camera = nvr(make_camera, channel_ids(4))
    platform.wait_channels(camera.device_id, 4)
    assert ask(platform, camera) == {"expected": 4, "received": 4, "complete": True}


@pytest.mark.parametrize("arrange", [doubled, shuffled(5)], ids=["doubled", "shuffled"])
def test_doubled_and_shuffled_pages_are_complete(
    platform: Server, make_camera: MakeCamera, arrange: Any
) -> None:
    camera = nvr(make_camera, channel_ids(5), faults=Faults(arrange=arrange))
    platform.wait_channels(camera.device_id, 5)
    assert ask(platform, camera) == {"expected": 5, "received": 5, "complete": True}


def test_lost_page_keeps_what_came_and_removes_nothing(
    platform: Server, make_camera: MakeCamera
) -> None:
    ids = channel_ids(4)
    camera = nvr(make_camera, ids)
    platform.wait_channels(camera.device_id, 4)
    camera.faults.arrange = lost([2])
    assert ask(platform, camera) == {"expected": 4, "received": 3, "complete": False}
    partial = platform.wait_log("catalog.sync_partial", device_id=camera.device_id)
    assert (partial["expected"], partial["received"]) == (4, 3)
    assert reported(platform, camera) == set(ids)
    camera.faults.arrange = list
    assert ask(platform, camera)["complete"] is True


def test_sum_num_too_large_is_partial(platform: Server, make_camera: MakeCamera) -> None:
    ids = channel_ids(2)
    camera = nvr(make_camera, ids, faults=Faults(sum_num=lambda true: true + 7))
    platform.wait_channels(camera.device_id, 2)
    assert ask(platform, camera) == {"expected": 9, "received": 2, "complete": False}
    assert reported(platform, camera) == set(ids)


def test_sum_num_too_small_loses_no_channel(platform: Server, make_camera: MakeCamera) -> None:
    ids = channel_ids(4)
    camera = nvr(make_camera, ids, faults=Faults(sum_num=lambda true: true - 2))
    platform.wait_channels(camera.device_id, 4)
    assert reported(platform, camera) == set(ids)


def test_never_answered_query_is_partial(platform: Server, make_camera: MakeCamera) -> None:
    ids = channel_ids(2)
    camera = nvr(make_camera, ids)
    platform.wait_channels(camera.device_id, 2)
    camera.faults.answer_queries = False
    assert ask(platform, camera)["complete"] is False
    assert reported(platform, camera) == set(ids)


def test_unknown_sn_only_updates(platform: Server, make_camera: MakeCamera) -> None:
    """An unsolicited Response with SumNum 1 must not wipe the list (quirk of one maker)."""
    ids = channel_ids(3)
    camera = nvr(make_camera, ids)
    platform.wait_channels(camera.device_id, 3)
    camera.push_catalog([channel_item(ids[1], "新名字", Status="OFF")], sn="424242", sum_num=1)
    wait_for(
        lambda: (
            {c["name"] for c in platform.channels(device_id=camera.device_id)}
            == {"通道0", "新名字", "通道2"}
        ),
        "the one channel is renamed",
    )
    assert reported(platform, camera) == set(ids)


def test_channel_disappears_only_after_a_complete_sync(
    platform: Server, make_camera: MakeCamera
) -> None:
    ids = channel_ids(3)
    camera = nvr(make_camera, ids)
    platform.wait_channels(camera.device_id, 3)
    del camera.items[2]
    camera.faults.sum_num = lambda true: true + 1
    assert ask(platform, camera)["complete"] is False
    assert reported(platform, camera) == set(ids)
    camera.faults.sum_num = lambda true: true
    assert ask(platform, camera) == {"expected": 2, "received": 2, "complete": True}
    assert reported(platform, camera) == set(ids[:2])


@pytest.mark.parametrize("bad", ["640104000013100001", "64010400001310ABCDEF", "CAM-1"])
def test_odd_channel_ids_do_no_harm(platform: Server, make_camera: MakeCamera, bad: str) -> None:
    ids = channel_ids(2)
    items = [channel_item(ids[0], "一"), channel_item(bad, "怪"), channel_item(ids[1], "二")]
    camera = nvr(make_camera, ids, items=items)
    wait_for(lambda: set(ids) <= reported(platform, camera), "the good channels are there")
    for channel in platform.channels(device_id=camera.device_id):
        assert len(channel["channel_id"]) == 20
        assert channel["channel_id"].isdigit()
    assert reported(platform, camera) == {*ids, bad}


def test_same_channel_code_in_two_devices(platform: Server, make_camera: MakeCamera) -> None:
    shared = channel_ids(1)
    first = nvr(make_camera, shared)
    (one,) = platform.wait_channels(first.device_id, 1)
    second = nvr(make_camera, shared)
    (two,) = platform.wait_channels(second.device_id, 1)
    assert one["channel_id"] == one["reported_id"] == two["reported_id"] == shared[0]
    assert two["channel_id"] != shared[0]
    assert len(two["channel_id"]) == 20
    assert two["channel_id"].isdigit()
    platform.wait_log("catalog.code_shared", device_id=second.device_id)
    answer = platform.live(two["channel_id"])
    assert answer.error["leg"] == "no_media"  # these two have no pictures
    assert second.received("INVITE")[0].msg.uri.startswith(f"sip:{shared[0]}@")
    assert first.received("INVITE") == []


def test_codes_keep_their_owner_over_a_restart(launch: Launch, make_camera: MakeCamera) -> None:
    """Who owns a code never depends on the order of registrations after a restart."""
    server = launch()
    shared = channel_ids(1)
    first = nvr(make_camera, shared, server=server)
    server.wait_channels(first.device_id, 1)
    second = nvr(make_camera, shared, server=server)
    (two,) = server.wait_channels(second.device_id, 1)
    server.restart()
    second.register()
    first.register()
    assert server.wait_channels(second.device_id, 1)[0]["channel_id"] == two["channel_id"]
    assert server.wait_channels(first.device_id, 1)[0]["channel_id"] == shared[0]


def test_control_query_form(platform: Server, make_camera: MakeCamera) -> None:
    """What the platform writes, read by eyes that are not its own."""
    camera = nvr(make_camera, channel_ids(1))
    query = camera.wait_received("MESSAGE", match=cmd("Catalog")).msg
    assert query.uri.startswith(f"sip:{camera.device_id}@127.0.0.1:{camera.local[1]}")
    assert query.header("Content-Type").lower() == "application/manscdp+xml"
    assert query.body.startswith(b'<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n')
    assert (query.xml("DeviceID"), query.xml("CmdType")) == (camera.device_id, "Catalog")
    assert query.xml("SN").isdigit()
    assert query.header("Content-Length") == str(len(query.body))
    assert query.header("Max-Forwards") == "70"
