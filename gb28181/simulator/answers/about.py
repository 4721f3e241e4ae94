"""DeviceInfo and DeviceStatus: who a device is and how it is. GB/T 28181-2022 A.2.6.5, A.2.6.6."""

from __future__ import annotations

from gb28181.manscdp.codec import Node
from gb28181.manscdp.times import format_time
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.answers.catalog import alarm_input_id, model_of
from gb28181.simulator.faults import Fault
from gb28181.simulator.profiles import Habit

FIRMWARE = "V1.0.0 build 260101"


def info(asked: Asked) -> Reply:
    if Fault.NO_DEVICE_INFO in asked.faults:
        return Reply()
    spec, profile = asked.spec, asked.profile
    body = asked.response(
        "DeviceInfo",
        Node("DeviceName", spec.name),
        Node("Result", "OK"),
        Node("Manufacturer", profile.manufacturer),
        Node("Model", model_of(profile, spec)),
        Node("Firmware", FIRMWARE),
        Node("Channel", len(spec.channels)),
    )
    return Reply([body])


def status(asked: Asked) -> Reply:
    if Fault.NO_DEVICE_STATUS in asked.faults:
        return Reply()
    memory = asked.memory
    duty = "ALARM" if memory.silent else "ONDUTY" if memory.armed else "OFFDUTY"
    code = alarm_input_id(asked.spec) if asked.has(Habit.NAMELESS_INPUTS) else asked.spec.device_id
    inputs = (Node("Item", (Node("DeviceID", code), Node("DutyStatus", duty))),)
    off = asked.code in memory.off_channels
    body = asked.response(
        "DeviceStatus",
        Node("Result", "OK"),
        Node("Online", "OFFLINE" if off else "ONLINE"),
        Node("Status", "OK"),
        Node("Encode", "ON"),
        Node("Record", "ON" if memory.is_recording else "OFF"),
        Node("DeviceTime", format_time(asked.wall.replace(microsecond=0))),
        Node("Alarmstatus", inputs, (("Num", "1"),)),
    )
    return Reply([body])
