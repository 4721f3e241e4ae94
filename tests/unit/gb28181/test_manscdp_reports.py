"""Alarms, positions, catalog changes and directions: wire form -> message -> wire form, and what
is wrong with fields costs only the field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.manscdp import BadXml, CatalogNotify, ItemEvent, read, write
from gb28181.manscdp.commands.alarm import AlarmNotify, AlarmQuery, AlarmResponse
from gb28181.manscdp.commands.mobile_position import (
    Fix,
    MobilePositionNotify,
    MobilePositionQuery,
)
from gb28181.manscdp.commands.ptz_position_notify import PtzPositionNotify
from gb28181.manscdp.times import format_time, parse_time

pytestmark = [
    pytest.mark.clause("GB/T 28181-2016", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.5.3"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.4.6"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.5.6"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.1.14"),
    pytest.mark.clause("GB/T 28181-2022", "N.4.3.2"),
]

CAMERA = "64010400001320000011"


def notify(command: str, inner: str, sn: str = "31", root: str = "Notify") -> bytes:
    return (
        f'<?xml version="1.0" encoding="GB2312"?>\r\n<{root}>\r\n<CmdType>{command}</CmdType>\r\n'
        f"<SN>{sn}</SN>\r\n<DeviceID>{CAMERA}</DeviceID>\r\n{inner}\r\n</{root}>\r\n"
    ).encode("gb18030")


ALARM = notify(
    "Alarm",
    "<AlarmPriority>2</AlarmPriority><AlarmMethod>5</AlarmMethod>"
    "<AlarmTime>2026-11-22T16:50:01</AlarmTime><AlarmDescription>入侵检测</AlarmDescription>"
    "<Longitude>106.2781</Longitude><Latitude>38.4663</Latitude><Info><AlarmType>6</AlarmType>"
    "<AlarmTypeParam><EventType>1</EventType></AlarmTypeParam></Info>",
)


def test_an_alarm() -> None:
    alarm = read(ALARM)
    assert alarm == AlarmNotify(
        "31",
        CAMERA,
        priority=2,
        method=5,
        methods=(5,),
        time="2026-11-22T16:50:01",
        description="入侵检测",
        longitude=106.2781,
        latitude=38.4663,
        type=6,
        event_type=1,
    )
    assert read(write(alarm)) == alarm


@pytest.mark.parametrize(
    ("inner", "values", "problem"),
    [
        ("<AlarmMethod>1/2</AlarmMethod>", {"method": 1, "methods": (1, 2)}, "AlarmTime missing"),
        ("<AlarmMethod>8</AlarmMethod>", {"method": None}, "AlarmMethod out of range"),
        ("<AlarmMethod>video</AlarmMethod>", {"method": None}, "AlarmMethod not a number"),
        ("<AlarmPriority>9</AlarmPriority>", {"priority": None}, "AlarmPriority out of range"),
        ("<AlarmPriority/><AlarmPriority>3</AlarmPriority>", {"priority": 3}, ""),
        ("<AlarmType>2</AlarmType>", {"type": 2}, ""),
        ("<Info><AlarmType>2</AlarmType></Info><AlarmType>3</AlarmType>", {"type": 2}, ""),
        ("<Info><EventType>2</EventType></Info>", {"event_type": 2}, ""),
        ("<Longitude>999</Longitude>", {"longitude": None}, "Longitude out of range"),
        ("<Latitude>nan</Latitude>", {"latitude": None}, "Latitude not a number"),
        (f"<AlarmDescription>{'长' * 2000}</AlarmDescription>", {}, "AlarmDescription cut"),
    ],
)
def test_fields_of_alarms(inner: str, values: dict[str, object], problem: str) -> None:
    alarm = read(notify("Alarm", inner))
    assert isinstance(alarm, AlarmNotify)
    assert {name: getattr(alarm, name) for name in values} == values
    assert any(problem in one for one in alarm.problems)


def test_receipt_and_filter() -> None:
    receipt = AlarmResponse("31", CAMERA)
    assert b"<Result>OK</Result>" in write(receipt)
    assert read(write(receipt)) == receipt
    query = AlarmQuery("7", CAMERA, 1, 2, "5", "6", "2026-11-22T00:00:00", "2026-11-23T00:00:00")
    assert read(write(query)) == query


PLACE = "<Longitude>106.2309</Longitude><Latitude>38.4872</Latitude><Speed>42.0</Speed>"


def test_positions_of_both_editions_are_the_same_inside() -> None:
    flat = read(notify("MobilePosition", f"<Time>2026-11-22T16:56:00</Time>{PLACE}"))
    listed = read(
        notify(
            "MobilePosition",
            "<Time>2026-11-22T16:56:01</Time><SumNum>1</SumNum><DeviceList Num='1'><Item>"
            f"<DeviceID>{CAMERA}</DeviceID><CaptureTime>2026-11-22T16:56:00</CaptureTime>{PLACE}"
            "</Item></DeviceList>",
        )
    )
    assert isinstance(flat, MobilePositionNotify)
    assert isinstance(listed, MobilePositionNotify)
    fix = Fix(CAMERA, "2026-11-22T16:56:00", 106.2309, 38.4872, 42.0)
    assert (flat.fixes, flat.flat) == ((fix,), True)
    assert (listed.fixes, listed.flat) == ((fix,), False)
    assert read(write(flat)) == flat
    assert read(write(listed)) == listed
    query = MobilePositionQuery("1", CAMERA, 9)
    assert read(write(query)) == query


@pytest.mark.parametrize(
    ("inner", "fixes", "problem"),
    [
        ("<Longitude>106.1</Longitude>", 0, "Latitude missing"),
        ("<Longitude>206.1</Longitude><Latitude>38</Latitude>", 0, "Longitude out of range"),
        ("<Longitude>1e2</Longitude><Latitude>38</Latitude>", 0, "Longitude not a number"),
        (f"{PLACE}<Direction>400</Direction>", 1, "Direction out of range"),
        ("<DeviceList Num='1'><Item/></DeviceList>", 0, "Longitude missing"),
        ("<SumNum>0</SumNum><DeviceList Num='0'/>", 0, ""),
    ],
)
def test_fields_of_positions(inner: str, fixes: int, problem: str) -> None:
    found = read(notify("MobilePosition", inner))
    assert isinstance(found, MobilePositionNotify)
    assert len(found.fixes) == fixes
    assert not problem or any(problem in one for one in found.problems)


def test_direction_360_is_0() -> None:
    found = read(notify("MobilePosition", f"{PLACE}<Direction>360</Direction>"))
    assert isinstance(found, MobilePositionNotify)
    assert found.fixes[0].direction == 0.0


def test_changes_of_a_catalog() -> None:
    other = "64010400001320000012"
    message = read(
        notify(
            "Catalog",
            "<SumNum>4</SumNum><DeviceList Num='4'>"
            f"<Item><DeviceID>{CAMERA}</DeviceID><Event>off</Event></Item>"
            f"<Item><DeviceID>{other}</DeviceID><Event>UPDATE</Event><Name>二</Name>"
            "<Status>OFF</Status></Item>"
            f"<Item><DeviceID>{other}</DeviceID><Event>EXPLODED</Event></Item>"
            f"<Item><Event>ON</Event></Item><Item><DeviceID>{other}</DeviceID></Item>"
            "</DeviceList>",
        )
    )
    assert isinstance(message, CatalogNotify)
    assert [(c.event, c.item.device_id, c.has_status) for c in message.changes] == [
        (ItemEvent.OFF, CAMERA, False),
        (ItemEvent.UPDATE, other, True),
        (ItemEvent.UPDATE, other, False),
    ]
    assert message.changes[1].item.extra == (), "the word Event is no field of the item"
    assert message.unusable == 2
    assert any("EXPLODED" in problem for problem in message.problems)


def test_a_direction_may_be_nested() -> None:
    flat = read(notify("PTZPosition", "<Pan>123.50</Pan><Tilt>12.00</Tilt><Zoom>4.00</Zoom>"))
    deep = read(notify("PTZPosition", "<Info><Pan>123.5</Pan><Tilt>12</Tilt><Zoom>4</Zoom></Info>"))
    assert flat == deep == PtzPositionNotify("31", CAMERA, 123.5, 12.0, 4.0)
    assert read(write(flat)) == flat


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-22T16:50:01", datetime(2026, 11, 22, 8, 50, 1, tzinfo=UTC)),
        ("2026-11-22 16:50:01", datetime(2026, 11, 22, 8, 50, 1, tzinfo=UTC)),
        ("2026-1-2T3:4:5.25", datetime(2026, 1, 1, 19, 4, 5, 250_000, tzinfo=UTC)),
        ("2026-11-22T16:50:01Z", datetime(2026, 11, 22, 16, 50, 1, tzinfo=UTC)),
        ("2026-11-22T16:50:01+09:00", datetime(2026, 11, 22, 7, 50, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00", None),
        ("2026-02-30T00:00:00", None),
        ("2026-11-22T25:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times(text: str, wanted: datetime | None) -> None:
    assert parse_time(text) == wanted
    if wanted is not None:
        assert parse_time(format_time(wanted)) == wanted


NAMES = [
    *("AlarmMethod", "AlarmTime", "AlarmPriority", "Info", "Longitude", "Latitude", "Direction"),
    *("Event", "Time", "DeviceList", "Item", "DeviceID", "SumNum", "Pan"),
]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["Alarm", "MobilePosition", "Catalog", "PTZPosition"]),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.text(max_size=20),
        ),
        max_size=12,
    ),
)
def test_whatever_the_fields_hold_it_reads_and_writes(
    command: str, fields: list[tuple[str, str]]
) -> None:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields)
    try:
        message = read(notify(command, inner))
    except BadXml:
        return
    read(write(message))
