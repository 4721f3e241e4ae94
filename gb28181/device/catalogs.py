"""Catalogs coming in: pages to their query, items into the book, the end into the store.

One `CatalogSync` machine per query decides what the pages mean. Items are kept as they arrive;
rearranging a device's catalog looks at all of it, so it is done for many pages at once: at most
every quarter of a second, and never for more than a tenth of the time (a lower platform sends
10,000 items one by one). What an unknown SN brings only adds and updates. Only two things take an
item away: a complete answer without it, and a notification that says DEL of it by name; its public
id stays reserved either way.

Resumable: an incomplete query is repeated with a new SN, and its items are counted together with
those of the attempt before, so that two answers with different holes can make a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from catalog.diff import Added, Removed
from catalog.model import CatalogItem
from catalog.sync import (
    Abandon,
    Arrived,
    CatalogSync,
    Effect,
    Finished,
    Input,
    Outcome,
    Page,
    SyncOptions,
    SyncResult,
    Tick,
    Unasked,
)
from gb28181.device.changes import changed
from gb28181.device.estate import Estate
from gb28181.device.model import Device
from gb28181.device.query import Answers
from gb28181.manscdp import CatalogNotify, CatalogResponse
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

COLLECT_S = 0.25
"""Pages are collected for so long before the device's catalog is arranged anew."""
COST_FACTOR = 10.0
"""And at least for so many times as the last arranging took."""
COMMAND = "Catalog"

log = get_logger("catalog")


class Run:
    """One query under way."""

    def __init__(self, device: Device, sync: CatalogSync, held: dict[str, CatalogItem]) -> None:
        self.device = device
        self.sync = sync
        self.held = held
        """What the attempts before have brought."""
        self.done: asyncio.Future[SyncResult] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.timer_at = 0.0
        self.began_at = 0.0


