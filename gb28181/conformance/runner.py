"""Runs the chosen items one after the other: do, look at what was seen, judge, write down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gb28181.device.model import Device
from gb28181.errors import PlatformError

from . import report
from .bench import Bench
from .evidence import Act, Evidence
from .items import OVERALL
from .model import Finding, Item, Text, Verdict, judge
from .report import Run
from .wire import Wire

ITEM_S = 900.0
"""The longest an item may take."""
BACK_S = 180.0
"""How long a device may be away between two items."""
LOOK_S = 0.2

NOT_ALLOWED = Finding(
    Verdict.SKIPPED,
    Text("会影响业务,未获允许", "it disturbs, and that was not allowed"),
)
NOT_KNOWN = Finding(
    Verdict.NOT_OFFERED,
    Text("该版本标准没有此项", "the edition of the device does not have this"),
)
AWAY = Finding(Verdict.SKIPPED, Text("设备不在线", "the device is offline"))


async def run_items(
    run: Run,
    items: tuple[Item, ...],
    device: Device,
    bench: Bench,
    wire: Wire,
    written: Callable[[], Awaitable[None]],
) -> None:
    """All of them; `written` is told after each. Leaves nothing open, also when cancelled."""
    loop = asyncio.get_running_loop()
    try:
        for item in items:
            run.current = item.name
            evidence = bench.begin()
            finding = await _reason_not_to(run, item, device, evidence)
            begun, first = loop.time(), len(wire.messages())
            if finding is None:
                await _try(item, bench, evidence)
            first = 0 if item.name in OVERALL else first
            old = wire.before(first)
            for message in wire.messages()[first:]:
                if not (message.request and message.key in old):
                    evidence.add(message)
            evidence.dropped += wire.dropped
            if finding is None:
                finding = judge(item, evidence)
            took = loop.time() - begun
            run.items.append(report.result(item, run.edition, finding, evidence, took))
            await written()
    finally:
        run.current = ""
        await bench.aclose()


async def _reason_not_to(
    run: Run, item: Item, device: Device, evidence: Evidence
) -> Finding | None:
    """A finding where the item is not tried, else None."""
    if not item.clause(run.edition):
        return NOT_KNOWN
    if item.disruptive and not run.allow_disruptive:
        return NOT_ALLOWED
    missing = item.needs(evidence) if item.needs is not None else None
    if missing is not None:
        return missing
    if item.name not in OVERALL and not await _there(device):
        return AWAY
    return None


async def _try(item: Item, bench: Bench, evidence: Evidence) -> None:
    """Do it; that it went wrong is evidence."""
    try:
        async with asyncio.timeout(ITEM_S):
            await item.do(bench)
    except TimeoutError:
        evidence.acts.append(Act(item.name, "device_timeout", "the item took too long"))
    except PlatformError as error:
        evidence.acts.append(Act(item.name, error.code, error.message, error.sip_status))


async def _there(device: Device) -> bool:
    """Online now, or soon: an item before may have sent it away."""
    deadline = asyncio.get_running_loop().time() + BACK_S
    while not (device.online and device.flow is not None):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True
