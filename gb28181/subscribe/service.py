"""The subscriptions of one node: which there are, and who keeps them alive.

What is wanted of a device is what an operator said (stored), else its setting `subscribe`. Every
SUBSCRIBE leaves through a queue with a steady rate, so that a city that comes back does not get
everything at once. Rows are stored with their dialogs: after a restart a subscription that still
holds is refreshed in its dialog, and one that is not wanted any more is ended in it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from gb28181.cluster.bus import Bus, Event
from gb28181.device.clock import Clock
from gb28181.device.model import Device
from gb28181.device.query import QueryQueue
from gb28181.device.service import DeviceService
from gb28181.device.state import Cause, DeviceState
from gb28181.errors import Leg, LegFailed, NotFound
from gb28181.store.records import SubscriptionRecord
from gb28181.store.store import Store
from gb28181.subscribe.entry import Entry
from gb28181.subscribe.kinds import Kind, Wish
from gb28181.subscribe.sending import (
    Sending,
    enter_dialog,
    meaning,
    next_event,
)
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.endpoint import Endpoint
from sip.errors import ParseError, SipError, TransportFailed
from sip.message import Response
from sip.subscription import (
    Changed,
    Effect,
    Input,
    Restart,
    State,
    Stop,
    Subscribe,
    Subscription,
    Tick,
    Times,
    Unanswered,
    Unreachable,
)

RATE = 50.0
"""SUBSCRIBEs per second and node."""
OUTSTANDING = 200
MOST_RETIRED = 20_000

log = get_logger("subscribe")


class Subscriber:
    """Start it after the devices and before the SIP endpoint; close it before both."""

    def __init__(
        self,
        devices: DeviceService,
        sip: Endpoint,
        store: Store,
        bus: Bus,
        clock: Clock | None = None,
        times: Times | None = None,
    ) -> None:
        self._devices = devices
        self._sip = sip
        self._store = store
        self._bus = bus
        self._clock = clock or Clock()
        self._times = times or Times()
        options = devices.options
        self._sending = Sending(sip, options.server_id, options.domain)
        self._queue = QueryQueue(RATE, OUTSTANDING)
        self._entries: dict[tuple[str, Kind], Entry] = {}
        self._by_key: dict[str, Entry] = {}
        self._by_call: dict[str, Entry] = {}
        self._retired: OrderedDict[str, None] = OrderedDict()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._pump_timer: asyncio.TimerHandle | None = None
        self._rate = RateLimited(log, self._clock.now)
        self._closed = False
        self._started = False
        devices.on_state.append(self._device_changed)
        devices.on_registration.append(self._registered)
        devices.on_policy.append(self._policy_changed)

    # --- life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring back what the run before had; nothing is sent yet."""
        for record in await self._store.load_subscriptions():
            if record.kind in set(Kind) and self._devices.device(record.device_id) is not None:
                entry = self._enter(record)
                entry.restore(self._clock)
                if entry.dialog is not None:
                    self._by_call[entry.dialog.call_id] = entry

    def begin(self) -> None:
        """The SIP endpoint is open: begin what is wanted, end what is not."""
        self._started = True
        for device_id in self._devices.ids():
            self._adjust(device_id)

    async def aclose(self) -> None:
        """Stop the timers; what is in force stays so, for the next run."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        for entry in self._entries.values():
            entry.settle(LegFailed(Leg.DEVICE_OFFLINE, "the platform stops"))

    # --- what is wanted ---------------------------------------------------------------------

    def wanted(self, device: Device, kind: Kind) -> bool:
        """Whether a device should be subscribed to."""
        entry = self._entries.get((device.device_id, kind))
        if entry is not None and entry.record.wanted is not None:
            return entry.record.wanted
        return kind.value in device.policy.subscribe

    def _wish(self, device: Device, record: SubscriptionRecord) -> Wish:
        policy = device.policy
        return Wish.of(record.settings, policy.subscribe_expires, policy.position_interval)

    def _enter(self, record: SubscriptionRecord) -> Entry:
        device = self._devices.device(record.device_id)
        assert device is not None
        kind, wish = Kind(record.kind), self._wish(device, record)
        machine = Subscription(self._times_of(wish))
        entry = Entry(record.device_id, kind, record, wish, machine)
        self._entries[record.device_id, kind] = self._by_key[entry.key] = entry
        return entry

    def _times_of(self, wish: Wish) -> Times:
        base = self._times
        return Times(wish.expires, base.lead, base.pause, base.longest_pause)

    def _adjust(self, device_id: str) -> None:
        """Begin what is wanted and not there, end what is there and not wanted."""
        device = self._devices.device(device_id)
        if device is None or not self._started or self._closed:
            return
        for kind in Kind:
            entry = self._entries.get((device_id, kind))
            if self.wanted(device, kind):
                if entry is None:
                    entry = self._enter(SubscriptionRecord(device_id, kind.value))
                if entry.machine.state is State.CLOSED:
                    self.renew(entry)
                if (
                    device.online
                    and device.flow is not None
                    and entry.machine.state
                    in (
                        State.IDLE,
                        State.REFUSED,
                    )
                ):
                    self.feed(entry, Restart(dialog=entry.dialog is not None))
            elif entry is not None and entry.machine.state is not State.CLOSED:
                self.end(entry, device)

    def renew(self, entry: Entry) -> None:
        device = self._devices.device(entry.device_id)
        assert device is not None
        entry.wish = self._wish(device, entry.record)
        entry.machine = Subscription(self._times_of(entry.wish))

    def end(self, entry: Entry, device: Device) -> None:
        if device.flow is None or not device.online:
            if entry.dialog is None:
                self.feed(entry, Stop())
            return  # ended in its dialog when the device is back
        self.feed(entry, Stop())

    # --- devices ----------------------------------------------------------------------------

    def _device_changed(self, device_id: str, state: str, cause: str) -> None:
        if cause == Cause.REMOVED.value and self._devices.device(device_id) is not None:
            self._forget(device_id)
            return
        if state == DeviceState.ONLINE.value:
            for entry in self._of(device_id):
                if entry.was_offline:
                    entry.was_offline = False
                    self._retire(entry)
            self._adjust(device_id)
            return
        for entry in self._of(device_id):
            entry.was_offline = entry.was_offline or state == DeviceState.OFFLINE.value
            entry.to_send = None
            entry.attempt += 1  # an answer that comes now is one to somebody who left
            self.feed(entry, Unreachable())
            entry.settle(LegFailed(Leg.DEVICE_OFFLINE, f"device {device_id} went offline"))

    def _registered(self, device_id: str, call_id: str) -> None:
        """A registration with another Call-ID may be a device that has restarted: look whether
        its subscriptions are still there."""
        for entry in self._of(device_id):
            before, entry.register_call_id = entry.register_call_id, call_id
            if before not in ("", call_id) and entry.machine.state in (
                State.ACTIVE,
                State.WAITING,
                State.REFUSED,
            ):
                self.feed(entry, Restart(dialog=entry.dialog is not None))

    def _policy_changed(self, device_id: str) -> None:
        device = self._devices.device(device_id)
        for entry in self._of(device_id):
            if device is not None and self._wish(device, entry.record) != entry.wish:
                entry.wish = self._wish(device, entry.record)
                entry.machine.ask_for(entry.wish.expires)
                if entry.machine.in_force:
                    self.feed(entry, Restart(dialog=entry.dialog is not None))
        self._adjust(device_id)

    def _of(self, device_id: str) -> list[Entry]:
        if not self._entries:
            return []  # asked with every registration, and most platforms subscribe to nothing
        found = (self._entries.get((device_id, kind)) for kind in Kind)
        return [entry for entry in found if entry is not None]

    def _forget(self, device_id: str) -> None:
        """The device is removed; its dialogs are told to nobody."""
        for entry in self._of(device_id):
            self._retire(entry)
            timer = self._timers.pop(entry.key, None)
            if timer is not None:
                timer.cancel()
            self._queue.remove(entry.key)
            entry.settle(NotFound("device", device_id))
            del self._entries[device_id, entry.kind], self._by_key[entry.key]
            self._store.del_subscription(device_id, entry.kind.value)

    def _retire(self, entry: Entry) -> None:
        """Its dialog is over for us."""
        for call_id in {
            entry.dialog.call_id if entry.dialog is not None else "",
            entry.request.call_id if entry.request is not None else "",
        } - {""}:
            self._by_call.pop(call_id, None)
            self._retired[call_id] = None
            if len(self._retired) > MOST_RETIRED:
                self._retired.popitem(last=False)
        entry.dialog = entry.request = None
        entry.machine.forget_dialog()

    # --- machine ----------------------------------------------------------------------------

    def feed(self, entry: Entry, given: Input) -> None:
        before = entry.stamp
        for effect in entry.machine.handle(given, self._clock.now()):
            self._perform(entry, effect)
        self._arm(entry)
        if entry.stamp != before and not self._closed:
            self.save(entry)

    def save(self, entry: Entry) -> None:
        """The row goes to the store with the next batch."""
        self._store.put_subscription(entry.store(self._clock))

    def _perform(self, entry: Entry, effect: Effect) -> None:
        match effect:
            case Subscribe(fresh, expires):
                if fresh:
                    self._retire(entry)
                entry.to_send = (fresh, expires)
                self._queue.add(entry.key)
                self._pump()
            case Changed(state, reason):
                self._changed(entry, state, reason)

    def _changed(self, entry: Entry, state: State, reason: str) -> None:
        entry.record.reason = reason
        if state is State.CLOSED or state is State.WAITING or state is State.REFUSED:
            self._retire(entry)
        word = state.name.lower()
        fields = {"device_id": entry.device_id, "subscription": entry.kind.value}
        if state is State.ACTIVE:
            log.event(
                ev.SUBSCRIPTION_ACTIVE, **fields, sip_event=entry.record.event.partition(";")[0]
            )
        else:
            self._rate.event(ev.SUBSCRIPTION_LOST, entry.key, **fields, state=word, reason=reason)
        self._bus.publish(
            Event(
                "subscription.changed",
                {
                    "device_id": entry.device_id,
                    "kind": entry.kind.value,
                    "state": word,
                    "reason": reason,
                },
            )
        )
        entry.tell(state, reason)

    def _arm(self, entry: Entry) -> None:
        timer = self._timers.pop(entry.key, None)
        if timer is not None:
            timer.cancel()
        at = entry.machine.deadline
        if at is not None and not self._closed:
            delay = max(0.0, at - self._clock.now())
            loop = asyncio.get_running_loop()
            self._timers[entry.key] = loop.call_later(delay, self._wake, entry)

    def _wake(self, entry: Entry) -> None:
        self._timers.pop(entry.key, None)
        if self._entries.get((entry.device_id, entry.kind)) is entry:
            self.feed(entry, Tick())

    def expire(self) -> None:
        """Let the deadlines that have passed take effect."""
        for entry in list(self._entries.values()):
            at = entry.machine.deadline
            if at is not None and at <= self._clock.now():
                self.feed(entry, Tick())
        self._pump()

    # --- sending ----------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        if self._closed:
            return
        for key in self._queue.start(self._clock.now()):
            entry = self._by_key.get(key)
            if entry is None or not self._send(entry):
                self._queue.done(key)
        deadline = self._queue.deadline
        if deadline is not None:
            delay = max(0.001, deadline - self._clock.now())
            self._pump_timer = asyncio.get_running_loop().call_later(delay, self._pump)

    def _send(self, entry: Entry) -> bool:
        """Send what is due; False when nothing is under way now."""
        device, due = self._devices.device(entry.device_id), entry.to_send
        entry.to_send = None
        if due is None or device is None:
            return False
        if device.flow is None:
            self.feed(entry, Unanswered())
            return False
        fresh, expires = due
        if not fresh and entry.dialog is None:
            fresh = True
        request = self._sending.request(entry, device, device.flow, fresh, expires)
        entry.attempt += 1
        entry.request = request if fresh else None
        self._by_call[request.call_id] = entry
        attempt = entry.attempt

        def answered(answer: Response | SipError) -> None:
            self._queue.done(entry.key)
            self._answered(entry, attempt, answer)
            self._pump()

        try:
            self._sip.send_request(request, device.flow, answered)
        except TransportFailed as error:
            self._answered(entry, attempt, error)
            return False
        return True

    def _answered(self, entry: Entry, attempt: int, answer: Response | SipError) -> None:
        if attempt != entry.attempt or self._closed:
            return
        if next_event(entry, answer):
            self._retire(entry)
            entry.to_send = (True, entry.wish.expires)
            self._queue.add(entry.key)
            return
        given = meaning(answer)
        if isinstance(answer, Response) and 200 <= answer.status < 300:
            try:
                enter_dialog(entry, answer)
            except ParseError:
                given = Unanswered()
        self.feed(entry, given)

    def find(self, device_id: str) -> Device:
        device = self._devices.device(device_id)
        if device is None:
            raise NotFound("device", device_id)
        return device

    def enter(self, device_id: str, kind: Kind) -> Entry:
        """The entry of a device and kind, made when missing."""
        return self._entries.get((device_id, kind)) or self._enter(
            SubscriptionRecord(device_id, kind.value)
        )

    def entry(self, device_id: str, kind: Kind) -> Entry | None:
        return self._entries.get((device_id, kind))

    def of_call(self, call_id: str) -> Entry | None:
        """Whose dialog this is."""
        return self._by_call.get(call_id)

    def retired(self, call_id: str) -> bool:
        """Whether this was a dialog of ours."""
        return call_id in self._retired

    def entries(self, device_id: str) -> list[Entry]:
        """What there is at a device; raises NotFound."""
        self.find(device_id)
        return self._of(device_id)

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self._rate.drain()

    def seconds_left(self, entry: Entry) -> float | None:
        """How long the device still keeps it; None when it is not in force."""
        at = entry.machine.expires_at
        return None if at is None else max(0.0, at - self._clock.now())

    def count_by_state(self) -> dict[str, int]:
        """Subscriptions per state; every state is named."""
        counts = dict.fromkeys((state.name.lower() for state in State), 0)
        for entry in self._entries.values():
            counts[entry.machine.state.name.lower()] += 1
        return counts
