"""Moving cameras: contract words to PTZCmd, in order, one operator at a time, never without end.

What a caller asks is sent as a DeviceControl MESSAGE and is done when the device's SIP answer came
(2022 9.3.1: PTZCmd has no Response). Commands to one camera go out one after another. A move that
waits while a newer command comes is not sent any more, so that `stop` is never behind a queue of
moves. Who may: `lock.py`; when it ends by itself: `deadman.py`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from gb28181.control.deadman import Deadman, Moving
from gb28181.control.lock import Holder, PtzLock
from gb28181.control.query import Queries
from gb28181.control.target import Caller, Target, channel_target
from gb28181.device.service import DeviceService
from gb28181.errors import BadInput, Conflict, DeviceRefused, LegFailed, PlatformError
from gb28181.manscdp import ptz
from gb28181.manscdp.actions import PtzCmd, PtzNames
from gb28181.manscdp.commands.device_control import DeviceControl
from gb28181.manscdp.ptz import LENS_STOP, STOP, Cruise, CruiseDo, Instruction, Preset, PresetDo
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

PRIORITY_2016 = 5
"""`Info/ControlPriority` towards devices of 2016; 2022 has no such field."""
STOP_TRIES = 3
STOP_PAUSE_S = 2.0
CLOSE_S = 1.5

log = get_logger("control")


class PtzAction(StrEnum):
    """The words of the HTTP contract."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    UP_LEFT = "up_left"
    UP_RIGHT = "up_right"
    DOWN_LEFT = "down_left"
    DOWN_RIGHT = "down_right"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    FOCUS_NEAR = "focus_near"
    FOCUS_FAR = "focus_far"
    IRIS_OPEN = "iris_open"
    IRIS_CLOSE = "iris_close"
    STOP = "stop"


_HEAD: Final[dict[PtzAction, tuple[int, int]]] = {
    PtzAction.UP: (0, 1),
    PtzAction.DOWN: (0, -1),
    PtzAction.LEFT: (-1, 0),
    PtzAction.RIGHT: (1, 0),
    PtzAction.UP_LEFT: (-1, 1),
    PtzAction.UP_RIGHT: (1, 1),
    PtzAction.DOWN_LEFT: (-1, -1),
    PtzAction.DOWN_RIGHT: (1, -1),
}
_ZOOM: Final = {PtzAction.ZOOM_IN: 1, PtzAction.ZOOM_OUT: -1}
_FOCUS: Final = {PtzAction.FOCUS_NEAR: 1, PtzAction.FOCUS_FAR: -1}
_IRIS: Final = {PtzAction.IRIS_OPEN: 1, PtzAction.IRIS_CLOSE: -1}


def instruction_of(action: PtzAction, speed: int) -> Instruction:
    """The command of a word; 1-255, which zoom brings to 1-15."""
    if action is PtzAction.STOP:
        return STOP
    if action in _HEAD:
        pan, tilt = _HEAD[action]
        return ptz.Move(pan, tilt, 0, speed if pan else 0, speed if tilt else 0)
    if action in _ZOOM:
        return ptz.Move(zoom=_ZOOM[action], zoom_speed=zoom_speed(speed))
    if action in _FOCUS:
        return ptz.Lens(focus=_FOCUS[action], focus_speed=speed)
    return ptz.Lens(iris=_IRIS[action], iris_speed=speed)


def zoom_speed(speed: int) -> int:
    """1-255 to 1-15, no speed above 0 becoming 0."""
    return math.ceil(speed * 15 / 255)


