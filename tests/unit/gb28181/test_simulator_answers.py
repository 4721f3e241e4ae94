"""What simulated devices answer, judged by what stands on the wire."""

from __future__ import annotations

import pytest

from gb28181.simulator.answers.asked import Boot, KeyFrame, Register, Retime, TakePictures, Upgrade
from gb28181.simulator.faults import MEANINGS, Fault
from gb28181.simulator.plan import PlanOptions, make_plan
from gb28181.simulator.profiles import HABITS, PROFILES, Habit, profiles_named
from tests.support.simulated import CHANNEL, RECORDER, SERVER_ID, Simulated, element, text

DAY = "<StartTime>2026-05-19T00:00:00</StartTime><EndTime>2026-05-20T00:00:00</EndTime>"


# --- frame ------------------------------------------------------------------------------------


def test_a_response_repeats_sn_and_device_and_is_written_with_crlf_and_its_label() -> None:
    body = Simulated().reply("Query", "DeviceInfo").bodies[0]
    assert body.startswith(b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n')
    assert body.endswith(b"</Response>\r\n")
    tree = element(body)
    assert [one.tag for one in tree][:3] == ["CmdType", "SN", "DeviceID"]
    assert (text(tree, "SN"), text(tree, "DeviceID")) == ("17", RECORDER.device_id)
    assert RECORDER.name.encode("gb18030") in body


@pytest.mark.parametrize("command", ["PTZPosition", "SDCardStatus", "HomePositionQuery"])
def test_a_device_of_2016_takes_commands_of_2022_and_says_nothing(command: str) -> None:
    assert Simulated("standard-2016").ask(command) == []
    assert len(Simulated("standard-2022").ask(command)) == 1


def test_unknown_commands_bring_nothing() -> None:
    assert Simulated("standard-2022").ask("MakeCoffee") == []


# --- device -----------------------------------------------------------------------------------


def test_device_info() -> None:
    (tree,) = Simulated("dahua").ask("DeviceInfo")
    assert text(tree, "Result") == "OK"
    assert (text(tree, "Manufacturer"), text(tree, "Model")) == ("Dahua", "DH-NVR-SIM")
    assert (text(tree, "DeviceName"), text(tree, "Channel")) == (RECORDER.name, "5")
    assert Simulated("dahua", "no-device-info").ask("DeviceInfo") == []


def test_device_status_follows_guard_recording_and_clock() -> None:
    made = Simulated()
    (before,) = made.ask("DeviceStatus")
    assert text(before, "Online") == "ONLINE"
    assert text(before, "DeviceTime") == "2026-05-20T12:30:15"
    assert text(before, "Record") == "OFF"
    assert text(before, "Alarmstatus/Item/DutyStatus") == "OFFDUTY"
    assert before.find("Alarmstatus").get("Num") == "1"  # type: ignore[union-attr]
    made.tell("<GuardCmd>SetGuard</GuardCmd>")
    made.tell("<RecordCmd>Record</RecordCmd>")
    (after,) = made.ask("DeviceStatus")
    assert text(after, "Record") == "ON"
    assert text(after, "Alarmstatus/Item/DutyStatus") == "ONDUTY"
    assert Simulated("standard-2016", "no-device-status").ask("DeviceStatus") == []


# --- catalog ----------------------------------------------------------------------------------


def test_catalog_pages_and_fields_of_2016() -> None:
    pages = Simulated(page_items=2).ask("Catalog")
    assert [page.find("DeviceList").get("Num") for page in pages] == ["2", "2", "1"]  # type: ignore[union-attr]
    assert {text(page, "SumNum") for page in pages} == {"5"}
    items = [item for page in pages for item in page.iterfind("DeviceList/Item")]
    for item, channel in zip(items, RECORDER.channels, strict=True):
        assert text(item, "DeviceID") == channel.channel_id
        assert text(item, "Name") == channel.name
        assert text(item, "ParentID") == RECORDER.device_id
        assert text(item, "CivilCode") == RECORDER.civil_code
        assert (text(item, "Status"), text(item, "Parental")) == ("ON", "0")
        assert float(text(item, "Longitude")) == channel.longitude
        assert text(item, "Info/PTZType") == str(channel.ptz_type)
        assert item.find("Owner") is not None
        assert item.find("SafetyWay") is not None


def test_catalog_of_2022_has_its_fields_and_an_organisation() -> None:
    pages = Simulated("standard-2022", page_items=100).ask("Catalog")
    items = pages[0].findall("DeviceList/Item")
    kinds = [text(item, "DeviceID")[10:13] for item in items]
    assert kinds == ["215", "216", *["131"] * 5]
    group, organisation = (text(item, "DeviceID") for item in items[:2])
    assert text(items[1], "BusinessGroupID") == group
    camera = items[2]
    assert text(camera, "ParentID") == f"{RECORDER.device_id}/{organisation}"
    assert camera.find("Owner") is None
    assert camera.find("SafetyWay") is None
    assert text(camera, "Info/GrassrootsCode") == "000000"
    assert text(camera, "Info/StreamNumberList") == "0/1"


def test_catalog_of_a_division_of_an_organisation_of_a_channel_and_of_nothing() -> None:
    made = Simulated("standard-2022", page_items=100)
    below = made.ask("Catalog", code=RECORDER.civil_code)[0]
    assert text(below, "DeviceList/Item/DeviceID") == RECORDER.civil_code
    assert text(below, "SumNum") == "6"
    organisation = made.ask("Catalog")[0].findall("DeviceList/Item")[1].findtext("DeviceID") or ""
    assert text(made.ask("Catalog", code=organisation)[0], "SumNum") == "6"
    assert text(made.ask("Catalog", code=CHANNEL)[0], "SumNum") == "1"
    (nothing,) = made.ask("Catalog", code="110000")
    assert text(nothing, "SumNum") == "0"
    assert nothing.find("DeviceList") is None


@pytest.mark.parametrize(("value", "expected"), [("1", "6"), ("-2", "3"), ("-9", "0")])
def test_wrong_sumnum(value: str, expected: str) -> None:
    pages = Simulated("standard-2016", f"wrong-sumnum={value}").ask("Catalog")
    assert {text(page, "SumNum") for page in pages} == {expected}


def test_faults_of_the_catalog() -> None:
    pages = Simulated("standard-2016", "lost-page").ask("Catalog")
    assert sum(len(page.findall("DeviceList/Item")) for page in pages) == 4
    assert Simulated("standard-2016", "no-catalog").ask("Catalog") == []
    (tree, *_) = Simulated("standard-2016", "catalog-no-status").ask("Catalog")
    assert tree.find("DeviceList/Item/Status") is None
    assert Simulated("standard-2016", "pages-at-once").reply("Query", "Catalog").at_once
    assert not Simulated().reply("Query", "Catalog").at_once


def test_bad_charset_lies_about_its_bytes() -> None:
    body = Simulated("standard-2016", "bad-charset").reply("Query", "Catalog").bodies[0]
    assert b'encoding="GB2312"' in body
    assert RECORDER.channels[0].name.encode("utf-8") in body


# --- habits of families -----------------------------------------------------------------------


def first_item(profile: str) -> tuple[bytes, dict[str, str]]:
    """The first camera of a catalog: its page as bytes, and its fields as text."""
    made = Simulated(profile, page_items=1)
    for body in made.reply("Query", "Catalog").bodies:
        if CHANNEL.encode() in body:
            clean = body.replace(b"A&B<1", b"A&amp;B&lt;1")
            item = element(clean).find("DeviceList/Item")
            assert item is not None
            return body, {one.tag: one.text or "" for one in item}
    raise AssertionError(f"{profile} does not list its camera")


def test_habits_of_hikvision() -> None:
    body, item = first_item("hikvision")
    assert item["CivilCode"] == RECORDER.civil_code + "0000"
    assert (item["Owner"], item["Block"]) == ("Owner", "Block")
    assert (item["Parental"], item["Status"]) == ("65535", "OK")
    assert b"A&B<1" in body
    inputs = [
        one
        for page in Simulated("hikvision").reply("Query", "Catalog").bodies[:1]
        for one in element(page.replace(b"A&B<1", b"")).iterfind("DeviceList/Item")
    ]
    assert text(inputs[0], "DeviceID")[10:13] == "134"
    assert inputs[0].find("Name").text is None  # type: ignore[union-attr]
    (presets,) = Simulated("hikvision").ask("PresetQuery", code=CHANNEL)
    assert presets.find("SumNum") is None
    (config,) = Simulated("hikvision").ask("ConfigDownload", "<ConfigType>BasicParam</ConfigType>")
    assert text(config, "BasicParam/Password")
    old = Simulated("hikvision").tell("<IFameCmd>Send</IFameCmd>")
    assert old.deeds == [KeyFrame(CHANNEL)]
    assert Simulated("hikvision").tell("<IFrameCmd>Send</IFrameCmd>").deeds == []


def test_habits_of_dahua() -> None:
    body, item = first_item("dahua")
    assert item["Name"].endswith("（镕园）")
    assert b'encoding="GB2312"' in body
    with pytest.raises(UnicodeEncodeError):
        item["Name"].encode("gb2312")
    made = Simulated("dahua")
    assert made.ask("RecordInfo", DAY, CHANNEL) == []
    assert made.ask("RecordInfo", DAY + "<Type>all</Type>", CHANNEL)
    wanted = "<BasicParam><Name>新名</Name></BasicParam>"
    assert text(element(made.set(wanted, CHANNEL).bodies[0]), "Result") == "ERROR"
    assert text(element(made.set(wanted, RECORDER.device_id).bodies[0]), "Result") == "OK"


def test_habits_of_uniview() -> None:
    made = Simulated("uniview")
    info = made.reply("Query", "DeviceInfo").bodies[0]
    assert b'encoding="UTF-8"' in info
    assert RECORDER.name.encode("utf-8") in info
    body, item = first_item("uniview")
    assert b'encoding="GB2312"' in body
    assert item["ParentID"] == SERVER_ID
    (config,) = made.ask("ConfigDownload", "<ConfigType>VideoParamAttribute</ConfigType>", CHANNEL)
    assert config.find("VideoParamAttribute") is None
    assert len(config.findall("VideoParamConfig/Item")) == 2
    reply = made.set("<BasicParam><Name>新名</Name></BasicParam>", RECORDER.device_id)
    assert (reply.bodies, reply.deeds) == ([], [Register()])


def test_habits_of_a_cheap_camera() -> None:
    made = Simulated("cheap-2011")
    reply = made.reply("Query", "Catalog")
    assert reply.at_once
    assert len(reply.bodies) == 5
    tree = element(reply.bodies[0])
    assert tree.tag == "response"
    assert (text(tree, "cmdtype"), text(tree, "sumnum")) == ("Catalog", "5")
    assert text(tree, "devicelist/item/ptztype") == str(RECORDER.channels[0].ptz_type)
    assert tree.find("devicelist/item/info") is None
    assert made.ask("ConfigDownload", "<ConfigType>BasicParam</ConfigType>") == []


def test_every_habit_belongs_to_a_family_and_is_told() -> None:
    shown = {habit for profile in PROFILES.values() for habit in profile.habits}
    assert shown == set(Habit) == set(HABITS)
    assert set(MEANINGS) == set(Fault)


def test_profiles_by_name() -> None:
    assert [one.name for one in profiles_named(["dahua", "standard-2022"])] == [
        "dahua",
        "standard-2022",
    ]
    assert len(profiles_named(["mixed"])) == len(PROFILES) == 6
    assert [one.name for one in profiles_named([])] == ["standard-2016"]
    with pytest.raises(ValueError, match="no profile 'nokia'"):
        profiles_named(["nokia"])


# --- records ----------------------------------------------------------------------------------


def spans(made: Simulated, inner: str) -> list[tuple[str, str, str]]:
    return [
        (text(item, "StartTime"), text(item, "EndTime"), text(item, "Type"))
        for page in made.ask("RecordInfo", inner, CHANNEL)
        for item in page.iterfind("RecordList/Item")
    ]


def test_a_day_of_records_with_its_gap() -> None:
    made = Simulated()
    pages = made.ask("RecordInfo", DAY + "<Type>all</Type>", CHANNEL)
    assert len(pages) == 12
    assert {text(page, "SumNum") for page in pages} == {"24"}
    found = spans(made, DAY + "<Type>all</Type>")
    assert found[0] == ("2026-05-19T00:00:00", "2026-05-19T01:00:00", "time")
    assert found[3] == ("2026-05-19T03:10:00", "2026-05-19T04:00:00", "time")
    assert found[23] == ("2026-05-19T23:00:00", "2026-05-20T00:00:00", "alarm")
    assert [kind for _, _, kind in spans(made, DAY + "<Type>alarm</Type>")] == ["alarm"] * 4


def test_no_records_is_a_sum_of_zero_without_a_list() -> None:
    years_ago = "<StartTime>2020-05-19T00:00:00</StartTime><EndTime>2020-05-20T00:00:00</EndTime>"
    (tree,) = Simulated().ask("RecordInfo", years_ago + "<Type>all</Type>", CHANNEL)
    assert text(tree, "SumNum") == "0"
    assert tree.find("RecordList") is None


def test_the_running_hour_ends_now() -> None:
    today = "<StartTime>2026-05-20T12:00:00</StartTime><EndTime>2026-05-21T00:00:00</EndTime>"
    assert spans(Simulated(), today) == [("2026-05-20T12:00:00", "2026-05-20T12:30:15", "time")]


def test_a_recording_by_hand_is_found_afterwards() -> None:
    made = Simulated()
    assert text(element(made.tell("<RecordCmd>Record</RecordCmd>").bodies[0]), "Result") == "OK"
    made.wall = made.wall.replace(minute=31)
    made.tell("<RecordCmd>StopRecord</RecordCmd>")
    today = "<StartTime>2026-05-20T12:00:00</StartTime><EndTime>2026-05-21T00:00:00</EndTime>"
    manual = [("2026-05-20T12:30:15", "2026-05-20T12:31:15", "manual")]
    assert spans(made, today + "<Type>manual</Type>") == manual


def test_records_of_families_and_faults() -> None:
    found = spans(Simulated("uniview"), DAY + "<Type>all</Type>")
    assert found != sorted(found)
    assert len(found) == 24
    late = spans(Simulated("dahua"), DAY + "<Type>all</Type>")
    assert late[0][1] > late[1][0]
    (first, *_) = Simulated("standard-2016", "record-count-wrong").ask("RecordInfo", DAY, CHANNEL)
    assert text(first, "SumNum") == "25"
    assert len(spans(Simulated("standard-2016", "record-time-ignored"), DAY)) > 24
    assert Simulated("standard-2016", "no-records").ask("RecordInfo", DAY, CHANNEL) == []


# --- remote control ---------------------------------------------------------------------------

RIGHT = "<PTZCmd>A50F0101FF0000B5</PTZCmd>"
STOP = "<PTZCmd>A50F0100000000B5</PTZCmd>"
PRESET_3 = ("A50F018100030039", "A50F01820003003A", "A50F01830003003B")


def where(made: Simulated) -> tuple[float, float, float]:
    (tree,) = made.ask("PTZPosition", code=CHANNEL)
    assert tree.find("Result") is None
    return (float(text(tree, "Pan")), float(text(tree, "Tilt")), float(text(tree, "Zoom")))


def test_the_lens_moves_until_it_is_told_to_stop() -> None:
    made = Simulated("standard-2022")
    assert where(made) == (0.0, 0.0, 1.0)
    assert made.tell(RIGHT).bodies == []
    made.now += 1
    assert where(made) == (90.0, 0.0, 1.0)
    made.tell(STOP)
    made.now += 5
    assert where(made) == (90.0, 0.0, 1.0)


def test_up_is_a_smaller_tilt_and_zoom_grows() -> None:
    made = Simulated("standard-2022")
    made.tell("<PTZCmd>A50F010800FF00BC</PTZCmd>")
    made.now += 0.5
    made.tell("<PTZCmd>A50F011000008045</PTZCmd>")
    made.now += 1
    pan, tilt, zoom = where(made)
    assert (pan, tilt) == (0.0, -22.5)
    assert 1.3 < zoom < 1.5


def test_presets_are_set_listed_called_and_deleted() -> None:
    made = Simulated("standard-2022")
    made.tell(RIGHT)
    made.now += 1
    made.tell(STOP)
    named = "<PTZCmdParams><PresetName>北门</PresetName></PTZCmdParams>"
    made.tell(f"<PTZCmd>{PRESET_3[0]}</PTZCmd>{named}")
    (tree,) = made.ask("PresetQuery", code=CHANNEL)
    assert text(tree, "SumNum") == "2"
    listed = [(text(i, "PresetID"), text(i, "PresetName")) for i in tree.iter("Item")]
    assert listed[1] == ("3", "北门")
    made.tell(RIGHT)
    made.now += 1
    made.tell(f"<PTZCmd>{PRESET_3[1]}</PTZCmd>")
    made.now += 0.5
    assert where(made)[0] == 135.0, "half the way back"
    made.now += 5
    assert where(made)[0] == 90.0
    made.tell(f"<PTZCmd>{PRESET_3[2]}</PTZCmd>")
    assert text(made.ask("PresetQuery", code=CHANNEL)[0], "SumNum") == "1"


def test_cruises_are_built_told_and_driven() -> None:
    made = Simulated("standard-2022")
    made.tell(RIGHT)
    made.now += 1
    made.tell(f"<PTZCmd>{PRESET_3[0]}</PTZCmd>")
    for code in ("A50F01840101003B", "A50F01840103003D", "A50F018701050042"):
        made.tell(f"<PTZCmd>{code}</PTZCmd>")
    (listed,) = made.ask("CruiseTrackListQuery", code=CHANNEL)
    assert text(listed, "CruiseTrackList/CruiseTrack/Number") == "1"
    (track,) = made.ask("CruiseTrackQuery", "<Number>1</Number>", CHANNEL)
    points = [
        (text(point, "PresetIndex"), text(point, "StayTime"))
        for point in track.iterfind("CruisePointList/CruisePoint")
    ]
    assert points == [("1", "5"), ("3", "5")]
    made.tell("<PTZCmd>A50F01880100003E</PTZCmd>")
    made.now += 3
    assert where(made)[0] == 0.0, "it rests at preset 1"
    made.now += 5
    assert where(made)[0] == 90.0, "and then at preset 3"
    made.now += 6
    assert where(made)[0] == 0.0


def test_home_position_is_read_back_and_gone_to() -> None:
    made = Simulated("standard-2022")
    wanted = "<HomePosition><Enabled>1</Enabled><ResetTime>10</ResetTime>"
    wanted += "<PresetIndex>1</PresetIndex></HomePosition>"
    assert text(element(made.tell(wanted).bodies[0]), "Result") == "OK"
    (tree,) = made.ask("HomePositionQuery", code=CHANNEL)
    assert text(tree, "HomePosition/ResetTime") == "10"
    made.tell(RIGHT)
    made.now += 1
    made.tell(STOP)
    made.now += 9
    assert where(made)[0] == 90.0
    made.now += 3
    assert where(made)[0] == 0.0
    missing = wanted.replace("<PresetIndex>1<", "<PresetIndex>77<")
    assert text(element(made.tell(missing).bodies[0]), "Result") == "ERROR"


def test_precise_moves_and_drags() -> None:
    made = Simulated("standard-2022")
    goal = "<PTZPreciseCtrl><Pan>120.5</Pan><Tilt>30</Tilt><Zoom>4</Zoom></PTZPreciseCtrl>"
    assert made.tell(goal).bodies == []
    made.now += 10
    assert where(made) == (120.5, 30.0, 4.0)
    window = "<Length>1000</Length><Width>500</Width><MidPointX>500</MidPointX>"
    window += "<MidPointY>250</MidPointY><LengthX>500</LengthX><LengthY>250</LengthY>"
    made.tell(f"<DragZoomIn>{window}</DragZoomIn>")
    made.now += 10
    assert where(made) == (120.5, 30.0, 8.0)
    made.tell(f"<DragZoomOut>{window}</DragZoomOut>")
    made.now += 10
    assert where(made) == (120.5, 30.0, 4.0)


@pytest.mark.parametrize(
    ("fault", "order"), [("ptz-ignored", RIGHT), ("preset-not-kept", PRESET_3[0])]
)
def test_faults_of_remote_control(fault: str, order: str) -> None:
    made = Simulated("standard-2022", fault)
    made.tell(order if "<" in order else f"<PTZCmd>{order}</PTZCmd>")
    made.now += 1
    assert where(made)[0] == 0.0
    assert text(made.ask("PresetQuery", code=CHANNEL)[0], "SumNum") == "1"


def test_a_lens_that_never_stops() -> None:
    made = Simulated("standard-2022", "ptz-never-stops")
    made.tell(RIGHT)
    made.now += 1
    made.tell(STOP)
    made.now += 1
    assert where(made)[0] == 180.0


# --- which commands have an answer ------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "answered"),
    [
        ("<RecordCmd>Record</RecordCmd>", True),
        ("<GuardCmd>SetGuard</GuardCmd>", True),
        ("<AlarmCmd>ResetAlarm</AlarmCmd>", True),
        ("<TeleBoot>Boot</TeleBoot>", False),
        ("<IFrameCmd>Send</IFrameCmd>", False),
        ("<FormatSDCard>1</FormatSDCard>", False),
        ("<TargetTrack>Auto</TargetTrack>", False),
        (RIGHT, False),
    ],
)
def test_only_some_controls_are_answered(inner: str, answered: bool) -> None:
    bodies = Simulated("standard-2022").tell(inner).bodies
    assert [text(element(body), "Result") for body in bodies] == (["OK"] if answered else [])


