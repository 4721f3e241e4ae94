"""What a device is asked and told, behind one object: the floors above talk to this.

It wires the parts, hands each notification of a device to the one that waits for it, and asks the
simple questions. How a channel is addressed stands in `target.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gb28181.cluster.bus import Bus
from gb28181.control.collect import Collected, Enough, Key
from gb28181.control.commands import Commands
from gb28181.control.config import Configs
from gb28181.control.ptz import PtzControl
from gb28181.control.query import Queries
from gb28181.control.snapshot import SnapshotOptions, Snapshots
from gb28181.control.stills import Stills
from gb28181.control.target import Target, channel_target, device_target
from gb28181.control.upgrades import Upgrades
from gb28181.device.model import Device
from gb28181.device.service import DeviceService
from gb28181.errors import DeviceRefused
from gb28181.manscdp import Message
from gb28181.manscdp.actions import HomePosition
from gb28181.manscdp.commands.cruise_track import (
    CruiseTrackListQuery,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from gb28181.manscdp.commands.device_status import (
    DeviceStatusQuery,
    DeviceStatusResponse,
    Result,
)
from gb28181.manscdp.commands.home_position import HomePositionQuery, HomePositionResponse
from gb28181.manscdp.commands.preset import PresetQuery
from gb28181.manscdp.commands.ptz_position_query import PtzPositionQuery, PtzPositionResponse
from gb28181.manscdp.commands.sd_card import SdCardQuery
from gb28181.manscdp.commands.snapshot_finished import SnapShotFinished
from gb28181.manscdp.commands.upgrade_result import DeviceUpgradeResult
from gb28181.store.control import ControlBook
from sip.endpoint import Endpoint
from sip.flow import Flow

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """From the settings."""

    command_s: float
    answer_s: float
    deadman_s: float
    hold_s: float
    snapshots: SnapshotOptions


class ControlService:
    """One per node; created before the SIP endpoint starts, closed before it."""

    def __init__(
        self,
        devices: DeviceService,
        sip: Endpoint,
        book: ControlBook,
        bus: Bus,
        options: ControlOptions,
        *,
        folder: Path,
        stills: Stills,
        upload_base: Callable[[Flow], str],
    ) -> None:
        self._devices = devices
        self._answer_s = options.answer_s
        self.queries = Queries(devices, sip)
        self.ptz = PtzControl(
            devices,
            self.queries,
            deadman_s=options.deadman_s,
            hold_s=options.hold_s,
            timeout_s=options.command_s,
        )
        self.commands = Commands(
            self.queries, timeout_s=options.command_s, answer_s=options.answer_s
        )
        self.configs = Configs(devices, self.queries, answer_s=options.answer_s)
        self.upgrades = Upgrades(self.commands, book, bus)
        self.stills = stills
        self.snapshots = Snapshots(
            devices,
            self.queries,
            book,
            bus,
            folder,
            options.snapshots,
            stills=stills,
            upload_base=upload_base,
        )
        devices.on_message_other.append(self._on_message)

    async def aclose(self) -> None:
        """Stop what moves; let go of everything in bounded time."""
        await self.ptz.aclose()
        await self.upgrades.aclose()
        await self.stills.aclose()

    def _on_message(self, device: Device, message: Message) -> None:
        if isinstance(message, SnapShotFinished):
            self.snapshots.on_finished(device, message)
        elif isinstance(message, DeviceUpgradeResult):
            self.upgrades.on_result(device, message)

    # --- whom -----------------------------------------------------------------------------------

    def channel(self, channel_id: str) -> Target:
        """A channel by its public id; raises NotFound."""
        return channel_target(self._devices, channel_id)

    def device(self, device_id: str) -> Target:
        """A device itself; raises NotFound."""
        return device_target(self._devices, device_id)

    # --- questions ------------------------------------------------------------------------------

    async def query(
        self,
        device_id: str,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        quiet: float = 5.0,
        longest: float = 120.0,
        enough: Enough | None = None,
        key: Key | None = None,
    ) -> Collected:
        """Ask a device anything; see `Queries.ask`. Without a timeout that of the settings."""
        return await self.queries.ask(
            device_id,
            message,
            timeout=self._answer_s if timeout is None else timeout,
            quiet=quiet,
            longest=longest,
            enough=enough,
            key=key,
        )

    async def status(self, target: Target) -> DeviceStatusResponse:
        """DeviceStatus; Result ERROR is a refusal."""
        answer = await self._one(target, DeviceStatusQuery("", target.code), DeviceStatusResponse)
        if answer.result is Result.ERROR:
            raise DeviceRefused(
                f"device {target.device_id} says ERROR", sip_status=200, detail={"result": "ERROR"}
            )
        return answer

    async def presets(self, target: Target) -> Collected:
        """Presets; in both editions."""
        return await self.query(target.device_id, PresetQuery("", target.code))

    async def home_position(self, target: Target, *, force: bool = False) -> HomePosition | None:
        target.require_2022("HomePositionQuery", force=force)
        question = HomePositionQuery("", target.code)
        return (await self._one(target, question, HomePositionResponse)).home

    async def cruise_tracks(self, target: Target, *, force: bool = False) -> Collected:
        target.require_2022("CruiseTrackListQuery", force=force)
        return await self.query(target.device_id, CruiseTrackListQuery("", target.code))

    async def cruise_track(
        self, target: Target, number: int, *, force: bool = False
    ) -> tuple[CruiseTrackResponse, Collected]:
        """The points of one cruise, over all messages; the first message names it."""
        target.require_2022("CruiseTrackQuery", force=force)
        question = CruiseTrackQuery("", target.code, number)
        found = await self.query(target.device_id, question, key=_in_order())
        return _typed(found, CruiseTrackResponse), found

    async def ptz_position(self, target: Target, *, force: bool = False) -> PtzPositionResponse:
        target.require_2022("PTZPosition", force=force)
        return await self._one(target, PtzPositionQuery("", target.code), PtzPositionResponse)

    async def sd_cards(self, target: Target, *, force: bool = False) -> Collected:
        target.require_2022("SDCardStatus", force=force)
        return await self.query(target.device_id, SdCardQuery("", target.code))

    async def _one(self, target: Target, question: Message, answer: type[M]) -> M:
        return _typed(await self.query(target.device_id, question), answer)


def _typed(found: Collected, answer: type[M]) -> M:
    first = found.first
    if not isinstance(first, answer):
        raise TypeError(f"{type(first).__name__} answers a question for {answer.__name__}")
    return first


def _in_order() -> Key:
    """Equal entries are two, because a cruise may visit a preset twice."""
    number = 0

    def key(_: object) -> int:
        nonlocal number
        number += 1
        return number

    return key
