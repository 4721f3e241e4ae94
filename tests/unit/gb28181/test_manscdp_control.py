"""Control, configuration and questions: every vector both ways, and what is wrong with fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gb28181.manscdp import Message, read, write
from gb28181.manscdp.actions import (
    Action,
    AlarmReset,
    Area,
    DeviceUpgrade,
    DragZoom,
    FormatSdCard,
    GuardCmd,
    HomePosition,
    IFrame,
    PreciseMove,
    PtzCmd,
    PtzNames,
    RecordCmd,
    TargetTrack,
    TeleBoot,
    Track,
)
from gb28181.manscdp.blocks import (
    AlarmReport,
    AudioEncode,
    BasicParam,
    Block,
    BlockType,
    FrameMirror,
    MaskRegion,
    OsdConfig,
    OsdText,
    PictureMask,
    RecordSchedule,
    RoiItem,
    RoiParam,
    SnapShotConfig,
    SurveillanceEncode,
    SvacEncodeConfig,
    SvcEncodeParam,
    TimeSegment,
    VideoAlarmRecord,
    VideoParam,
    VideoParamAttribute,
    VideoRecordPlan,
    to_send,
)
from gb28181.manscdp.commands.cruise_track import (
    CruisePoint,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from gb28181.manscdp.commands.cruise_track import Track as CruiseTrack
from gb28181.manscdp.commands.device_config import (
    ConfigQuery,
    ConfigResponse,
    DeviceConfig,
    DeviceConfigResponse,
)
from gb28181.manscdp.commands.device_control import DeviceControl, DeviceControlResponse
from gb28181.manscdp.commands.device_status import (
    AlarmInput,
    DeviceStatusResponse,
    Duty,
    Online,
    Result,
    Switch,
)
from gb28181.manscdp.commands.home_position import HomePositionResponse
from gb28181.manscdp.commands.preset import PresetItem, PresetResponse
from gb28181.manscdp.commands.ptz_position_query import PtzPositionResponse
from gb28181.manscdp.commands.sd_card import CardStatus, SdCard, SdCardResponse
from gb28181.manscdp.commands.snapshot_finished import SnapShotFinished
from gb28181.manscdp.commands.upgrade_result import DeviceUpgradeResult, UpgradeFailure
from gb28181.manscdp.table import merged, shown

pytestmark = pytest.mark.clause("GB/T 28181-2022", "A.2")

FOLDER = Path(__file__).parents[2] / "vectors" / "control"
IPC = "64020500001320000021"
SESSION = "0123456789abcdef0123456789abcdef"
AREA = Area(1920, 1080, 400, 500, 90, 60)
DAY = TimeSegment(0, 0, 0, 23, 59, 59)


def control(sn: int, action: Action) -> DeviceControl:
    return DeviceControl(str(sn), IPC, action)


def config(sn: int, *blocks: Block) -> DeviceConfig:
    return DeviceConfig(str(sn), IPC, blocks)


BASIC = BasicParam(
    "南关枪机",
    3600,
    60,
    3,
    "64010000002000000001",
    "192.0.2.10",
    5060,
    "6401000000",
    "example-pass",
    0,
)
EXPECTED: dict[str, Message] = {
    "ptz-left-2016": control(401, PtzCmd("A50F010250000007", None, 5)),
    "ptz-stop": control(402, PtzCmd("A50F0100000000B5")),
    "preset-set-named": control(403, PtzCmd("A50F01810007003D", PtzNames("北门岗亭"))),
    "boot": control(404, TeleBoot()),
    "record-sub": control(405, RecordCmd(True, 1)),
    "record-stop": control(406, RecordCmd(False)),
    "guard-set": control(407, GuardCmd(True)),
    "guard-reset": control(408, GuardCmd(False)),
    "alarm-reset": control(409, AlarmReset("5", "2")),
    "key-frame-2016": control(410, IFrame(old_spelling=True)),
    "key-frame-2022": control(411, IFrame()),
    "drag-zoom-in": control(412, DragZoom(True, AREA)),
    "drag-zoom-out": control(413, DragZoom(False, AREA)),
    "home-position": control(414, HomePosition(1, 90, 7)),
    "precise": control(415, PreciseMove(270.25, -12.5, 8.0)),
    "target-track-manual": control(416, TargetTrack(Track.MANUAL, "64020500001320000022", AREA)),
    "format-card": control(417, FormatSdCard(2)),
    "upgrade": control(
        418, DeviceUpgrade("V3.0.1", "http://192.0.2.10/f?a=1&b=2", "厂商甲", SESSION)
    ),
    "control-response": DeviceControlResponse("407", IPC, True),
    "control-response-error": DeviceControlResponse("408", IPC, False),
    "device-status": DeviceStatusResponse(
        "420",
        IPC,
        Result.OK,
        Online.ONLINE,
        Result.ERROR,
        "硬盘满",
        Switch.ON,
        Switch.OFF,
        "2026-11-22T09:30:00",
        (
            AlarmInput("64020500001340000001", Duty.ONDUTY),
            AlarmInput("64020500001340000002", Duty.ALARM),
        ),
    ),
    "device-status-dirty": DeviceStatusResponse(
        "421",
        IPC,
        None,
        Online.ONLINE,
        None,
        encode=Switch.ON,
        alarm_inputs=(AlarmInput(),),
        extra=(("Temperature", "41"),),
        problems=(
            "Result unknown: 'Fine'",
            "Online doubled: 'OFFLINE'",
            "Status missing",
            "Record unknown: '9'",
            "DeviceID missing",
            "DutyStatus unknown: 'ASLEEP'",
        ),
    ),
    "presets-2016": PresetResponse("422", IPC, None, (PresetItem("1", "正门"), PresetItem("255"))),
    "presets-2022": PresetResponse("423", IPC, 3, (PresetItem("1", "正门"),)),
    "home-position-response": HomePositionResponse("424", IPC, HomePosition(1, 90, 7)),
    "cruise-list": CruiseTrackListResponse(
        "425", IPC, 2, (CruiseTrack(0, "白天"), CruiseTrack(1, "夜间"))
    ),
    "cruise-query": CruiseTrackQuery("426", IPC, 1),
    "cruise": CruiseTrackResponse("426", IPC, 1, "夜间", 1, (CruisePoint(7, 20, 15),)),
    "ptz-position": PtzPositionResponse("427", IPC, 10.5, -3.25, 2.0, 60.0, 34.0, 200.0),
    "ptz-position-nested": PtzPositionResponse(
        "428", IPC, 10.5, None, 2.0, problems=("Tilt not a number: 'x'",)
    ),
    "sd-cards": SdCardResponse(
        "429",
        IPC,
        2,
        (
            SdCard(1, "sd1", CardStatus.OK, None, 61035, 1024),
            SdCard(2, "sd2", CardStatus.FORMATTING, 55),
        ),
    ),
    "config-query": ConfigQuery(
        "430", IPC, (BlockType.BASIC_PARAM, BlockType.OSD_CONFIG, BlockType.SNAPSHOT_CONFIG)
    ),
    "config-basic": ConfigResponse("430", IPC, True, (BASIC,)),
    "config-2022": ConfigResponse(
        "431",
        IPC,
        True,
        (
            PictureMask(1, 1, (MaskRegion(1, "20,30,50,60"),)),
            FrameMirror(2),
            AlarmReport(1, 0),
            SnapShotConfig(2, 5),
        ),
    ),
    "config-snapshot-short-name": ConfigResponse(
        "432",
        IPC,
        True,
        (SnapShotConfig(None, 5),),
        ("SnapNum out of range: 11",),
    ),
    "config-set-plan": config(433, VideoRecordPlan(1, 1, (RecordSchedule(7, 1, (DAY,)),), 1)),
    "config-set-video": config(
        434,
        VideoParamAttribute((VideoParam(0, "5", "6", "25", "1", "4096"), VideoParam(1, "2", "3"))),
    ),
    "config-set-svac": config(
        435,
        SvacEncodeConfig(
            RoiParam(1, 1, (RoiItem(1, 10, 200, 2),)),
            SvcEncodeParam(1, 2, "4:3"),
            SurveillanceEncode(1),
            AudioEncode(1),
        ),
    ),
    "config-set-snapshot": config(
        436, SnapShotConfig(1, 1, "http://192.0.2.10:8080/up/0123", SESSION)
    ),
    "config-set-response": DeviceConfigResponse("436", IPC, True),
    "snapshot-finished": SnapShotFinished(
        "437",
        IPC,
        SESSION,
        (
            "64020500001320000021022026112209300012301",
            "64020500001320000021022026112209300112302",
        ),
    ),
    "upgrade-result": DeviceUpgradeResult(
        "438", IPC, SESSION, Result.ERROR, "V3.0.0", UpgradeFailure.DAMAGED_PACKAGE
    ),
}
READ_ONLY = {
    "device-status-dirty",
    "ptz-position-nested",
    "config-snapshot-short-name",
    "config-basic",
}


def body_of(name: str) -> bytes:
    head, gap, body = (FOLDER / f"{name}.sip").read_bytes().partition(b"\r\n\r\n")
    assert gap
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    return body


def test_every_file_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.sip")} == set(EXPECTED)


@pytest.mark.clause("GB/T 28181-2022", "A.2.3.1")
@pytest.mark.clause("GB/T 28181-2022", "A.2.3.2")
@pytest.mark.clause("GB/T 28181-2022", "A.2.6.6")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_vector_is_read(name: str) -> None:
    assert read(body_of(name)) == EXPECTED[name]


@pytest.mark.clause("GB/T 28181-2022", "A.2.3.1")
@pytest.mark.clause("GB/T 28181-2022", "A.2.3.2")
@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - READ_ONLY))
def test_the_vector_is_what_we_write(name: str) -> None:
    body = body_of(name)
    label = "GB18030" if b'"GB18030"' in body else "GB2312"
    assert write(EXPECTED[name], label) == body


def test_a_password_is_neither_written_nor_shown() -> None:
    body = write(EXPECTED["config-basic"])
    assert b"Password" not in body
    assert b"example-pass" not in body
    assert shown(BASIC)["password"] == "***"
    assert shown(BasicParam())["password"] == ""


def test_what_only_the_device_tells_is_not_sent_back() -> None:
    sent = to_send(BASIC)
    assert sent == BasicParam("南关枪机", 3600, 60, 3)
    svac = to_send(SvacEncodeConfig(svc_param=SvcEncodeParam(1, 2, "", 3, 3, "4:3")))
    assert svac == SvacEncodeConfig(svc_param=SvcEncodeParam(1, 2, ""))


def test_counters_fit_their_lists() -> None:
    osd = to_send(OsdConfig(sum_num=7, items=(OsdText("a", 1, 2), OsdText("b", 3, 4))))
    assert isinstance(osd, OsdConfig)
    assert osd.sum_num == 2
    assert to_send(PictureMask(0)) == PictureMask(0, 0)
    plan = to_send(VideoRecordPlan(1, None, (RecordSchedule(1, None, (DAY, DAY)),)))
    assert plan == VideoRecordPlan(1, 1, (RecordSchedule(1, 2, (DAY, DAY)),))


def test_changes_are_put_over_what_is_there() -> None:
    before = OsdConfig(1920, 1080, 10, 20, items=(OsdText("东", 1, 2),))
    assert merged(before, {"time_x": 5}) == OsdConfig(
        1920, 1080, 5, 20, items=(OsdText("东", 1, 2),)
    )
    after = merged(before, {"items": [{"text": "西", "x": 3, "y": 4}]})
    assert after.items == (OsdText("西", 3, 4),)
    svac = merged(SvacEncodeConfig(), {"svc_param": {"space_domain_mode": 1}})
    assert svac == SvacEncodeConfig(svc_param=SvcEncodeParam(1))
    svac = merged(svac, {"svc_param": {"time_domain_mode": 2}})
    assert svac == SvacEncodeConfig(svc_param=SvcEncodeParam(1, 2))


# --- bad input ------------------------------------------------------------------------------------


def response(command: str, inner: str, root: str = "Response") -> Any:
    text = (
        f'<?xml version="1.0"?><{root}><CmdType>{command}</CmdType><SN>1</SN>'
        f"<DeviceID>{IPC}</DeviceID>{inner}</{root}>"
    )
    return read(text.encode("gb18030"))


def test_lists_without_their_holder_and_too_long_ones() -> None:
    bare = response("PresetQuery", "<Item><PresetID>4</PresetID></Item>")
    assert bare.items == (PresetItem("4"),)
    many = response("PictureMask", "", "Query")  # no such command: kept as it is, not an error
    assert many.command == "PictureMask"
    regions = "<Item><Seq>1</Seq><Point>1,1,2,2</Point></Item>" * 5
    mask = response(
        "ConfigDownload",
        f"<PictureMask><On>1</On><RegionList>{regions}</RegionList></PictureMask>",
    )
    assert len(mask.blocks[0].regions) == 4
    assert mask.problems == ("RegionList has more than 4 entries",)


def test_wrong_numbers_are_told_and_not_used() -> None:
    plan = response(
        "ConfigDownload",
        "<VideoAlarmRecord><RecordEnable>7</RecordEnable><RecordTime>soon</RecordTime>"
        "<PreRecordTime>5</PreRecordTime></VideoAlarmRecord>",
    )
    assert plan.blocks == (VideoAlarmRecord(None, None, 5),)
    assert plan.problems == (
        "RecordEnable out of range: 7",
        "RecordTime not a number: 'soon'",
    )


def test_a_block_twice_and_an_unknown_one() -> None:
    twice = response(
        "ConfigDownload",
        "<FrameMirror>1</FrameMirror><FrameMirror>2</FrameMirror><Vendor><A>1</A></Vendor>",
    )
    assert twice.blocks == (FrameMirror(1),)
    assert twice.problems == ("FrameMirror doubled",)
    assert [name for name, _ in twice.others] == ["Vendor"]


def test_frame_mirror_in_both_shapes() -> None:
    nested = "<FrameMirror><FrameMirror>3</FrameMirror></FrameMirror>"
    assert response("ConfigDownload", nested).blocks == (FrameMirror(3),)
    assert response("ConfigDownload", "<FrameMirror>9</FrameMirror>").blocks == (FrameMirror(),)


def test_controls_nobody_knows() -> None:
    empty = response("DeviceControl", "<Vendor>1</Vendor>", "Control")
    assert empty == DeviceControl("1", IPC, None)
    two = response(
        "DeviceControl", "<TeleBoot>Boot</TeleBoot><GuardCmd>SetGuard</GuardCmd>", "Control"
    )
    assert two.action == TeleBoot()
    assert two.problems == ("a second action: GuardCmd",)
    odd = response("DeviceControl", "<GuardCmd>Maybe</GuardCmd>", "Control")
    assert odd.problems == ("GuardCmd unknown: 'Maybe'",)


def test_a_result_that_is_not_there_counts_as_ok() -> None:
    assert response("DeviceControl", "") == DeviceControlResponse("1", IPC, True, said=False)
    assert response("DeviceConfig", "<Result>error</Result>") == DeviceConfigResponse(
        "1", IPC, False
    )


@pytest.mark.clause("GB/T 28181-2022", "A.2.4.7")
def test_asked_types_are_read_whatever_their_case() -> None:
    query = response("ConfigDownload", "<ConfigType>basicparam//Snapshot/New</ConfigType>", "Query")
    assert query.types == (BlockType.BASIC_PARAM, BlockType.SNAPSHOT_CONFIG)
    assert query.unknown == ("New",)