@pytest.mark.parametrize(
    ("fault", "inner"),
    [
        ("record-no-response", "<RecordCmd>Record</RecordCmd>"),
        ("guard-no-response", "<GuardCmd>SetGuard</GuardCmd>"),
        ("alarm-no-response", "<AlarmCmd>ResetAlarm</AlarmCmd>"),
    ],
)
def test_faults_that_leave_the_answer_out(fault: str, inner: str) -> None:
    assert Simulated("standard-2016", fault).tell(inner).bodies == []


def test_deeds() -> None:
    made = Simulated("standard-2022")
    assert made.tell("<TeleBoot>Boot</TeleBoot>").deeds == [Boot()]
    assert Simulated("standard-2022", "no-boot").tell("<TeleBoot>Boot</TeleBoot>").deeds == []
    assert made.tell("<IFrameCmd>Send</IFrameCmd>").deeds == [KeyFrame(CHANNEL)]
    assert Simulated("standard-2022", "no-idr").tell("<IFrameCmd>Send</IFrameCmd>").deeds == []
    session = "a" * 32
    order = "<DeviceUpgrade><Firmware>V2</Firmware><FileURL>http://192.0.2.1/f</FileURL>"
    order += f"<Manufacturer>x</Manufacturer><SessionID>{session}</SessionID></DeviceUpgrade>"
    assert made.tell(order).deeds == [Upgrade(session, "V2", "http://192.0.2.1/f")]


