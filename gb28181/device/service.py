"""The device registry of one signalling node: the one object the floors above talk to.

A thin shell: it builds the parts, hands each SIP event to the one that knows, and answers questions
about devices and channels. Who decides: `registry.py` (state), `registrar.py` (REGISTER),
`keepalive.py` (who may speak), `catalog.sync` (catalogs), `query.py` (whom to ask when).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from catalog.query import ChannelFilter, ChannelQuery
from catalog.sync import SyncResult
from catalog.tree import Tree
from gb28181 import __version__
from gb28181.cluster.bus import Bus
from gb28181.device.asking import Asking
from gb28181.device.attempts import Attempt
from gb28181.device.bulk import Bulk
from gb28181.device.catalogs import Catalogs
from gb28181.device.clock import Clock
from gb28181.device.clocks import Clocks
from gb28181.device.estate import Estate, PolicyListener, RegisterListener, StateListener
from gb28181.device.intake import Intake, MessageListener
from gb28181.device.limits import Budget
from gb28181.device.managing import Managing
from gb28181.device.model import Device, Route
from gb28181.device.options import DeviceOptions
from gb28181.device.organising import Organising
from gb28181.device.outgoing import Outgoing
from gb28181.device.own import OwnChannels
from gb28181.device.query import Answers
from gb28181.device.registering import Registering, Silence
from gb28181.device.registrar import Registrar
from gb28181.device.restore import restore
from gb28181.device.views import (
    ChannelView,
    DeviceView,
    channel_view,
    device_view,
    last_keepalive,
)
from gb28181.manscdp import DeviceInfoResponse
from gb28181.store.errors import StoreUnavailable
from gb28181.store.records import IntervalRecord
from gb28181.store.store import Store
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.brief import Brief
from sip.digest import DigestServer
from sip.endpoint import Endpoint
from sip.flow import Flow
from sip.message import Request
from sip.options import ServerTransaction
from sip.server_side import BriefAnswer

MALFORMED_BURST = 50.0


class DeviceService:
    """Start it after the store and before the SIP endpoint; close it before the endpoint."""

    def __init__(
        self,
        options: DeviceOptions,
        *,
        store: Store,
        bus: Bus,
        sip: Endpoint,
        nonce_key: bytes,
        clock: Clock | None = None,
    ) -> None:
        self.options = options
        self._clock = clock or Clock()
        self._store = store
        self._estate = Estate(options, store, bus, sip, self._clock)
        self._rate = RateLimited(get_logger("device"), self._clock.now)
        digest = DigestServer(
            options.realm or options.domain,
            nonce_key,
            options.nonce_ttl_s,
            ids=lambda: uuid.uuid4().hex,
        )
        silence = Silence()
        self._registering = Registering(
            options, self._estate, Registrar(options, digest), self._rate, silence
        )
        self._intake = Intake(self._estate, self._rate, silence)
        answers = Answers()
        self._catalogs = Catalogs(self._estate, answers)
        outgoing = Outgoing(sip, options.server_id, options.domain)
        self._asking = Asking(self._estate, sip, outgoing, answers, self._catalogs)
        self._managing = Managing(self._estate)
        self.bulk = Bulk(self._estate, self._managing.settle)
        self.organising = Organising(self._estate)
        self.own = OwnChannels(self._estate)
        self._channels = ChannelQuery(self._estate.tree)
        self._malformed = Budget(options.malformed_rate, MALFORMED_BURST)
        self._saver: asyncio.Task[None] | None = None
        self._order: list[str] = []
        self._connect()

    def _connect(self) -> None:
        clocks = Clocks(self._estate)
        self._registering.on_seen = self._intake.on_seen = clocks.on_request
        self._intake.on_other.append(clocks.on_message)
        self._intake.on_catalog = self._catalogs.on_response
        self._intake.on_device_info = self._asking.on_device_info
        self._estate.on_fresh = self._asking.add
        self._estate.on_gone = self._asking.remove
        self._intake.on_catalog_notify = self._catalogs.on_notify
        self._catalogs.on_unknown = self._asking.again
        self.on_state: list[StateListener] = self._estate.on_state
        self.on_registration: list[RegisterListener] = self._estate.on_registration
        self.on_policy: list[PolicyListener] = self._estate.on_policy
        self.on_message_other: list[MessageListener] = self._intake.on_other
        self.on_register = self._registering.on_register
        self.on_message = self._intake.on_message
        self.on_catalog_notify = self._catalogs.on_notify
        """Changes in a catalog, from a notification."""
        self.on_catalog_response = self._catalogs.on_response

    # --- life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Note that a run begins, and bring the run before back into memory."""
        await self._store.history.begin_run(uuid.uuid4().hex, __version__)
        await restore(self._estate)
        self._saver = asyncio.create_task(self._save_keepalives(), name="device keepalives")

    async def aclose(self) -> None:
        """End timers and questions; states stay as they are, the store is closed by its owner."""
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.gather(self._saver, return_exceptions=True)
            self._saver = None
            await self._write_keepalives()
        await self._asking.aclose()
        self._catalogs.stop()
        self._estate.stop()

    async def _save_keepalives(self) -> None:
        while True:
            await asyncio.sleep(self.options.keepalive_save_s)
            await self._write_keepalives()
            self._rate.drain()

    async def _write_keepalives(self) -> None:
        """Heartbeat times are in memory; now and then they are written, for the next run."""
        seen = []
        for device in self._estate:
            at = last_keepalive(device, self._clock) if device.kept_alive else None
            if at is not None:
                device.registration.last_keepalive_at = at
                seen.append((device.device_id, at))
        try:
            await self._store.save_keepalives(seen)
        except StoreUnavailable:
            return  # only a convenience; the writer has reported the failure

    # --- SIP --------------------------------------------------------------------------------

    def on_brief(self, brief: Brief, flow: Flow) -> BriefAnswer | None:
        """Answers the usual heartbeat and the usual refresh of a registration at once."""
        if brief.method == "MESSAGE":
            return self._intake.on_brief(brief, flow)
        return self._registering.on_brief(brief, flow)

    def ask_about_strangers(self, taken: Callable[[ServerTransaction], bool]) -> None:
        """A MESSAGE whose sender is no device goes to ``taken`` first; True: it was answered."""
        self._intake.on_stranger = taken

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        """A TCP connection has ended."""
        if flow.connection:
            self._estate.connection_lost(flow.connection)

    def may_answer_malformed(self, source: Flow) -> bool:
        """Whether garbage from this address still gets an error response."""
        return self._malformed.allow(source.remote[0], self._clock.now())

    def round_trip(self, request: Request, flow: Flow, seconds: float | None) -> None:
        """How long a request of ours took; for the device it went to, if it went to one."""
        device = self._estate.devices.get(request.to.uri.plain_user) or self._estate.at(flow)
        if device is not None:
            device.facts.round_trip(seconds)

    # --- questions --------------------------------------------------------------------------

    @property
    def tree(self) -> Tree:
        return self._estate.tree

    def device(self, device_id: str) -> Device | None:
        return self._estate.devices.get(device_id)

    def channel_of(self, device: Device, reported_id: str) -> str:
        """The public id of a device's channel by the device's own code; empty for no channel."""
        found = self._estate.book.identities.lookup(device.device_id, reported_id)
        return found if found is not None and found in device.channels else ""

    def ids(self) -> list[str]:
        """Of all devices."""
        return list(self._estate.devices)

    def attempt(self, device_id: str) -> Attempt | None:
        """The last registration of an id that was not let in, unless it is in."""
        return self._registering.attempts.of(device_id)

    def flow_of(self, device_id: str) -> Flow | None:
        """Where requests to the device go now."""
        device = self._estate.devices.get(device_id)
        return None if device is None else device.flow

    def route(self, channel_id: str) -> Route | None:
        """How to reach a channel, or None for an unknown one. `online` is that of the device: a
        channel whose own Status is OFF may be asked all the same."""
        channel = self._estate.tree.channel(channel_id)
        if channel is None:
            return None
        device = self._estate.devices.get(channel.device_id)
        if device is None:  # a camera without SIP: see `own`
            return self.own.route(channel_id)
        return Route(
            channel_id,
            channel.reported_id,
            device.device_id,
            device.online and device.flow is not None,
            device.flow,
            device.policy.transport,
            device.registration.gb_version,
            device.policy,
            channel.place.county or channel.place.city,
        )

    def view(self, device_id: str) -> DeviceView:
        """One device; raises NotFound."""
        return device_view(self._managing.find(device_id), self._clock)

    def devices(
        self, *, q: str = "", online: bool | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[DeviceView], int]:
        """A page of devices in the order of their ids, and how many match."""
        if len(self._order) != len(self._estate.devices):
            self._order = sorted(self._estate.devices)
        devices = self._estate.devices
        text = q.strip().lower()
        found = [
            device
            for device_id in self._order
            if (device := devices[device_id]) and _matches(device, text, online)
        ]
        page = [device_view(device, self._clock) for device in found[offset : offset + limit]]
        return page, len(found)

    def channels(
        self, wanted: ChannelFilter, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[ChannelView], int]:
        """A page of channels in the order of their ids, and how many match."""
        page = self._channels.page(wanted, limit, offset)
        tree = self._estate.tree
        views = [channel_view(c, online=tree.shows_online(c)) for c in page.items]
        return views, page.total

    def channel(self, channel_id: str) -> ChannelView | None:
        found = self._estate.tree.channel(channel_id)
        if found is None:
            return None
        return channel_view(found, online=self._estate.tree.shows_online(found))

    def count_by_state(self) -> dict[str, int]:
        return self._estate.count_by_state()

    @property
    def keepalives(self) -> int:
        """Heartbeats taken since the start."""
        return self._intake.keepalives

    @property
    def queries_waiting(self) -> int:
        """Devices that wait to be asked for DeviceInfo and Catalog."""
        return self._asking.queue.waiting

    async def intervals(
        self,
        device_id: str,
        start: datetime,
        end: datetime,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[IntervalRecord], int]:
        """States of a device that touch [start, end); raises NotFound."""
        self._managing.find(device_id)
        return await self._store.history.intervals(
            device_id, start, end, limit=limit, offset=offset
        )

    # --- operators --------------------------------------------------------------------------

    async def query_catalog(self, device_id: str, timeout: float = 60.0) -> SyncResult:  # noqa: ASYNC109
        """Ask a device for its catalog and wait; raises NotFound, LegFailed(device_offline)."""
        return await self._asking.query_catalog(self._managing.find(device_id), timeout)

    async def query_device_info(self, device_id: str) -> DeviceInfoResponse | None:
        """Ask a device about itself; None when it did not answer in time."""
        return await self._asking.query_device_info(self._managing.find(device_id))

    async def create(
        self, device_id: str, name: str = "", password: str | None = None
    ) -> DeviceView:
        return device_view(await self._managing.create(device_id, name, password), self._clock)

    async def update(self, device_id: str, changes: Mapping[str, Any]) -> DeviceView:
        return device_view(await self._managing.update(device_id, changes), self._clock)

    async def approve(self, device_id: str) -> DeviceView:
        return device_view(await self._managing.approve(device_id), self._clock)

    async def delete(self, device_id: str) -> None:
        device = self._managing.find(device_id)
        self._asking.remove(device)
        self._catalogs.forget(device_id)
        await self._managing.delete(device_id)
        self._order = []

    async def hide_channel(self, channel_id: str, hidden: bool) -> None:
        await self._managing.hide(channel_id, hidden)


def _matches(device: Device, text: str, online: bool | None) -> bool:
    if online is not None and device.online != online:
        return False
    record = device.record
    return (
        not text
        or text in record.device_id
        or text in record.name.lower()
        or text in device.registration.remote_host
    )
