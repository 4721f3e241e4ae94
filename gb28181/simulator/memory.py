"""What one simulated device keeps in mind: its cameras, settings, cards and alarms.

Made at the first question that needs it, so that thousands of devices nobody asks cost nothing.
Times named `now` are of a clock that only goes forward; `wall` is the device's own clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gb28181.manscdp.blocks import (
    AlarmReport,
    BasicParam,
    Block,
    BlockType,
    FrameMirror,
    OsdConfig,
    PictureMask,
    RecordSchedule,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    TimeSegment,
    VideoAlarmRecord,
    VideoParam,
    VideoParamAttribute,
    VideoParamOpt,
    VideoRecordPlan,
)
from gb28181.manscdp.blocks import OsdText as Text
from gb28181.manscdp.times import BEIJING
from gb28181.simulator.archive import Archive
from gb28181.simulator.clip import FPS, MAIN, SUB
from gb28181.simulator.dome import Dome
from gb28181.simulator.machine import Times
from gb28181.simulator.plan import DeviceSpec

FORMAT_S: Final = 10.0
"""A card is formatted in this time."""
CARD_MB: Final = 65_536


class Card:
    """A memory card; formatting takes its time."""

    __slots__ = ("_began", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._began: float | None = None

    def format(self, now: float) -> None:
        self._began = now

    def progress(self, now: float) -> int | None:
        """Percent while it is being formatted; None when it is not."""
        if self._began is None or now - self._began >= FORMAT_S:
            return None
        return int((now - self._began) / FORMAT_S * 100)

    def free_mb(self, now: float) -> int:
        was_formatted = self._began is not None and self.progress(now) is None
        return CARD_MB if was_formatted else CARD_MB // 8


class Memory:
    """Of one device."""

    __slots__ = (
        "_archives",
        "_domes",
        "armed",
        "blocks",
        "cards",
        "off_channels",
        "silent",
        "tracking",
    )

    def __init__(self, spec: DeviceSpec, times: Times, server: tuple[str, str, int, str]) -> None:
        """`server`: id, host, port and domain of the platform."""
        self._archives: dict[str, Archive] = {}
        self._domes: dict[str, Dome] = {}
        self.armed = False
        self.silent = False
        """An alarm of method 2 was told and not reset yet."""
        self.off_channels: set[str] = set()
        self.tracking: dict[str, str] = {}
        """Channel -> Auto or Manual."""
        self.cards = [Card(number) for number in (1, 2)[: 2 if spec.is_recorder else 1]]
        self.blocks: dict[tuple[str, BlockType], Block] = {
            (spec.device_id, BlockType.BASIC_PARAM): _basic(spec, times, server)
        }

    def dome(self, code: str, now: float) -> Dome:
        dome = self._domes.get(code)
        if dome is None:
            dome = self._domes[code] = Dome(now)
        return dome

    def shown(self, code: str, now: float) -> tuple[str, ...]:
        """Pan, tilt and zoom in digits for the picture; nothing for one nobody steered."""
        dome = self._domes.get(code)
        if dome is None:
            return ()
        at = dome.at(now)
        return (f"{int(at.pan):03d}", f"{int(at.tilt) % 360:03d}", f"{int(at.zoom):02d}")

    def archive(self, code: str) -> Archive:
        archive = self._archives.get(code)
        if archive is None:
            archive = self._archives[code] = Archive()
        return archive

    @property
    def is_recording(self) -> bool:
        return any(archive.is_recording for archive in self._archives.values())

    def block(self, code: str, kind: BlockType) -> Block:
        """A block as it was set last, or as the device came."""
        known = self.blocks.get((code, kind))
        if known is None:
            known = self.blocks[code, kind] = _FIRST[kind]
        return known


def wall_clock(moment: float) -> datetime:
    """UNIX seconds as Beijing time."""
    return datetime.fromtimestamp(moment, BEIJING)


def _basic(spec: DeviceSpec, times: Times, server: tuple[str, str, int, str]) -> BasicParam:
    server_id, host, port, domain = server
    return BasicParam(
        name=spec.name,
        expiration=int(times.expires_s),
        heart_beat_interval=max(1, int(times.keepalive_s)) if times.keepalive_s else 60,
        heart_beat_count=times.misses,
        sip_server_id=server_id,
        sip_server_ip=host,
        sip_server_port=port,
        domain_name=domain,
        position_capability=0,
    )


_ALL_DAY: Final = (TimeSegment(0, 0, 0, 23, 59, 59),)

_FIRST: Final[dict[BlockType, Block]] = {
    BlockType.BASIC_PARAM: BasicParam(),
    BlockType.VIDEO_PARAM_OPT: VideoParamOpt("1/2/4", "5/6"),
    BlockType.SVAC_ENCODE_CONFIG: SvacEncodeConfig(),
    BlockType.SVAC_DECODE_CONFIG: SvacDecodeConfig(),
    BlockType.VIDEO_PARAM_ATTRIBUTE: VideoParamAttribute(
        (
            VideoParam(0, "2", "6", str(FPS), "2", str(MAIN.kbps)),
            VideoParam(1, "2", "5", str(FPS), "2", str(SUB.kbps)),
        )
    ),
    BlockType.VIDEO_RECORD_PLAN: VideoRecordPlan(
        1, 7, tuple(RecordSchedule(day, 1, _ALL_DAY) for day in range(1, 8)), 0
    ),
    BlockType.VIDEO_ALARM_RECORD: VideoAlarmRecord(1, 30, 5, 0),
    BlockType.PICTURE_MASK: PictureMask(0, 0),
    BlockType.FRAME_MIRROR: FrameMirror(0),
    BlockType.ALARM_REPORT: AlarmReport(1, 0),
    BlockType.OSD_CONFIG: OsdConfig(
        MAIN.width, MAIN.height, 16, 16, 1, 0, 1, 1, (Text("仿真", 16, 64),)
    ),
    BlockType.SNAPSHOT_CONFIG: SnapShotConfig(1, 1),
}