# --- reports ----------------------------------------------------------------------------------


def test_a_position_is_asked_for_flat_in_2016_and_as_a_list_in_2022() -> None:
    (flat,) = Simulated("standard-2016").ask("MobilePosition", code=CHANNEL)
    assert (flat.tag, text(flat, "SN")) == ("Notify", "17")
    assert float(text(flat, "Longitude")) == RECORDER.channels[0].longitude
    assert text(flat, "Time") == "2026-05-20T12:30:15"
    (many,) = Simulated("standard-2022").ask("MobilePosition")
    assert text(many, "SumNum") == "5"
    codes = [text(item, "DeviceID") for item in many.iterfind("DeviceList/Item")]
    assert codes == [channel.channel_id for channel in RECORDER.channels]
    assert Simulated("cheap-2011").ask("MobilePosition") == []


def test_an_alarm_query_gets_its_receipt() -> None:
    (tree,) = Simulated().ask("Alarm", "<AlarmMethod>0</AlarmMethod>")
    assert (tree.tag, text(tree, "Result")) == ("Response", "OK")


# --- cards ------------------------------------------------------------------------------------


def test_a_card_is_formatted_with_progress() -> None:
    made = Simulated("standard-2022")
    (before,) = made.ask("SDCardStatus")
    states = [text(item, "Status") for item in before.iterfind("SDCardStatusInfo/Item")]
    assert states == ["ok", "ok"]
    made.tell("<FormatSDCard>2</FormatSDCard>", RECORDER.device_id)
    made.now += 5
    (during,) = made.ask("SDCardStatus")
    items = during.findall("SDCardStatusInfo/Item")
    assert [text(item, "Status") for item in items] == ["ok", "formatting"]
    assert text(items[1], "FormatProgress") == "50"
    made.now += 6
    (after,) = made.ask("SDCardStatus")
    full, empty = after.findall("SDCardStatusInfo/Item")
    assert text(empty, "FreeSpace") == text(empty, "Capacity")
    assert int(text(full, "FreeSpace")) < int(text(full, "Capacity"))


