"""Conformance runs of one node: begun, watched, cancelled, kept. One per device at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gb28181.cluster.bus import Bus, Event
from gb28181.device.model import Device
from gb28181.errors import BadInput, Busy, Conflict, Leg, LegFailed, NotFound
from gb28181.store.records import utc_now
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.trace.recorder import TooManyCaptures
from gb28181.trace.target import Target
from sip.flow import Address

from . import report
from .archive import KEEP, KEEP_PER_DEVICE, RunFiles
from .bench import Bench
from .desk import Patience
from .items import ITEMS
from .model import Grade, Item
from .report import Run
from .runner import run_items
from .tools import Tools
from .wire import Wire

MOST_RUNS = 4
"""At one time on a node."""
LONGEST_S = 4 * 3600.0
"""A run is ended after so long."""
CLOSE_S = 5.0
MOVABLE = (1, 2, 4, 5)

log = get_logger("conformance")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do; empty: all of it."""

    items: tuple[str, ...] = ()
    grades: tuple[Grade, ...] = ()
    channel_id: str = ""
    allow_disruptive: bool = False
    patience: Patience = field(default_factory=Patience)


class ConformanceService:
    """One per node."""

    def __init__(self, tools: Tools, bus: Bus, folder: Path) -> None:
        self._tools = tools
        self._bus = bus
        self._files = RunFiles(folder)
        self._runs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        """Summaries, oldest first."""
        self._running: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        """By device."""

    async def start(self) -> None:
        """Find the runs of before."""
        for found in await asyncio.to_thread(self._files.open):
            self._runs[found["run_id"]] = found

    async def aclose(self) -> None:
        """End what runs; it is kept as far as it came."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    # --- asking -----------------------------------------------------------------------------

    async def begin(self, device_id: str, asked: Asked) -> dict[str, Any]:
        """Start a run; its summary, once it is written. Raises NotFound,
        LegFailed(device_offline), Conflict, Busy, BadInput."""
        device = self._tools.devices.device(device_id)
        if device is None:
            raise NotFound("device", device_id)
        if not device.online or device.flow is None:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {device_id} is offline")
        if device_id in self._running:
            run, _ = self._running[device_id]
            raise Conflict(
                "conformance_running", f"run {run.run_id} examines it", run_id=run.run_id
            )
        if len(self._running) >= MOST_RUNS:
            raise Busy("conformance_busy", f"{MOST_RUNS} devices are examined already")
        items = chosen(asked)
        wire, channel_id = Wire(), self._channel(device, asked.channel_id)
        bench = Bench(self._tools, device, channel_id, asked.patience, wire)
        now = utc_now()
        run = Run(
            run_id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            device_id=device_id,
            channel_id=channel_id,
            edition=bench.edition,
            device=_described(device),
            started_at=now,
            allow_disruptive=asked.allow_disruptive,
            total=len(items),
        )
        self._listen(device, run, wire)
        kept = asyncio.Event()
        task = asyncio.create_task(self._run(run, items, device, bench, wire, kept))
        self._running[device_id] = run, task
        self._changed(run)
        log.event(ev.CONFORMANCE_STARTED, device_id=device_id, run_id=run.run_id, items=len(items))
        await kept.wait()
        return report.summary(run)

    def runs(self, device_id: str = "") -> list[dict[str, Any]]:
        """Summaries, newest first."""
        found = reversed(self._runs.values())
        return [run for run in found if not device_id or run["device_id"] == device_id]

    async def find(self, run_id: str) -> dict[str, Any]:
        """A run with its items; raises NotFound."""
        for run, _ in self._running.values():
            if run.run_id == run_id:
                return report.whole(run)
        found = await asyncio.to_thread(self._files.read, run_id)
        if found is None or run_id not in self._runs:
            raise NotFound("conformance_run", run_id)
        return found

    async def cancel(self, run_id: str) -> dict[str, Any]:
        """End a run that is under way; raises NotFound, Conflict."""
        for run, task in self._running.values():
            if run.run_id == run_id:
                task.cancel()
                await asyncio.wait([task], timeout=CLOSE_S)
                return self._runs[run_id]
        await self.find(run_id)
        raise Conflict("conformance_over", f"run {run_id} is over")

    async def remove(self, run_id: str) -> None:
        """Forget a run that is over; raises NotFound, Conflict."""
        found = await self.find(run_id)
        if found["state"] == report.RUNNING:
            raise Conflict("conformance_running", f"run {run_id} is under way", run_id=run_id)
        del self._runs[run_id]
        await asyncio.to_thread(self._files.remove, run_id)

    # --- running ----------------------------------------------------------------------------

    async def _run(
        self,
        run: Run,
        items: tuple[Item, ...],
        device: Device,
        bench: Bench,
        wire: Wire,
        kept: asyncio.Event,
    ) -> None:
        async def written() -> None:
            self._changed(run)
            await asyncio.to_thread(self._files.write, report.whole(run))

        state = report.FAILED
        try:
            await written()
            kept.set()
            async with asyncio.timeout(LONGEST_S):
                await run_items(run, items, device, bench, wire, written)
            state = report.DONE
        except asyncio.CancelledError:
            state = report.CANCELLED
        except TimeoutError:
            state = report.CANCELLED
        except Exception as error:  # the root of this task: a defect of ours ends this run alone
            log.event(ev.APP_FAILED, component="conformance", reason=run.current, exc_info=error)
        finally:
            self._tools.recorder.drop(_capture(run))
            run.state, run.ended_at = state, utc_now()
            self._running.pop(run.device_id, None)
            self._changed(run)
            kept.set()
            self._files.write(report.whole(run))  # short, and nobody may cancel it
            self._prune(run.device_id)
            log.event(
                ev.CONFORMANCE_ENDED,
                device_id=run.device_id,
                run_id=run.run_id,
                state=state,
                **report.counts(run.items),
            )

    def _changed(self, run: Run) -> None:
        self._runs[run.run_id] = found = report.summary(run)
        self._bus.publish(Event("conformance.changed", dict(found)))

    def _prune(self, device_id: str) -> None:
        """The oldest go: of this device, and of all."""
        own = [run_id for run_id, run in self._runs.items() if run["device_id"] == device_id]
        gone = own[: max(0, len(own) - KEEP_PER_DEVICE)]
        gone += [r for r in self._runs if r not in gone][: max(0, len(self._runs) - KEEP)]
        for run_id in gone:
            if self._runs[run_id]["state"] != report.RUNNING:
                del self._runs[run_id]
                self._files.remove(run_id)

    def _listen(self, device: Device, run: Run, wire: Wire) -> None:
        def place() -> Address | None:
            return None if device.flow is None else device.flow.remote

        # Not by its address alone: other devices may speak from the same socket.
        target = Target(device.device_id, lambda: device.items, place, strays=True)
        try:
            self._tools.recorder.start(target, LONGEST_S, _capture(run), wire.take)
        except TooManyCaptures as error:
            raise Busy("trace_busy", str(error)) from error

    def _channel(self, device: Device, wanted: str) -> str:
        """The channel that is examined: the one named, else one that can be moved and is on."""
        if wanted:
            if wanted not in device.channels:
                raise NotFound("channel", wanted)
            return wanted
        devices = self._tools.devices
        views = [view for c in device.channels if (view := devices.channel(c)) is not None]
        views.sort(key=lambda v: (not v.online, v.ptz_type not in MOVABLE, v.channel_id))
        return views[0].channel_id if views else ""


def chosen(asked: Asked) -> tuple[Item, ...]:
    """The items of a run, in their order; raises BadInput for a name nobody knows."""
    known = {item.name for item in ITEMS}
    strange = [name for name in asked.items if name not in known]
    if strange:
        raise BadInput(f"no such item: {', '.join(strange)[:200]}", items=sorted(known))
    if not asked.items and not asked.grades:
        return ITEMS
    return tuple(i for i in ITEMS if i.name in asked.items or i.grade in asked.grades)


def _described(device: Device) -> dict[str, Any]:
    record, flow = device.record, device.flow
    return {
        "name": device.name,
        "manufacturer": record.manufacturer,
        "model": record.model,
        "firmware": record.firmware,
        "user_agent": record.user_agent,
        "gb_version": device.registration.gb_version,
        "transport": "" if flow is None else flow.transport,
        "remote": "" if flow is None else str(flow),
    }


def _capture(run: Run) -> str:
    return f"conformance {run.run_id}"
