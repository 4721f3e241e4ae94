"""All devices in memory, and what follows when the state of one changes.

One place performs the effects of the presence machines: interval, stored registration, tree, bus,
log, and those who asked to be told. It also owns the deadlines of all devices (one heap, one timer)
and knows which device hangs on which connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import assert_never

from catalog.diff import Change, Removed
from catalog.tree import Tree
from gb28181.cluster.bus import Bus
from gb28181.device import states
from gb28181.device.book import Book, Rearranged
from gb28181.device.clock import Clock
from gb28181.device.deadlines import Deadlines
from gb28181.device.model import GB_2022, Device
from gb28181.device.news import News
from gb28181.device.options import DeviceOptions
from gb28181.device.policy import effective
from gb28181.device.registry import Effect, Input, Offline, Online, Refreshed, Unreachable
from gb28181.device.state import LIVE, Cause, DeviceState
from gb28181.device.views import last_keepalive
from gb28181.store.records import DeviceRecord, RegistrationRecord
from gb28181.store.store import Store
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from sip.endpoint import Endpoint
from sip.flow import Address, Flow

log = get_logger("device")

StateListener = Callable[[str, str, str], None]
"""Called with device id, state and cause."""
RegisterListener = Callable[[str, str], None]
"""Called with device id and the Call-ID of a REGISTER that was accepted."""
PolicyListener = Callable[[str], None]
"""Called with the id of a device whose settings an operator changed."""


class Estate:
    """The live registry of one node."""

    def __init__(
        self, options: DeviceOptions, store: Store, bus: Bus, sip: Endpoint, clock: Clock
    ) -> None:
        self.options = options
        self.store = store
        self.clock = clock
        self.devices: dict[str, Device] = {}
        self.tree = Tree(options.region)
        self.book = Book(options.region, options.server_id)
        self.news = News(bus, clock.now, options.tree_interval_s)
        self.on_state: list[StateListener] = []
        self.on_registration: list[RegisterListener] = []
        self.on_policy: list[PolicyListener] = []
        self.on_fresh: Callable[[Device], None] = _nobody
        """A device came for the first time or from offline: its facts are to be asked for."""
        self.on_gone: Callable[[Device], None] = _nobody
        self._sip = sip
        self._by_connection: dict[int, dict[str, None]] = {}
        self._by_place: dict[tuple[str, Address], str] = {}
        self._deadlines: Deadlines[str] = Deadlines(self._deadline_of)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._first_sn = int(clock.civil().timestamp()) % 900_000_000

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    # --- devices ----------------------------------------------------------------------------

    def new_device(self, record: DeviceRecord, registration: RegistrationRecord) -> Device:
        """Put a device into memory and tree; nothing is stored. SNs go on from the clock, so that
        a late answer to the run before matches no question of this one."""
        policy = effective(self.options.policy, record.policy)
        device = Device(record, registration, policy, self._first_sn)
        self.devices[device.device_id] = device
        return device

    def show(self, device: Device) -> None:
        """Name and state of a device, into the tree. One that waits for approval is not there."""
        if device.record.approved:
            device.shown = device.name
            self.news.tree(self.tree.put_device(device.device_id, device.name, device.online))

    def drop(self, device: Device) -> None:
        """Take a device out of memory and tree."""
        self.unbind(device)
        self._deadlines.forget(device.device_id)
        del self.devices[device.device_id]
        removed: list[Change] = [Removed(channel) for channel in device.channels.values()]
        self.news.channels(device, removed)
        self.book.forget(device.device_id)
        self.news.tree(self.tree.remove_device(device.device_id))
        self.news.removed(device.device_id)

    def save(self, device: Device) -> None:
        """The device's record goes to the store with the next batch."""
        self.store.put_device(device.record)

    def rename(self, device: Device) -> None:
        if device.shown != device.name:
            self.show(device)

    # --- flows ------------------------------------------------------------------------------

    def bind(self, device: Device, peer: Flow, flow: Flow) -> bool:
        """Requests to the device leave on `flow`, its messages come on `peer`; True when that is
        another place than before."""
        before = device.peer
        if before == peer and device.flow == flow:
            return False
        self.unbind(device)
        device.peer, device.flow = peer, flow
        self.locate(device, peer)
        if peer.connection:
            self._by_connection.setdefault(peer.connection, {})[device.device_id] = None
            self._sip.hold(peer)
        registration = device.registration
        registration.transport = peer.transport
        registration.remote_host, registration.remote_port = flow.remote
        registration.local_host, registration.local_port = peer.local
        return True

    def locate(self, device: Device, peer: Flow) -> None:
        """Messages of the device come from there."""
        self._by_place[_place(peer)] = device.device_id

    def at(self, flow: Flow) -> Device | None:
        """The device that came last from there; several may share a place."""
        return self.devices.get(self._by_place.get(_place(flow), ""))

    def unbind(self, device: Device) -> None:
        """The device has no flow."""
        peer, device.peer, device.flow = device.peer, None, None
        if peer is not None and self._by_place.get(_place(peer)) == device.device_id:
            del self._by_place[_place(peer)]
        if peer is not None and peer.connection:
            there = self._by_connection.get(peer.connection)
            if there is not None:
                there.pop(device.device_id, None)
                if not there:
                    del self._by_connection[peer.connection]
                    self._sip.release(peer)

    def connection_lost(self, connection: int) -> None:
        """Every device on a connection that ended."""
        for device_id in list(self._by_connection.get(connection, ())):
            device = self.devices[device_id]
            self.unbind(device)
            final = device.version >= GB_2022
            self.feed(device, Input.FLOW_LOST_FOR_GOOD if final else Input.FLOW_LOST)
        self._by_connection.pop(connection, None)

    # --- state ------------------------------------------------------------------------------

    def feed(self, device: Device, event: Input, *, expires_s: float = 0.0) -> None:
        """A fact about a device: advance its machine and perform what follows."""
        effects = device.presence.handle(event, self.clock.now(), expires_s=expires_s)
        self.watch(device)
        for effect in effects:
            self._perform(device, effect)

    def prolong(self, device: Device, expires_s: float) -> None:
        """`feed` for the REGISTER of an online device that said nothing new: times change."""
        device.presence.handle(Input.REGISTER, self.clock.now(), expires_s=expires_s)
        self.watch(device)
        self.store.put_refresh(device.registration)

    def _perform(self, device: Device, effect: Effect) -> None:
        match effect:
            case Online(cause, fresh):
                self._changed(device, cause)
                if cause is Cause.REGISTERED:
                    log.event(
                        ev.DEVICE_REGISTERED,
                        device_id=device.device_id,
                        remote=str(device.peer),
                        transport=device.registration.transport,
                        expires=round(device.presence.expires_at - self.clock.now()),
                        gb_version=device.registration.gb_version or None,
                    )
                self.news.device(
                    "device.online", device, cause=cause.value, remote=str(device.peer)
                )
                self.tell(device, cause)
                if fresh:
                    self.on_fresh(device)
            case Refreshed():
                self.store.put_registration(device.registration)
            case Unreachable(cause):
                self._changed(device, cause)
                log.event(ev.DEVICE_UNREACHABLE, device_id=device.device_id, reason=cause.value)
                self.news.device("device.offline", device, cause=cause.value)
                self.tell(device, cause)
            case Offline(cause):
                self._left(device, cause)
            case _:
                assert_never(effect)

    def _left(self, device: Device, cause: Cause) -> None:
        self.unbind(device)
        device.registration.expires_at = None
        self._changed(device, cause)
        seen = last_keepalive(device, self.clock)
        log.event(
            ev.DEVICE_UNREGISTERED if cause is Cause.UNREGISTERED else ev.DEVICE_OFFLINE,
            device_id=device.device_id,
            **(
                {"remote": device.registration.remote_host}
                if cause is Cause.UNREGISTERED
                else {"reason": cause.value, "last_seen": seen and seen.isoformat()}
            ),
        )
        self.news.device("device.offline", device, cause=cause.value)
        self.on_gone(device)
        self.tell(device, cause)

    def _changed(self, device: Device, cause: Cause) -> None:
        """Another state: registration row, interval, tree."""
        registration = device.registration
        registration.state, registration.cause = device.state.value, cause.value
        registration.last_keepalive_at = last_keepalive(device, self.clock)
        self.store.put_registration(registration)
        for interval in states.begin(device, device.state, cause, self.clock.civil()):
            self.store.put_interval(interval)
        if device.shown:
            self.news.tree(self.tree.set_device_online(device.device_id, device.online))
        else:
            self.show(device)

    def tell(self, device: Device, cause: Cause) -> None:
        """Tell the floors above."""
        for listener in self.on_state:
            listener(device.device_id, device.state.value, cause.value)

    def take(self, device: Device, found: Rearranged) -> None:
        """Store, show and publish another arrangement of a device's catalog."""
        self.store.put_channels(found.rows)
        gone = [
            change.channel.channel_id for change in found.changes if isinstance(change, Removed)
        ]
        here = [
            device.channels[channel_id]
            for channel_id in {_channel_of(change) for change in found.changes}
            if channel_id in device.channels
        ]
        nodes = self.tree.remove_channels(gone) if gone else []
        if here:
            nodes = nodes + self.tree.put_channels(here)
        self.news.channels(device, found.changes)
        self.news.tree(nodes)
        for channel in found.shared:
            log.event(
                ev.CATALOG_CODE_SHARED,
                device_id=device.device_id,
                channel_id=channel.channel_id,
                reported_id=channel.reported_id,
            )

    # --- deadlines --------------------------------------------------------------------------

    def _deadline_of(self, device_id: str) -> float | None:
        device = self.devices.get(device_id)
        return None if device is None else device.presence.deadline

    def watch(self, device: Device) -> None:
        """The deadline of a device may have become earlier."""
        self._deadlines.update(device.device_id)
        self._arm()

    def _arm(self) -> None:
        at = self._deadlines.next()
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay = max(0.0, at - self.clock.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.expire()
        self._arm()

    def expire(self) -> None:
        """Let the deadlines that have passed take effect."""
        for device_id in self._deadlines.due(self.clock.now()):
            self.feed(self.devices[device_id], Input.TICK)

    def stop(self) -> None:
        """No more timers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.news.stop()

    # --- figures ----------------------------------------------------------------------------

    def count_by_state(self) -> dict[str, int]:
        """Approved devices per state; every state is named."""
        counts = dict.fromkeys((state.value for state in DeviceState), 0)
        for device in self.devices.values():
            counts[device.state.value] += 1
        return counts

    def live(self) -> int:
        return sum(1 for device in self.devices.values() if device.state in LIVE)


def _place(flow: Flow) -> tuple[str, Address]:
    return flow.transport, flow.remote


def _channel_of(change: Change) -> str:
    channel = getattr(change, "channel", None)
    return channel.channel_id if channel is not None else change.channel_id  # type: ignore[union-attr]


def _nobody(_device: Device) -> None:
    """Nobody asked to be told yet."""