# --- configuration ----------------------------------------------------------------------------

BLOCKS_2022 = {
    "BasicParam": "Name",
    "VideoParamOpt": "DownloadSpeed",
    "SVACEncodeConfig": ".",
    "SVACDecodeConfig": ".",
    "VideoParamAttribute": "Item",
    "VideoRecordPlan": "RecordSchedule",
    "VideoAlarmRecord": "RecordEnable",
    "PictureMask": "On",
    "FrameMirror": ".",
    "AlarmReport": "MotionDetection",
    "OSDConfig": "TimeX",
}


def test_every_block_is_told_one_message_each_and_snapshot_under_its_other_name() -> None:
    made = Simulated("standard-2022")
    asked = "/".join([*BLOCKS_2022, "SnapShotConfig"])
    trees = made.ask("ConfigDownload", f"<ConfigType>{asked}</ConfigType>", CHANNEL)
    assert len(trees) == len(BLOCKS_2022) + 1
    assert {text(tree, "Result") for tree in trees} == {"OK"}
    for tree, (name, inner) in zip(trees, BLOCKS_2022.items(), strict=False):
        block = tree.find(name)
        assert block is not None, name
        assert block.find(inner) is not None, name
    assert trees[-1].find("SnapShot") is not None


def test_2016_knows_four_blocks() -> None:
    made = Simulated()
    (tree,) = made.ask("ConfigDownload", "<ConfigType>OSDConfig</ConfigType>", CHANNEL)
    assert text(tree, "Result") == "ERROR"
    trees = made.ask("ConfigDownload", "<ConfigType>BasicParam/VideoParamOpt</ConfigType>")
    assert [tree[4].tag for tree in trees] == ["BasicParam", "VideoParamOpt"]
    together = Simulated("dahua").ask(
        "ConfigDownload", "<ConfigType>BasicParam/VideoParamOpt</ConfigType>"
    )
    assert len(together) == 1


