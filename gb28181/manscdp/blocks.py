"""The configuration blocks of ConfigDownload and DeviceConfig. GB/T 28181-2022 A.2.1.12-24; of them
2016 has BasicParam, VideoParamOpt and the two SVAC ones.

Each block is a table (`table.py`): one place for element names, bounds, XML and people's values.
`BLOCKS` names them by the ConfigType; `read_block` reads one whatever the case of its element.

SnapShotConfig is called SnapShot in the answer of the 2022 schema; both are read, SnapShotConfig
is written. Of BasicParam many cameras tell their SIP password: it is read as secret, so it is
neither shown nor written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import table, xml
from gb28181.manscdp.codec import Node
from gb28181.manscdp.table import Extra, part, parts, text, whole


class BlockType(StrEnum):
    """`ConfigType`, and the element of the block."""

    BASIC_PARAM = "BasicParam"
    VIDEO_PARAM_OPT = "VideoParamOpt"
    SVAC_ENCODE_CONFIG = "SVACEncodeConfig"
    SVAC_DECODE_CONFIG = "SVACDecodeConfig"
    VIDEO_PARAM_ATTRIBUTE = "VideoParamAttribute"
    VIDEO_RECORD_PLAN = "VideoRecordPlan"
    VIDEO_ALARM_RECORD = "VideoAlarmRecord"
    PICTURE_MASK = "PictureMask"
    FRAME_MIRROR = "FrameMirror"
    ALARM_REPORT = "AlarmReport"
    OSD_CONFIG = "OSDConfig"
    SNAPSHOT_CONFIG = "SnapShotConfig"


@dataclass(frozen=True, slots=True)
class BasicParam:
    """Name and registration of a device; every field may be left out."""

    name: str = text("Name", 256)
    expiration: int | None = whole("Expiration", 0, 31_536_000)
    heart_beat_interval: int | None = whole("HeartBeatInterval", 0, 86_400)
    heart_beat_count: int | None = whole("HeartBeatCount", 0, 65_535)
    sip_server_id: str = text("SIPServerID", 64, told=True)
    sip_server_ip: str = text("SIPServerIP", 64, told=True)
    sip_server_port: int | None = whole("SIPServerPort", 0, 65_535, told=True)
    domain_name: str = text("DomainName", 64, told=True)
    password: str = text("Password", 128, secret=True)
    position_capability: int | None = whole("PositionCapability", 0, 255, told=True)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class VideoParamOpt:
    """What the encoder can do; lists with `/`."""

    download_speed: str = text("DownloadSpeed", 128)
    resolution: str = text("Resolution", 256)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class RoiItem:
    """One region of interest."""

    roi_seq: int | None = whole("ROISeq", 1, 16, needed=True)
    top_left: int | None = whole("TopLeft", 0, 2**31 - 1, needed=True)
    bottom_right: int | None = whole("BottomRight", 0, 2**31 - 1, needed=True)
    roi_qp: int | None = whole("ROIQP", 0, 3, needed=True)


@dataclass(frozen=True, slots=True)
class RoiParam:
    """Regions of interest of an SVAC encoder."""

    roi_flag: int | None = whole("ROIFlag", 0, 1)
    roi_number: int | None = whole("ROINumber", 0, 16, told=True)
    items: tuple[RoiItem, ...] = parts("", "Item", RoiItem, 16)


@dataclass(frozen=True, slots=True)
class SvcEncodeParam:
    """Scalable coding; the three `support` fields are told by the device only."""

    space_domain_mode: int | None = whole("SVCSpaceDomainMode", 0, 3)
    time_domain_mode: int | None = whole("SVCTimeDomainMode", 0, 3)
    ssvc_ratio_value: str = text("SSVCRatioValue", 64)
    space_support_mode: int | None = whole("SVCSpaceSupportMode", 0, 3, told=True)
    time_support_mode: int | None = whole("SVCTimeSupportMode", 0, 3, told=True)
    ssvc_ratio_support_list: str = text("SSVCRatioSupportList", 128, told=True)


@dataclass(frozen=True, slots=True)
class SurveillanceEncode:
    """What is written into the surveillance extension of SVAC."""

    time_flag: int | None = whole("TimeFlag", 0, 1)
    osd_flag: int | None = whole("OSDFlag", 0, 1)
    ai_flag: int | None = whole("AIFlag", 0, 1)
    gis_flag: int | None = whole("GISFlag", 0, 1)


@dataclass(frozen=True, slots=True)
class AudioEncode:
    """Audio features of SVAC."""

    audio_recognition_flag: int | None = whole("AudioRecognitionFlag", 0, 1)


@dataclass(frozen=True, slots=True)
class SvacEncodeConfig:
    """SVAC encoder."""

    roi_param: RoiParam | None = part("ROIParam", RoiParam)
    svc_param: SvcEncodeParam | None = part("SVCParam", SvcEncodeParam)
    surveillance_param: SurveillanceEncode | None = part("SurveillanceParam", SurveillanceEncode)
    audio_param: AudioEncode | None = part("AudioParam", AudioEncode)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class SvcDecodeParam:
    """Scalable decoding."""

    svcstm_mode: int | None = whole("SVCSTMMode", 0, 3)
    space_support_mode: int | None = whole("SVCSpaceSupportMode", 0, 3, told=True)
    time_support_mode: int | None = whole("SVCTimeSupportMode", 0, 3, told=True)


@dataclass(frozen=True, slots=True)
class SurveillanceDecode:
    """What is shown of the surveillance extension of SVAC."""

    time_show_flag: int | None = whole("TimeShowFlag", 0, 1)
    osd_show_flag: int | None = whole("OSDShowFlag", 0, 1)
    ai_show_flag: int | None = whole("AIShowFlag", 0, 1)
    gis_show_flag: int | None = whole("GISShowFlag", 0, 1)


@dataclass(frozen=True, slots=True)
class SvacDecodeConfig:
    """SVAC decoder."""

    svc_param: SvcDecodeParam | None = part("SVCParam", SvcDecodeParam)
    surveillance_param: SurveillanceDecode | None = part("SurveillanceParam", SurveillanceDecode)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class VideoParam:
    """One stream; the values are those of the f field of SDP (annex G)."""

    stream_number: int | None = whole("StreamNumber", 0, 255, needed=True)
    video_format: str = text("VideoFormat", 16)
    resolution: str = text("Resolution", 32)
    frame_rate: str = text("FrameRate", 16)
    bit_rate_type: str = text("BitRateType", 16)
    video_bit_rate: str = text("VideoBitRate", 16)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class VideoParamAttribute:
    """Coding of every stream."""

    items: tuple[VideoParam, ...] = parts("", "Item", VideoParam, 16)


@dataclass(frozen=True, slots=True)
class TimeSegment:
    """From and to within a day."""

    start_hour: int | None = whole("StartHour", 0, 23, needed=True)
    start_min: int | None = whole("StartMin", 0, 59, needed=True)
    start_sec: int | None = whole("StartSec", 0, 59, needed=True)
    stop_hour: int | None = whole("StopHour", 0, 23, needed=True)
    stop_min: int | None = whole("StopMin", 0, 59, needed=True)
    stop_sec: int | None = whole("StopSec", 0, 59, needed=True)


@dataclass(frozen=True, slots=True)
class RecordSchedule:
    """One weekday, 1 Monday to 7 Sunday."""

    week_day_num: int | None = whole("WeekDayNum", 1, 7, needed=True)
    time_segment_sum_num: int | None = whole("TimeSegmentSumNum", 0, 8, told=True)
    time_segments: tuple[TimeSegment, ...] = parts("", "TimeSegment", TimeSegment, 8)


@dataclass(frozen=True, slots=True)
class VideoRecordPlan:
    """When the device records."""

    record_enable: int | None = whole("RecordEnable", 0, 1, needed=True)
    record_schedule_sum_num: int | None = whole("RecordScheduleSumNum", 0, 7, told=True)
    record_schedules: tuple[RecordSchedule, ...] = parts("", "RecordSchedule", RecordSchedule, 7)
    stream_number: int | None = whole("StreamNumber", 0, 255)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class VideoAlarmRecord:
    """Recording at an alarm; seconds."""

    record_enable: int | None = whole("RecordEnable", 0, 1, needed=True)
    record_time: int | None = whole("RecordTime", 0, 86_400)
    pre_record_time: int | None = whole("PreRecordTime", 0, 86_400)
    stream_number: int | None = whole("StreamNumber", 0, 255)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class MaskRegion:
    """One mask; `point` is `lx,ly,rx,ry` in pixels."""

    seq: int | None = whole("Seq", 1, 4, needed=True)
    point: str = text("Point", 64, needed=True)


@dataclass(frozen=True, slots=True)
class PictureMask:
    """Privacy masks."""

    on: int | None = whole("On", 0, 1, needed=True)
    sum_num: int | None = whole("SumNum", 0, 4, told=True)
    regions: tuple[MaskRegion, ...] = parts("RegionList", "Item", MaskRegion, 4)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class FrameMirror:
    """0 off, 1 horizontal, 2 vertical, 3 both; the block is a bare value."""

    mode: int | None = whole("FrameMirror", 0, 3, needed=True)


@dataclass(frozen=True, slots=True)
class AlarmReport:
    """Which alarms are reported: 0 off, 1 on."""

    motion_detection: int | None = whole("MotionDetection", 0, 1)
    field_detection: int | None = whole("FieldDetection", 0, 1)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class OsdText:
    """One text on the picture."""

    text: str = text("Text", 32, needed=True)
    x: int | None = whole("X", 0, 65_535, needed=True)
    y: int | None = whole("Y", 0, 65_535, needed=True)


@dataclass(frozen=True, slots=True)
class OsdConfig:
    """What is drawn on the picture; `length` and `width` are those of the window, in pixels."""

    length: int | None = whole("Length", 0, 65_535)
    width: int | None = whole("Width", 0, 65_535)
    time_x: int | None = whole("TimeX", 0, 65_535)
    time_y: int | None = whole("TimeY", 0, 65_535)
    time_enable: int | None = whole("TimeEnable", 0, 1)
    time_type: int | None = whole("TimeType", 0, 1)
    text_enable: int | None = whole("TextEnable", 0, 1)
    sum_num: int | None = whole("SumNum", 0, 8, told=True)
    items: tuple[OsdText, ...] = parts("", "Item", OsdText, 8)
    extra: Extra = ()


@dataclass(frozen=True, slots=True)
class SnapShotConfig:
    """Pictures on demand: how many, how often (seconds), and where they are brought."""

    snap_num: int | None = whole("SnapNum", 1, 10)
    interval: int | None = whole("Interval", 1, 86_400)
    upload_url: str = text("UploadURL", 512)
    session_id: str = text("SessionID", 128)
    extra: Extra = ()


Block = (
    BasicParam
    | VideoParamOpt
    | SvacEncodeConfig
    | SvacDecodeConfig
    | VideoParamAttribute
    | VideoRecordPlan
    | VideoAlarmRecord
    | PictureMask
    | FrameMirror
    | AlarmReport
    | OsdConfig
    | SnapShotConfig
)

BLOCKS: Final[dict[BlockType, type[Any]]] = {
    BlockType.BASIC_PARAM: BasicParam,
    BlockType.VIDEO_PARAM_OPT: VideoParamOpt,
    BlockType.SVAC_ENCODE_CONFIG: SvacEncodeConfig,
    BlockType.SVAC_DECODE_CONFIG: SvacDecodeConfig,
    BlockType.VIDEO_PARAM_ATTRIBUTE: VideoParamAttribute,
    BlockType.VIDEO_RECORD_PLAN: VideoRecordPlan,
    BlockType.VIDEO_ALARM_RECORD: VideoAlarmRecord,
    BlockType.PICTURE_MASK: PictureMask,
    BlockType.FRAME_MIRROR: FrameMirror,
    BlockType.ALARM_REPORT: AlarmReport,
    BlockType.OSD_CONFIG: OsdConfig,
    BlockType.SNAPSHOT_CONFIG: SnapShotConfig,
}
OF_2016: Final = frozenset(
    {
        BlockType.BASIC_PARAM,
        BlockType.VIDEO_PARAM_OPT,
        BlockType.SVAC_ENCODE_CONFIG,
        BlockType.SVAC_DECODE_CONFIG,
    }
)
READ_ONLY: Final = frozenset({BlockType.VIDEO_PARAM_OPT})
"""May be asked for and not be set."""
_BY_NAME: Final = {kind.value.lower(): kind for kind in BlockType} | {
    "snapshot": BlockType.SNAPSHOT_CONFIG
}
_TYPES: Final = {cls: kind for kind, cls in BLOCKS.items()}


def type_named(name: str) -> BlockType | None:
    """The block of an element name or ConfigType, whatever its case."""
    return _BY_NAME.get(name.lower())


def type_of(block: Block) -> BlockType:
    """The ConfigType of a block."""
    return _TYPES[type(block)]


def read_block(kind: BlockType, element: Element, problems: list[str]) -> Block:
    """A block out of its element, whatever that is called."""
    if kind is BlockType.FRAME_MIRROR:
        if len(element) == 0:
            holder = Element("holder")
            value = Element(kind.value)
            value.text = element.text
            holder.append(value)
            element = holder
        mirror: FrameMirror = table.read(FrameMirror, element, problems, deep=True)
        return mirror
    block: Block = table.read(BLOCKS[kind], element, problems)
    return block


def write_block(block: Block) -> Node:
    """The element of a block; extras of BasicParam are not written back."""
    kind = type_of(block)
    nodes = table.nodes(block)
    if isinstance(block, FrameMirror):
        return nodes[0] if nodes else Node(kind.value, 0)
    if isinstance(block, VideoParamAttribute):
        return Node(kind.value, nodes, (("Num", str(len(block.items))),))
    return Node(kind.value, nodes)


def to_send(block: Block) -> Block:
    """A block as it may be set: nothing only the device tells, counters that fit the lists."""
    bare: Block = table.settable(block)
    match bare:
        case BasicParam():
            return replace(bare, extra=())
        case PictureMask():
            return replace(bare, sum_num=len(bare.regions))
        case OsdConfig():
            return replace(bare, sum_num=len(bare.items))
        case VideoRecordPlan():
            days = tuple(
                replace(day, time_segment_sum_num=len(day.time_segments))
                for day in bare.record_schedules
            )
            return replace(bare, record_schedule_sum_num=len(days), record_schedules=days)
        case SvacEncodeConfig(roi_param=RoiParam() as roi):
            return replace(bare, roi_param=replace(roi, roi_number=len(roi.items)))
        case _:
            return bare


def blocks_in(
    tree: Element, problems: list[str]
) -> tuple[tuple[Block, ...], tuple[tuple[str, Element], ...]]:
    """All blocks of a body, first of each kind; and elements that may be one under another name."""
    found: dict[BlockType, Block] = {}
    others: list[tuple[str, Element]] = []
    for element in tree:
        name = xml.name_of(element)
        kind = type_named(name)
        if kind is None:
            if len(element):
                others.append((name, element))
        elif kind in found:
            problems.append(f"{name} doubled")
        else:
            found[kind] = read_block(kind, element, problems)
    return tuple(found.values()), tuple(others)


__all__ = [
    "BLOCKS",
    "OF_2016",
    "READ_ONLY",
    "AlarmReport",
    "BasicParam",
    "Block",
    "BlockType",
    "FrameMirror",
    "MaskRegion",
    "OsdConfig",
    "OsdText",
    "PictureMask",
    "RecordSchedule",
    "RoiItem",
    "RoiParam",
    "SnapShotConfig",
    "SvacDecodeConfig",
    "SvacEncodeConfig",
    "TimeSegment",
    "VideoAlarmRecord",
    "VideoParam",
    "VideoParamAttribute",
    "VideoParamOpt",
    "VideoRecordPlan",
    "blocks_in",
    "read_block",
    "to_send",
    "type_named",
    "type_of",
    "write_block",
]
