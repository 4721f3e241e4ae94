"""MANSCDP bodies a simulated device sends of its own accord: heartbeat, alarm, position, results.

GB/T 28181-2022 A.2.5. What it answers is in `answers/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gb28181.manscdp.codec import Node
from gb28181.manscdp.commands.alarm import AlarmNotify
from gb28181.manscdp.commands.device_status import Result
from gb28181.manscdp.commands.media_status import MediaStatus
from gb28181.manscdp.commands.snapshot_finished import SnapShotFinished
from gb28181.manscdp.commands.upgrade_result import DeviceUpgradeResult, UpgradeFailure
from gb28181.manscdp.times import format_time
from gb28181.simulator import pen
from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.plan import DeviceSpec
from gb28181.simulator.profiles import Profile


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is raised; numbers are those of A.2.5.3."""

    code: str
    priority: int = 4
    method: int = 5
    type: int | None = 2
    event_type: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the bodies of one device."""

    spec: DeviceSpec
    profile: Profile
    faults: Faults

    def keepalive(self, sn: int) -> bytes:
        nodes = [] if Fault.KEEPALIVE_NO_STATUS in self.faults else [Node("Status", "OK")]
        device_id = self.spec.device_id
        return pen.write(self.profile, self.faults, "Notify", "Keepalive", sn, device_id, nodes)

    def alarm(self, sn: int, alarm: Alarm, wall: datetime) -> bytes:
        channel = next((one for one in self.spec.channels if one.channel_id == alarm.code), None)
        without_time = Fault.ALARM_WITHOUT_TIME in self.faults
        message = AlarmNotify(
            str(sn),
            alarm.code,
            priority=alarm.priority,
            method=alarm.method,
            time="" if without_time else format_time(wall.replace(microsecond=0)),
            description=alarm.text,
            longitude=None if channel is None else channel.longitude,
            latitude=None if channel is None else channel.latitude,
            type=alarm.type,
            event_type=alarm.event_type,
        )
        return self._written(message)

    def media_status(self, sn: int, code: str) -> bytes:
        return self._written(MediaStatus(str(sn), code))

    def pictures_brought(self, sn: int, code: str, session_id: str, files: list[str]) -> bytes:
        return self._written(SnapShotFinished(str(sn), code, session_id, tuple(files)))

    def upgraded(self, sn: int, session_id: str, firmware: str, good: bool) -> bytes:
        message = DeviceUpgradeResult(
            str(sn),
            self.spec.device_id,
            session_id,
            Result.OK if good else Result.ERROR,
            firmware,
            None if good else UpgradeFailure.DOWNLOAD_TIMEOUT,
        )
        return self._written(message)

    def _written(self, message: object) -> bytes:
        return pen.write_message(self.profile, self.faults, message)  # type: ignore[arg-type]