def test_what_is_set_is_read_back_and_the_rest_stays() -> None:
    made = Simulated("standard-2022")
    reply = made.set("<OSDConfig><TimeX>99</TimeX></OSDConfig>")
    assert text(element(reply.bodies[0]), "Result") == "OK"
    (tree,) = made.ask("ConfigDownload", "<ConfigType>OSDConfig</ConfigType>", CHANNEL)
    assert (text(tree, "OSDConfig/TimeX"), text(tree, "OSDConfig/TimeY")) == ("99", "16")
    other = RECORDER.channels[1].channel_id
    (tree,) = made.ask("ConfigDownload", "<ConfigType>OSDConfig</ConfigType>", other)
    assert text(tree, "OSDConfig/TimeX") == "16"


def test_a_heartbeat_interval_is_taken() -> None:
    made = Simulated()
    block = "<BasicParam><HeartBeatInterval>30</HeartBeatInterval></BasicParam>"
    reply = made.set(block, RECORDER.device_id)
    assert reply.deeds == [Retime(30.0)]
    (tree,) = made.ask("ConfigDownload", "<ConfigType>BasicParam</ConfigType>")
    assert text(tree, "BasicParam/HeartBeatInterval") == "30"
    assert text(tree, "BasicParam/Expiration") == "3600"
    assert text(tree, "BasicParam/SIPServerID") == SERVER_ID


