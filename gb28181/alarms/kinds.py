"""Priorities, methods, types and event types of alarms, with names in Chinese and English.

GB/T 28181-2016 A.2.5 and -2022 A.2.5.3: the numbers are the same in both editions but for type 13
of method 5, which is new in 2022. A type means something only together with its method.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

BOTH: Final = ("2016", "2022")
NEW: Final = ("2022",)


@dataclass(frozen=True, slots=True)
class Name:
    """What a number is called, and in which editions it exists."""

    zh: str
    en: str
    editions: tuple[str, ...] = BOTH


class Priority(IntEnum):
    FIRST = 1
    SECOND = 2
    THIRD = 3
    FOURTH = 4


class Method(IntEnum):
    TELEPHONE = 1
    DEVICE = 2
    SMS = 3
    GPS = 4
    VIDEO = 5
    FAULT = 6
    OTHER = 7


class DeviceType(IntEnum):
    """Types of method 2."""

    VIDEO_LOSS = 1
    TAMPER = 2
    DISK_FULL = 3
    OVER_TEMPERATURE = 4
    UNDER_TEMPERATURE = 5


class VideoType(IntEnum):
    """Types of method 5."""

    MANUAL = 1
    MOTION = 2
    LEFT_OBJECT = 3
    REMOVED_OBJECT = 4
    TRIPWIRE = 5
    INTRUSION = 6
    WRONG_WAY = 7
    LOITERING = 8
    FLOW_COUNT = 9
    DENSITY = 10
    VIDEO_ABNORMAL = 11
    FAST_MOVEMENT = 12
    OCCLUSION = 13


class FaultType(IntEnum):
    """Types of method 6."""

    DISK_FAULT = 1
    FAN_FAULT = 2


class IntrusionEvent(IntEnum):
    """Event types of method 5, type 6."""

    ENTERING = 1
    LEAVING = 2


PRIORITIES: Final = {
    Priority.FIRST: Name("一级警情", "first level"),
    Priority.SECOND: Name("二级警情", "second level"),
    Priority.THIRD: Name("三级警情", "third level"),
    Priority.FOURTH: Name("四级警情", "fourth level"),
}
METHODS: Final = {
    Method.TELEPHONE: Name("电话报警", "telephone"),
    Method.DEVICE: Name("设备报警", "device"),
    Method.SMS: Name("短信报警", "text message"),
    Method.GPS: Name("GPS报警", "GPS"),
    Method.VIDEO: Name("视频报警", "video"),
    Method.FAULT: Name("设备故障报警", "device fault"),
    Method.OTHER: Name("其他报警", "other"),
}
TYPES: Final[dict[Method, dict[int, Name]]] = {
    Method.DEVICE: {
        DeviceType.VIDEO_LOSS: Name("视频丢失报警", "video loss"),
        DeviceType.TAMPER: Name("设备防拆报警", "tamper"),
        DeviceType.DISK_FULL: Name("存储设备磁盘满报警", "disk full"),
        DeviceType.OVER_TEMPERATURE: Name("设备高温报警", "temperature too high"),
        DeviceType.UNDER_TEMPERATURE: Name("设备低温报警", "temperature too low"),
    },
    Method.VIDEO: {
        VideoType.MANUAL: Name("人工视频报警", "manual"),
        VideoType.MOTION: Name("运动目标检测报警", "motion"),
        VideoType.LEFT_OBJECT: Name("遗留物检测报警", "object left behind"),
        VideoType.REMOVED_OBJECT: Name("物体移除检测报警", "object removed"),
        VideoType.TRIPWIRE: Name("绊线检测报警", "tripwire"),
        VideoType.INTRUSION: Name("入侵检测报警", "intrusion"),
        VideoType.WRONG_WAY: Name("逆行检测报警", "wrong way"),
        VideoType.LOITERING: Name("徘徊检测报警", "loitering"),
        VideoType.FLOW_COUNT: Name("流量统计报警", "flow count"),
        VideoType.DENSITY: Name("密度检测报警", "density"),
        VideoType.VIDEO_ABNORMAL: Name("视频异常检测报警", "picture abnormal"),
        VideoType.FAST_MOVEMENT: Name("快速移动报警", "fast movement"),
        VideoType.OCCLUSION: Name("图像遮挡报警", "picture covered", NEW),
    },
    Method.FAULT: {
        FaultType.DISK_FAULT: Name("存储设备磁盘故障报警", "disk fault"),
        FaultType.FAN_FAULT: Name("存储设备风扇故障报警", "fan fault"),
    },
}
EVENTS: Final[dict[tuple[Method, int], dict[int, Name]]] = {
    (Method.VIDEO, VideoType.INTRUSION): {
        IntrusionEvent.ENTERING: Name("进入区域", "entering"),
        IntrusionEvent.LEAVING: Name("离开区域", "leaving"),
    },
}
GENERIC: Final = Name("报警输入", "alarm input")
"""Method 2 without a type: somebody closed a contact."""


def priority_name(number: int | None) -> Name | None:
    return PRIORITIES.get(Priority(number)) if number in set(Priority) else None


def method_name(number: int | None) -> Name | None:
    return METHODS.get(Method(number)) if number in set(Method) else None


def type_name(method: int | None, number: int | None) -> Name | None:
    """The name of a type; None for one no edition knows."""
    if method == Method.DEVICE and not number:
        return GENERIC
    if number is None or method not in set(Method):
        return None
    return TYPES.get(Method(method), {}).get(number)


def event_name(method: int | None, kind: int | None, number: int | None) -> Name | None:
    if number is None or kind is None or method not in set(Method):
        return None
    return EVENTS.get((Method(method), kind), {}).get(number)
