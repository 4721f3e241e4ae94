"""Settings of an independent camera: what it is asked and told, literally, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from .camera import Camera
from .camera.controls import Controls, squeeze
from .kit import Launch, MakeCamera
from .live_support import camera_with
from .server import Answer, Server

pytestmark = pytest.mark.clause("GB/T 28181-2022", "9.3.2")


def _camera(platform: Server, make_camera: MakeCamera, **how: Any) -> tuple[Camera, str, Controls]:
    how.setdefault("gb_version", "3.0")
    camera, channel_id = camera_with(make_camera, platform, None, **how)
    controls = camera.on_message = Controls(camera)
    return camera, channel_id, controls


def put(platform: Server, path: str, body: Any) -> Answer:
    return platform.call("PUT", f"/api/v1{path}", body)


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.4")
@pytest.mark.clause("GB/T 28181-2022", "A.2.4.7")
def test_all_blocks_in_one_message(platform: Server, make_camera: MakeCamera) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera)
    path = f"/devices/{camera.device_id}/config"
    answer = platform.call("GET", f"/api/v1{path}?block=basic_param&block=osd_config")
    assert controls.asked[0].xml("ConfigType") == "BasicParam/OSDConfig"
    assert answer.status == 200
    blocks = answer.body["blocks"]
    assert blocks["basic_param"]["name"] == "新华街枪机"
    assert blocks["basic_param"]["heart_beat_interval"] == 60
    assert blocks["basic_param"]["password"] == "***"
    assert blocks["osd_config"]["items"] == [{"text": "东门", "x": 100, "y": 200}]
    assert blocks["video_record_plan"] is None
    assert answer.body["missing"] == []
    assert "clear-text-secret" not in platform.log_text()


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.4")
def test_one_message_per_block(platform: Server, make_camera: MakeCamera) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera)
    controls.block_per_message = True
    query = "block=basic_param&block=frame_mirror&block=video_alarm_record"
    answer = platform.call("GET", f"/api/v1/devices/{camera.device_id}/config?{query}")
    assert answer.status == 200
    assert answer.body["blocks"]["frame_mirror"] == {"mode": 1}
    assert answer.body["blocks"]["video_alarm_record"]["pre_record_time"] == 5


def test_a_block_under_another_name(platform: Server, make_camera: MakeCamera) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera)
    controls.blocks["VideoAlarmRecord"] = controls.blocks["VideoAlarmRecord"].replace(
        "VideoAlarmRecord>", "AlarmRecordCfg>"
    )
    answer = platform.call(
        "GET", f"/api/v1/devices/{camera.device_id}/config?block=video_alarm_record"
    )
    assert answer.status == 200
    assert answer.body["blocks"]["video_alarm_record"]["record_time"] == 30
    assert answer.body["problems"] == ["VideoAlarmRecord is called AlarmRecordCfg"]


@pytest.mark.clause("GB/T 28181-2022", "9.5.3.4")
def test_a_device_of_2016_is_asked_for_what_it_knows(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera, gb_version="")
    path = f"/devices/{camera.device_id}/config"
    answer = platform.call("GET", f"/api/v1{path}?block=osd_config")
    assert (answer.status, answer.error["code"]) == (501, "not_supported")
    assert put(platform, f"{path}/osd_config", {"time_x": 1}).status == 501
    got = platform.get(path)
    assert controls.asked[0].xml("ConfigType") == (
        "BasicParam/VideoParamOpt/SVACEncodeConfig/SVACDecodeConfig"
    )
    assert got["missing"] == ["svac_encode_config", "svac_decode_config"]
    assert got["blocks"]["video_param_opt"]["resolution"] == "5/6"


def test_basic_param_is_changed_without_its_secrets(
    platform: Server, make_camera: MakeCamera
) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera)
    path = f"/devices/{camera.device_id}/config/basic_param"
    answer = put(platform, path, {"heart_beat_interval": 30})
    assert answer.status == 200
    assert answer.body["confirmed"] == "response"
    assert (
        f"<DeviceID>{camera.device_id}</DeviceID><BasicParam><HeartBeatInterval>30"
        "</HeartBeatInterval></BasicParam></Control>"
    ) in squeeze(controls.last)
    device = platform.device(camera.device_id)
    assert device is not None
    assert device["policy"]["keepalive_interval"] == 30
    for bad in (
        {"heart_beat_interval": -1},
        {"heart_beat_interval": 3601},
        {"heart_beat_interval": 0},
        {"heart_beat_count": 21},
        {"password": "x"},
        {"sip_server_ip": "192.0.2.1"},
        {"heartbeat": 1},
        {"name": "x" * 257},
    ):
        assert put(platform, path, bad).status == 422, bad
    assert put(platform, path, {}).status == 422
    assert len(controls.told) == 1


def test_read_modify_write_keeps_the_rest(platform: Server, make_camera: MakeCamera) -> None:
    _who, channel_id, controls = _camera(platform, make_camera)
    answer = put(platform, f"/channels/{channel_id}/config/osd_config", {"time_x": 33})
    assert answer.status == 200, answer
    assert (
        f"<DeviceID>{channel_id}</DeviceID><OSDConfig><Length>1920</Length><Width>1080</Width>"
        "<TimeX>33</TimeX><TimeY>20</TimeY><TimeEnable>1</TimeEnable><SumNum>1</SumNum>"
        "<Item><Text>东门</Text><X>100</X><Y>200</Y></Item></OSDConfig></Control>"
    ) in squeeze(controls.last)
    items = [{"text": "甲", "x": 1, "y": 2}, {"text": "乙", "x": 3, "y": 4}]
    assert (
        put(platform, f"/channels/{channel_id}/config/osd_config", {"items": items}).status == 200
    )
    assert (
        "<SumNum>2</SumNum><Item><Text>甲</Text><X>1</X><Y>2</Y></Item>"
        "<Item><Text>乙</Text><X>3</X><Y>4</Y></Item></OSDConfig>"
    ) in squeeze(controls.last)


@pytest.mark.clause("GB/T 28181-2022", "A.2.3.2")
def test_every_block_of_2022_can_be_set(platform: Server, make_camera: MakeCamera) -> None:
    camera, _channel_id, controls = _camera(platform, make_camera)
    controls.blocks.clear()
    base = f"/devices/{camera.device_id}/config"
    segment = {
        "start_hour": 8,
        "start_min": 0,
        "start_sec": 0,
        "stop_hour": 18,
        "stop_min": 30,
        "stop_sec": 0,
    }
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "video_param_attribute",
            {
                "items": [
                    {
                        "stream_number": 0,
                        "video_format": "5",
                        "resolution": "6",
                        "frame_rate": "25",
                        "bit_rate_type": "1",
                        "video_bit_rate": "4096",
                    }
                ]
            },
            '<VideoParamAttribute Num="1"><Item><StreamNumber>0</StreamNumber>'
            "<VideoFormat>5</VideoFormat><Resolution>6</Resolution><FrameRate>25</FrameRate>"
            "<BitRateType>1</BitRateType><VideoBitRate>4096</VideoBitRate></Item>"
            "</VideoParamAttribute>",
        ),
        (
            "video_record_plan",
            {
                "record_enable": 1,
                "record_schedules": [{"week_day_num": 1, "time_segments": [segment]}],
                "stream_number": 0,
            },
            "<VideoRecordPlan><RecordEnable>1</RecordEnable>"
            "<RecordScheduleSumNum>1</RecordScheduleSumNum><RecordSchedule>"
            "<WeekDayNum>1</WeekDayNum><TimeSegmentSumNum>1</TimeSegmentSumNum><TimeSegment>"
            "<StartHour>8</StartHour><StartMin>0</StartMin><StartSec>0</StartSec>"
            "<StopHour>18</StopHour><StopMin>30</StopMin><StopSec>0</StopSec></TimeSegment>"
            "</RecordSchedule><StreamNumber>0</StreamNumber></VideoRecordPlan>",
        ),
        (
            "video_alarm_record",
            {"record_enable": 1, "record_time": 60},
            "<VideoAlarmRecord><RecordEnable>1</RecordEnable><RecordTime>60</RecordTime>"
            "</VideoAlarmRecord>",
        ),
        (
            "picture_mask",
            {"on": 1, "regions": [{"seq": 1, "point": "10,20,30,40"}]},
            '<PictureMask><On>1</On><SumNum>1</SumNum><RegionList Num="1"><Item><Seq>1</Seq>'
            "<Point>10,20,30,40</Point></Item></RegionList></PictureMask>",
        ),
        ("frame_mirror", {"mode": 3}, "<FrameMirror>3</FrameMirror>"),
        (
            "alarm_report",
            {"motion_detection": 1, "field_detection": 0},
            "<AlarmReport><MotionDetection>1</MotionDetection>"
            "<FieldDetection>0</FieldDetection></AlarmReport>",
        ),
        (
            "svac_decode_config",
            {"svc_param": {"svcstm_mode": 2}},
            "<SVACDecodeConfig><SVCParam><SVCSTMMode>2</SVCSTMMode></SVCParam></SVACDecodeConfig>",
        ),
    ]
    for name, body, xml in cases:
        answer = put(platform, f"{base}/{name}", body)
        assert answer.status == 200, (name, answer)
        assert xml in squeeze(controls.last), name
    assert put(platform, f"{base}/video_param_opt", {"resolution": "6"}).status in (404, 405)


def test_a_device_that_takes_and_says_nothing(launch: Launch, make_camera: MakeCamera) -> None:
    server = launch(GB28181_CONTROL__ANSWER_TIMEOUT="1")
    _who, channel_id, controls = _camera(server, make_camera)
    del controls.answers["DeviceConfig"]
    path = f"/channels/{channel_id}/config/video_alarm_record"
    same = put(server, path, {"record_time": 30})
    assert (same.status, same.body["confirmed"]) == (200, "readback")
    other = put(server, path, {"record_time": 31})
    assert (other.status, other.error["code"]) == (504, "device_timeout")
    controls.answers["DeviceConfig"] = "<Result>ERROR</Result>\n"
    refused = put(server, path, {"record_time": 31})
    assert (refused.status, refused.error["code"]) == (502, "device_refused")