class PtzControl:
    """One per node."""

    def __init__(
        self,
        devices: DeviceService,
        queries: Queries,
        *,
        deadman_s: float,
        hold_s: float,
        timeout_s: float,
    ) -> None:
        self._devices = devices
        self._queries = queries
        self._timeout_s = timeout_s
        self._lock = PtzLock(hold_s)
        self._deadman = Deadman(deadman_s)
        self._turns: dict[str, asyncio.Lock] = {}
        self._newest: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # --- what callers ask -----------------------------------------------------------------------

    async def act(self, channel_id: str, action: PtzAction, speed: int, who: Caller) -> int:
        """One word of the contract; the status of the device's SIP answer."""
        target = self.claim(channel_id, who)
        if action is PtzAction.STOP:
            return await self._stop(target)
        instruction = instruction_of(action, speed)
        moving = Moving.LENS if isinstance(instruction, ptz.Lens) else Moving.HEAD
        ran = self._deadman.runs(target.key, moving)
        self._deadman.started(target.key, moving, _now())
        self._arm()
        try:
            return await self._send(target, [instruction], may_wait=False)
        except (DeviceRefused, LegFailed):  # it does not move
            if not ran:
                self._deadman.stopped(target.key, moving)
            raise

    async def command(
        self,
        channel_id: str,
        instruction: Instruction,
        who: Caller,
        *,
        preset_name: str = "",
        track_name: str = "",
    ) -> int:
        """Presets, cruises, scans, switches."""
        target = self.claim(channel_id, who)
        names = None
        if target.of_2022 and (preset_name or track_name):
            names = PtzNames(_short(preset_name), _short(track_name))
        status = await self._send(target, [instruction], names=names)
        if _takes_over(instruction):
            self._deadman.stopped(target.key, Moving.HEAD)
        return status

    def claim(self, channel_id: str, who: Caller) -> Target:
        """The camera for this operator; raises NotFound, or Conflict when another one holds it."""
        target = channel_target(self._devices, channel_id)
        now = _now()
        held = self._lock.enter(target.key, who.name, who.rank, now)
        if held is not None:
            raise _locked(held, now)
        return target

    # --- the lock -------------------------------------------------------------------------------

    def hold(self, channel_id: str, who: Caller, seconds: float) -> Holder:
        """Keep the camera for so long."""
        target = channel_target(self._devices, channel_id)
        now = _now()
        held = self._lock.enter(target.key, who.name, who.rank, now, seconds)
        if held is not None:
            raise _locked(held, now)
        return Holder(who.name, who.rank, now + seconds)

    def release(self, channel_id: str, who: Caller) -> None:
        target = channel_target(self._devices, channel_id)
        now = _now()
        held = self._lock.leave(target.key, who.name, who.rank, now)
        if held is not None:
            raise _locked(held, now)

    def holder(self, channel_id: str) -> tuple[Holder, float] | None:
        """Who holds it, and for how many seconds more."""
        target = channel_target(self._devices, channel_id)
        now = _now()
        held = self._lock.holder(target.key, now)
        return None if held is None else (held, held.until - now)

    # --- sending --------------------------------------------------------------------------------

    async def _stop(self, target: Target) -> int:
        """Ends pan, tilt, zoom, cruise and scan; focus and iris only where one runs."""
        lens = self._deadman.runs(target.key, Moving.LENS)
        status = await self._send(target, [STOP, LENS_STOP] if lens else [STOP])
        self._deadman.stopped(target.key, Moving.HEAD)
        self._deadman.stopped(target.key, Moving.LENS)
        return status

    async def _send(
        self,
        target: Target,
        instructions: Iterable[Instruction],
        *,
        names: PtzNames | None = None,
        may_wait: bool = True,
    ) -> int:
        """One after another per camera; the status of the last SIP answer."""
        key = target.key
        number = self._newest[key] = self._newest.get(key, 0) + 1
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                if not may_wait and self._newest[key] != number:
                    raise Conflict("ptz_superseded", "a newer command came before this was sent")
                status = 0
                for instruction in instructions:
                    status = await self._tell(target, instruction, names)
                return status
        finally:
            if self._newest.get(key) == number:
                del self._newest[key], self._turns[key]

    async def _tell(self, target: Target, instruction: Instruction, names: PtzNames | None) -> int:
        priority = None if target.of_2022 else PRIORITY_2016
        try:
            command = PtzCmd(ptz.encode(instruction), names, priority)
        except ptz.BadPtz as error:
            raise BadInput(str(error)) from error
        message = DeviceControl("", target.code, command)
        return await self._queries.tell(target.device_id, message, timeout=self._timeout_s)

    # --- the dead man ---------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._deadman.deadline
        if deadline is not None and not self._closed:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._fire)

    def _fire(self) -> None:
        self._timer = None
        for channel_id, moving in self._deadman.due(_now()):
            task = asyncio.get_running_loop().create_task(self._end(channel_id, moving))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._arm()

    async def _end(self, channel_id: str, moving: Moving) -> None:
        """Stop one move; a camera that does not answer is told again a few times."""
        for attempt in range(STOP_TRIES):
            if attempt:
                await asyncio.sleep(STOP_PAUSE_S)
                if self._deadman.runs(channel_id, moving):
                    return  # an operator has moved it again meanwhile
            reason = await self._try_stop(channel_id, moving)
            log.event(
                ev.PTZ_DEADMAN_STOP, channel_id=channel_id, moving=moving.value, reason=reason
            )
            if not reason:
                return

    async def _try_stop(self, channel_id: str, moving: Moving) -> str:
        """Empty, or why it did not arrive."""
        instruction = STOP if moving is Moving.HEAD else LENS_STOP
        try:
            await self._send(channel_target(self._devices, channel_id), [instruction])
        except PlatformError as error:
            return error.code
        return ""

    async def aclose(self) -> None:
        """Nothing is left moving when the platform goes."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in list(self._tasks):
            task.cancel()
        stops = [
            asyncio.create_task(self._stop_once(channel_id, moving))
            for channel_id, moving in self._deadman.running()
        ]
        if self._tasks or stops:
            waiting = {*self._tasks, *stops}
            _, late = await asyncio.wait(waiting, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _stop_once(self, channel_id: str, moving: Moving) -> None:
        reason = await self._try_stop(channel_id, moving)
        log.event(ev.PTZ_DEADMAN_STOP, channel_id=channel_id, moving=moving.value, reason=reason)


def _takes_over(instruction: Instruction) -> bool:
    """A move by hand ends with this; a stop for it later would end this too."""
    match instruction:
        case Preset(do):
            return do is PresetDo.CALL
        case Cruise(do):
            return do is CruiseDo.START
        case ptz.Scan(do):
            return do is ptz.ScanDo.START
        case ptz.Move():
            return instruction == STOP
        case _:
            return False


def _locked(held: Holder, now: float) -> Conflict:
    return Conflict(
        "ptz_locked",
        f"{held.name} holds this camera for {held.until - now:.0f} s more",
        holder=held.name,
        seconds=round(held.until - now, 1),
    )


def _short(name: str) -> str:
    """At most 32 bytes of GB 18030 (2022 A.2.3.1.2), cut between characters."""
    while len(name.encode("gb18030", "replace")) > 32:
        name = name[:-1]
    return name


def _now() -> float:
    return asyncio.get_running_loop().time()