class Catalogs:
    """Everything about catalogs but sending the query."""

    def __init__(self, estate: Estate, answers: Answers) -> None:
        self._estate = estate
        self._answers = answers
        self._now = estate.clock.now
        options = estate.options
        self._options = SyncOptions(
            first_s=options.catalog_first_s, quiet_s=options.catalog_quiet_s
        )
        self.on_unknown: Callable[[Device], None] = _nobody
        """A device told of an item we do not know: its catalog is to be asked for."""
        self._dirty: dict[str, dict[str, CatalogItem | None]] = {}
        """What came and is not arranged yet; None: the item is gone."""
        self._running: dict[str, dict[str, CatalogItem | None]] = {}
        """Changes told while a query runs, for the pages that do not know of them."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._cost: dict[str, float] = {}

    # --- a query ----------------------------------------------------------------------------

    def begin(self, device: Device, held: dict[str, CatalogItem]) -> Run:
        """Expect the answer to a query that is about to be sent."""
        sn = str(device.next_sn())
        run = Run(device, CatalogSync(sn, self._now(), device.items, self._options), held)
        run.began_at = self._now()
        self._answers.expect(device.device_id, COMMAND, sn, self._to(run))
        self._running.setdefault(device.device_id, {})
        self._arm(run)
        log.event(ev.CATALOG_SYNC_STARTED, device_id=device.device_id, sn=sn)
        return run

    def _to(self, run: Run) -> Callable[[object], None]:
        def page(answer: object) -> None:
            assert isinstance(answer, Page)
            self._feed(run, answer)

        return page

    def abandon(self, run: Run) -> None:
        """The query failed at SIP level, or the device went away."""
        self._feed(run, Abandon())

    def _feed(self, run: Run, given: Input) -> None:
        for effect in run.sync.handle(given, self._now()):
            self._perform(run, effect)
        self._arm(run)

    def _perform(self, run: Run, effect: Effect) -> None:
        match effect:
            case Arrived(items) | Unasked(items):
                self._arrived(run.device, items)
            case Finished(result):
                self._finished(run, result)

    def _arm(self, run: Run) -> None:
        """A deadline that moved later is looked at when the old one comes; only an earlier one
        (the first page is in, now pages follow quickly) wants another timer."""
        deadline = run.sync.deadline
        if deadline is None or (run.timer is not None and run.timer_at <= deadline):
            return
        if run.timer is not None:
            run.timer.cancel()
        run.timer_at = deadline
        delay = max(0.0, deadline - self._now())
        run.timer = asyncio.get_running_loop().call_later(delay, self._tick, run)

    def _tick(self, run: Run) -> None:
        run.timer = None
        self._feed(run, Tick())

    def _finished(self, run: Run, result: SyncResult) -> None:
        if run.timer is not None:
            run.timer.cancel()
        device = run.device
        self._answers.close(device.device_id, COMMAND, run.sync.sn)
        told = self._running.pop(device.device_id, {})
        result = _together(run.held, result)
        if device.device_id in self._estate.devices:
            self._commit(run, result, told)
        if not run.done.done():
            run.done.set_result(result)

    def _commit(self, run: Run, result: SyncResult, told: dict[str, CatalogItem | None]) -> None:
        device = run.device
        self._cancel(device.device_id)
        pending = self._dirty.pop(device.device_id, {})
        reported = {item.device_id: item for item in result.items}
        if result.complete:
            items = _over(reported, told)
            device.record.catalog_at = self._estate.clock.civil()
            self._estate.save(device)
        else:
            items = _over({**_over(device.items, pending), **reported}, told)
        complete = device.record.catalog_at is not None
        found = self._estate.book.rearrange(device, items, complete=complete)
        self._estate.take(device, found)
        added = sum(isinstance(change, Added) for change in found.changes)
        removed = sum(isinstance(change, Removed) for change in found.changes)
        common = {
            "device_id": device.device_id,
            "sn": run.sync.sn,
            "expected": result.expected,
            "received": result.received,
        }
        if result.complete:
            log.event(
                ev.CATALOG_SYNC_COMPLETED,
                **common,
                added=added,
                removed=removed,
                updated=len(found.changes) - added - removed,
                duration_ms=round((self._now() - run.began_at) * 1000),
            )
        else:
            log.event(ev.CATALOG_SYNC_PARTIAL, **common, reason=result.outcome.value)

    # --- pages ------------------------------------------------------------------------------

    def on_response(self, device: Device, message: CatalogResponse) -> None:
        """One page from the wire: an answer to a query of ours, or a partial update."""
        page = Page(message.sn, message.sum_num, message.items, message.unusable)
        asked = self._answers.deliver(device.device_id, COMMAND, message.sn, page)
        if not asked and message.items:
            self._arrived(device, message.items)

    def on_notify(self, device: Device, message: CatalogNotify) -> None:
        """Changes a device tells of by itself, in a NOTIFY or a MESSAGE."""
        known = _over(device.items, self._dirty.get(device.device_id, {}))
        updates, unknown = changed(known, message.changes, device.device_id)
        if updates:
            self._collect(device, updates)
            if device.device_id in self._running:
                self._running[device.device_id].update(updates)
        if unknown:
            self.on_unknown(device)

    def _arrived(self, device: Device, items: tuple[CatalogItem, ...]) -> None:
        told = self._running.get(device.device_id)
        if told:
            for item in items:
                told.pop(item.device_id, None)  # this page is newer than what was told
        self._collect(device, {item.device_id: item for item in items})

    def _collect(self, device: Device, updates: Mapping[str, CatalogItem | None]) -> None:
        self._dirty.setdefault(device.device_id, {}).update(updates)
        if device.device_id not in self._timers:
            wait = max(COLLECT_S, COST_FACTOR * self._cost.get(device.device_id, 0.0))
            loop = asyncio.get_running_loop()
            self._timers[device.device_id] = loop.call_later(wait, self._show, device)

    def _show(self, device: Device) -> None:
        """Arrange what came so far; nothing is removed."""
        self._timers.pop(device.device_id, None)
        pending = self._dirty.pop(device.device_id, None)
        if not pending or self._estate.devices.get(device.device_id) is not device:
            return
        began = self._now()
        complete = device.record.catalog_at is not None
        items = _over(device.items, pending)
        found = self._estate.book.rearrange(device, items, complete=complete)
        self._estate.take(device, found)
        self._cost[device.device_id] = self._now() - began

    def _cancel(self, device_id: str) -> None:
        self._cost.pop(device_id, None)
        timer = self._timers.pop(device_id, None)
        if timer is not None:
            timer.cancel()

    def forget(self, device_id: str) -> None:
        """The device was deleted."""
        self._cancel(device_id)
        self._dirty.pop(device_id, None)
        self._running.pop(device_id, None)

    def stop(self) -> None:
        """Show what is collected and end the timers."""
        for device_id in list(self._timers):
            self._timers[device_id].cancel()
            device = self._estate.devices.get(device_id)
            if device is not None:
                self._show(device)


def _over(
    items: Mapping[str, CatalogItem], updates: Mapping[str, CatalogItem | None]
) -> dict[str, CatalogItem]:
    """The items with what came later; what is gone is left out."""
    found = {**items, **{code: item for code, item in updates.items() if item is not None}}
    for code, item in updates.items():
        if item is None:
            found.pop(code, None)
    return found


def _nobody(_device: Device) -> None:
    """Nobody asked to be told yet."""


def _together(held: dict[str, CatalogItem], result: SyncResult) -> SyncResult:
    """A result with what earlier attempts brought; complete when both fill SumNum together."""
    if result.complete or not held:
        return result
    union = held | {item.device_id: item for item in result.items}
    items = tuple(union[code] for code in sorted(union))
    whole = result.outcome in (Outcome.PAGES_MISSING, Outcome.TOO_LONG) and result.expected == len(
        union
    )
    outcome = Outcome.COMPLETE if whole else result.outcome
    received = max(result.received, len(union))
    return SyncResult(result.expected, received, whole, items, outcome)