def test_faults_of_the_configuration() -> None:
    block = "<OSDConfig><TimeX>99</TimeX></OSDConfig>"
    assert Simulated("standard-2022", "config-no-response").set(block).bodies == []
    made = Simulated("standard-2022", "config-not-kept")
    assert text(element(made.set(block).bodies[0]), "Result") == "OK"
    (tree,) = made.ask("ConfigDownload", "<ConfigType>OSDConfig</ConfigType>", CHANNEL)
    assert text(tree, "OSDConfig/TimeX") == "16"


def test_pictures_are_promised_by_2022_only() -> None:
    block = "<SnapShotConfig><SnapNum>2</SnapNum><Interval>1</Interval>"
    block += f"<UploadURL>http://192.0.2.1/u</UploadURL><SessionID>{'s' * 32}</SessionID>"
    block += "</SnapShotConfig>"
    reply = Simulated("standard-2022").set(block)
    (deed,) = reply.deeds
    assert isinstance(deed, TakePictures)
    assert (deed.code, deed.config.snap_num) == (CHANNEL, 2)
    older = Simulated().set(block)
    assert (text(element(older.bodies[0]), "Result"), older.deeds) == ("ERROR", [])


def test_cameras_and_recorders_call_themselves_differently() -> None:
    camera = make_plan(PlanOptions(1, recorders=0))[0]
    models = {
        text(Simulated(spec=spec).ask("DeviceInfo")[0], "Model") for spec in (camera, RECORDER)
    }
    assert len(models) == 2
