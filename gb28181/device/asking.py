"""Asking devices, the doing half: who is next, sending, waiting, repeating.

After a registration that was not a refresh: DeviceInfo, then Catalog, through the queue. Who did
not answer completely is queued again a little later and holds no place meanwhile, so that mute
devices do not stand in the way of the others. An operator's wish goes at once. One catalog at a
time per device; whoever asks meanwhile joins it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from catalog.model import CatalogItem
from catalog.sync import Outcome, SyncResult
from gb28181.device.catalogs import Catalogs, Run
from gb28181.device.estate import Estate
from gb28181.device.model import Device
from gb28181.device.outgoing import Outgoing
from gb28181.device.query import Answers, QueryQueue
from gb28181.device.state import LIVE
from gb28181.errors import DeviceRefused, Leg, LegFailed
from gb28181.manscdp import CatalogQuery, DeviceInfoQuery, DeviceInfoResponse, Message, write
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.endpoint import Endpoint
from sip.errors import SipError, TransactionTimeout
from sip.message import Response

DEVICE_INFO = "DeviceInfo"
MUTE_FACTOR = 10.0
"""Who did not even answer at SIP level is asked again after so many times the usual pause."""
AGAIN_S = 30.0
"""Shortest time between two catalogs asked for because of unknown items."""
MOST_NOT_BEFORE = 10_000
CLOSE_S = 1.0
"""How long `aclose` waits for its cancelled tasks."""

log = get_logger("device")


class Asking:
    """One per node; owns the tasks that ask."""

    def __init__(
        self,
        estate: Estate,
        sip: Endpoint,
        outgoing: Outgoing,
        answers: Answers,
        catalogs: Catalogs,
    ) -> None:
        self._estate = estate
        self._sip = sip
        self._outgoing = outgoing
        self._answers = answers
        self._catalogs = catalogs
        options = estate.options
        self.queue = QueryQueue(options.query_rate, options.query_outstanding)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._syncs: dict[str, asyncio.Task[SyncResult]] = {}
        self._runs: dict[str, Run] = {}
        self._held: dict[str, dict[str, CatalogItem]] = {}
        """What incomplete answers have brought, until a complete one."""
        self._attempts: dict[str, int] = {}
        self._repeats: dict[str, asyncio.TimerHandle] = {}
        self._not_before: dict[str, float] = {}
        self._closed = False

    # --- the queue --------------------------------------------------------------------------

    def add(self, device: Device) -> None:
        """A device came: ask it when it is its turn, at once when nobody waits."""
        if self._estate.options.auto_query and not self._closed:
            self._give_up(device.device_id)
            self.queue.add(device.device_id)
            self._pump()

    def again(self, device: Device) -> None:
        """Something is in its catalog that we do not know: ask for all of it, not too often."""
        now = self._estate.clock.now()
        if (
            self._closed
            or device.state not in LIVE
            or now < self._not_before.get(device.device_id, now)
        ):
            return
        if len(self._not_before) >= MOST_NOT_BEFORE:
            self._not_before.clear()
        self._not_before[device.device_id] = now + AGAIN_S
        self.queue.add(device.device_id)
        self._pump()

    def remove(self, device: Device) -> None:
        """It went: do not ask it, and end what is under way."""
        self.queue.remove(device.device_id)
        self._give_up(device.device_id)
        self._held.pop(device.device_id, None)
        run = self._runs.get(device.device_id)
        if run is not None:
            self._catalogs.abandon(run)

    def _give_up(self, device_id: str) -> None:
        """Forget about repeating."""
        self._attempts.pop(device_id, None)
        timer = self._repeats.pop(device_id, None)
        if timer is not None:
            timer.cancel()

    def _repeat(self, device_id: str) -> None:
        self._repeats.pop(device_id, None)
        self.queue.add(device_id)
        self._pump()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        for device_id in self.queue.start(self._estate.clock.now()):
            self._spawn(self._ask(device_id))
        deadline = self.queue.deadline
        if deadline is not None:
            delay = max(0.001, deadline - self._estate.clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._pump)

    async def _ask(self, device_id: str) -> None:
        """One device's turn: one DeviceInfo, one Catalog."""
        try:
            device = self._estate.devices.get(device_id)
            if device is None or device.state not in LIVE:
                return
            heard = await self._send(device, DeviceInfoQuery(str(device.next_sn()), device_id))
            done = heard is not None and (await self.catalog(device, retries=0)).complete
            if done or device.state not in LIVE:
                self._give_up(device_id)
            else:
                self._later(device_id, mute=heard is None)
        finally:
            self.queue.done(device_id)
            self._pump()

    def _later(self, device_id: str, *, mute: bool) -> None:
        """Queue a device again after a pause, if it has not had its attempts."""
        options = self._estate.options
        attempt = self._attempts.get(device_id, 0)
        if attempt >= options.catalog_retries or self._closed:
            self._give_up(device_id)
            return
        pause = options.catalog_backoff_s * 2**attempt * (MUTE_FACTOR if mute else 1)
        self._give_up(device_id)
        self._attempts[device_id] = attempt + 1
        self._repeats[device_id] = asyncio.get_running_loop().call_later(
            pause, self._repeat, device_id
        )

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            log.event(ev.APP_FAILED, component="device.asking", reason=str(error), exc_info=error)

    # --- catalog ----------------------------------------------------------------------------

    def catalog(self, device: Device, retries: int | None = None) -> asyncio.Future[SyncResult]:
        """The sync of this device that is under way, begun if there is none."""
        device_id = device.device_id
        task = self._syncs.get(device_id)
        if task is None:
            many = self._estate.options.catalog_retries if retries is None else retries
            task = self._syncs[device_id] = self._spawn(self._sync(device, many))
            task.add_done_callback(lambda _: self._syncs.pop(device_id, None))
        return asyncio.shield(task)

    async def query_catalog(self, device: Device, timeout_s: float) -> SyncResult:
        """Ask for the catalog and wait for the end; what there is when the time is over."""
        self._require_flow(device)
        joined = device.device_id in self._syncs
        try:
            async with asyncio.timeout(timeout_s):
                result = await self.catalog(device)
                if joined and not result.complete and device.flow is not None:
                    result = await self.catalog(device)  # that one was not going to be repeated
                return result
        except TimeoutError:
            run = self._runs.get(device.device_id)
            if run is None:
                return SyncResult(None, 0, False, (), Outcome.NO_ANSWER)
            sync = run.sync
            return SyncResult(sync.expected, sync.received, False, (), Outcome.TOO_LONG)

    async def _sync(self, device: Device, retries: int) -> SyncResult:
        """One catalog, repeated while it is incomplete and the device is there."""
        pause = self._estate.options.catalog_backoff_s
        result = await self._attempt(device)
        for _ in range(retries):
            if result.complete or device.state not in LIVE:
                break
            await asyncio.sleep(pause)
            pause *= 2
            result = await self._attempt(device)
        return result

    async def _attempt(self, device: Device) -> SyncResult:
        device_id = device.device_id
        run = self._catalogs.begin(device, self._held.get(device_id, {}))
        self._runs[device_id] = run
        try:
            if not accepted(await self._send(device, CatalogQuery(run.sync.sn, device_id))):
                self._catalogs.abandon(run)
            result = await run.done
        except asyncio.CancelledError:
            self._catalogs.abandon(run)
            raise
        finally:
            del self._runs[device_id]
        if result.complete or device.state not in LIVE:
            self._held.pop(device_id, None)
        else:
            self._held[device_id] = {item.device_id: item for item in result.items}
        return result

    # --- device info ------------------------------------------------------------------------

    async def query_device_info(self, device: Device) -> DeviceInfoResponse | None:
        """Ask DeviceInfo and wait a little for the Response; None when none came. Raises
        LegFailed(device_offline), DeviceRefused."""
        self._require_flow(device)
        sn = str(device.next_sn())
        answer: asyncio.Future[DeviceInfoResponse] = asyncio.get_running_loop().create_future()

        def take(message: object) -> None:
            if isinstance(message, DeviceInfoResponse) and not answer.done():
                answer.set_result(message)

        self._answers.expect(device.device_id, DEVICE_INFO, sn, take)
        try:
            status = await self._send(device, DeviceInfoQuery(sn, device.device_id))
            if status is None:
                return None
            if not accepted(status):
                message = f"device {device.device_id} refuses: {status}"
                raise DeviceRefused(message, sip_status=status)
            async with asyncio.timeout(self._estate.options.device_info_wait_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._answers.close(device.device_id, DEVICE_INFO, sn)

    def on_device_info(self, device: Device, message: DeviceInfoResponse) -> None:
        """A DeviceInfo Response, asked for or not: take over what it tells."""
        record = device.record
        name = record.name if record.name_fixed else message.name or record.name
        told = (
            name,
            message.manufacturer or record.manufacturer,
            message.model or record.model,
            message.firmware or record.firmware,
        )
        if told != (record.name, record.manufacturer, record.model, record.firmware):
            record.name, record.manufacturer, record.model, record.firmware = told
            self._estate.save(device)
            self._estate.rename(device)
            self._estate.news.device("device.updated", device)
        self._answers.deliver(device.device_id, DEVICE_INFO, message.sn, message)

    # --- sending ----------------------------------------------------------------------------

    async def _send(self, device: Device, message: Message) -> int | None:
        """Send a query; the status of the answer, None when there was none."""
        flow = device.flow
        if flow is None:
            return None
        request = self._outgoing.message(device, flow, write(message, device.write_charset))
        try:
            response: Response = await self._sip.request(request, flow)
        except SipError as error:
            kind = (
                ev.SIP_TRANSACTION_TIMEOUT
                if isinstance(error, TransactionTimeout)
                else ev.SIP_TRANSPORT_FAILED
            )
            details = {"remote": str(flow)}
            if kind is ev.SIP_TRANSACTION_TIMEOUT:
                details |= {"device_id": device.device_id, "method": "MESSAGE"}
            else:
                details |= {"transport": flow.transport, "reason": str(error)}
            log.event(kind, **details)
            return None
        return response.status

    def _require_flow(self, device: Device) -> None:
        if device.flow is None or device.state not in LIVE:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {device.device_id} is offline")

    async def aclose(self) -> None:
        """Ask nobody any more; end what is under way."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for device_id in list(self._repeats):
            self._give_up(device_id)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)


def accepted(status: int | None) -> bool:
    """The device took the request."""
    return status is not None and 200 <= status < 300
