"""All subscriptions of a fleet: SUBSCRIBE answered, first state told, changes passed on.

GB/T 28181-2022 9.11, annex N: after a SUBSCRIBE for the catalog the items that are off are told,
then changes; positions come at once and then by the clock, those of the lens when it moved.
"""

from __future__ import annotations

import asyncio

from gb28181.manscdp import BadXml, Message, decode, from_decoded
from gb28181.manscdp.codec import Node
from gb28181.manscdp.commands.mobile_position import MobilePositionQuery
from gb28181.manscdp.commands.ptz_position_notify import PtzPositionNotify
from gb28181.simulator import pen
from gb28181.simulator.answers.catalog import item_node, status_word
from gb28181.simulator.answers.reports import place_of
from gb28181.simulator.answers.views import position_response
from gb28181.simulator.bodies import Alarm
from gb28181.simulator.device import Device
from gb28181.simulator.dome import Position
from gb28181.simulator.faults import Fault
from gb28181.simulator.profiles import Habit
from gb28181.simulator.subscription import (
    DEFAULT_S,
    EDITION_OF,
    LONGEST_S,
    PACKAGES,
    Kind,
    Subscription,
)
from sip.errors import ParseError
from sip.options import ServerTransaction

LENS_S = 0.5
"""How often a subscribed lens is looked at."""
MOST_OF_DEVICE = 16


class Subscriptions:
    """One per fleet."""

    def __init__(self) -> None:
        self._by_call: dict[str, Subscription] = {}
        self._of_device: dict[str, list[Subscription]] = {}
        self._seen: dict[str, Position] = {}
        """Call-ID -> the lens as it was told last."""
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._by_call)

    # --- SUBSCRIBE ----------------------------------------------------------------------------

    def subscribe(self, device: Device, tx: ServerTransaction) -> None:
        request = tx.request
        if Fault.SUBSCRIBE_REFUSED in device.faults:
            tx.respond(int(device.faults[Fault.SUBSCRIBE_REFUSED]))
            return
        seconds = _seconds(tx)
        known = self._by_call.get(request.call_id)
        if known is not None:
            known.refresh(tx, seconds)
            return
        if request.to.tag:
            tx.respond(481)
            return
        found = _wanted(tx)
        if found is None or device.profile.edition < EDITION_OF[found[0]]:
            tx.respond(489)
            return
        own = self._of_device.setdefault(device.spec.device_id, [])
        if len(own) >= MOST_OF_DEVICE:
            tx.respond(486)
            return
        made = Subscription(device, tx, *found, self._over)
        self._by_call[made.call_id] = made
        own.append(made)
        made.accept(tx, seconds)
        if Fault.NO_NOTIFY not in device.faults:
            self._tell_state(made)
        if seconds == 0:
            made.finish("timeout")

    def _over(self, subscription: Subscription) -> None:
        self._by_call.pop(subscription.call_id, None)
        self._seen.pop(subscription.call_id, None)
        own = self._of_device.get(subscription.device.spec.device_id, [])
        if subscription in own:
            own.remove(subscription)
        if not own:
            self._of_device.pop(subscription.device.spec.device_id, None)

    def of(self, device: Device, kind: Kind) -> list[Subscription]:
        """Those that are told something."""
        if Fault.NO_NOTIFY in device.faults:
            return []
        return [one for one in self._of_device.get(device.spec.device_id, ()) if one.kind is kind]

    def forget(self, device: Device) -> None:
        """The device restarts: it knows nothing of them any more, and says nothing."""
        for one in list(self._of_device.get(device.spec.device_id, ())):
            one.drop()

    def finish_all(self, reason: str) -> None:
        for one in list(self._by_call.values()):
            one.finish(reason)

    # --- what is told -------------------------------------------------------------------------

    def _tell_state(self, made: Subscription) -> None:
        """The state at the beginning; an empty NOTIFY where there is none."""
        match made.kind:
            case Kind.CATALOG:
                off = sorted(made.device.memory.off_channels)
                made.tell(self.changes(made.device, [(code, "OFF") for code in off]))
            case Kind.ALARM:
                made.tell(b"")
            case Kind.POSITION:
                self._position(made)
            case Kind.PTZ_POSITION:
                self._lens(made)

    def changes(self, device: Device, events: list[tuple[str, str]]) -> bytes:
        """A catalog notification: channel and event, in their order."""
        asked = device.asked(Message("1", device.spec.device_id))
        items = []
        for code, event in events:
            word = Node("Event", event)
            full = item_node(asked, code, word) if event in ("ADD", "UPDATE") else None
            items.append(full or Node("Item", (Node("DeviceID", code), word)))
        nodes = [Node("SumNum", len(items))]
        if items:
            nodes.append(Node("DeviceList", tuple(items), (("Num", str(len(items))),)))
        sn, device_id = device.next_sn(), device.spec.device_id
        return pen.write(device.profile, device.faults, "Notify", "Catalog", sn, device_id, nodes)

    def changed(self, device: Device, code: str, event: str) -> None:
        """Tell a change of a channel: to whoever subscribed, or as the family does."""
        for one in self.of(device, Kind.CATALOG):
            if one.code in (device.spec.device_id, code) or device.spec.civil_code.startswith(
                one.code
            ):
                one.tell(self.changes(device, [(code, event)]))
        if device.profile.has(Habit.STRAY_CATALOG):
            device.send(_stray(device, code))

    def alarm(self, device: Device, alarm: Alarm) -> bool:
        """Whether somebody subscribed to it was told."""
        told = False
        for one in self.of(device, Kind.ALARM):
            if one.wants(alarm):
                one.tell(device.writer.alarm(device.next_sn(), alarm, device.wall))
                told = True
        return told

    def _position(self, made: Subscription) -> None:
        """Where the device is, again and again."""
        if made.over:
            return
        device = made.device
        message = place_of(device.asked(made.query), str(device.next_sn()))
        if message.fixes:
            made.tell(pen.write_message(device.profile, device.faults, message))
        query = made.query
        pause = query.interval if isinstance(query, MobilePositionQuery) else 5
        made.every = self._loop.call_later(pause, lambda: self._position(made))

    def _lens(self, made: Subscription) -> None:
        """Where the lens looks, whenever that is another place than before."""
        if made.over:
            return
        device = made.device
        asked = device.asked(made.query)
        at = device.memory.dome(asked.camera, asked.now).at(asked.now)
        if self._seen.get(made.call_id) != at:
            self._seen[made.call_id] = at
            values = position_response(str(device.next_sn()), made.code, at)
            message = PtzPositionNotify(
                values.sn,
                values.device_id,
                values.pan,
                values.tilt,
                values.zoom,
                values.horizontal_field_angle,
                values.vertical_field_angle,
                values.max_view_distance,
            )
            made.tell(pen.write_message(device.profile, device.faults, message))
        made.every = self._loop.call_later(LENS_S, lambda: self._lens(made))


def _wanted(tx: ServerTransaction) -> tuple[Kind, Message] | None:
    """What is subscribed to, by the command in the body; None for nothing we have."""
    package = (tx.request.headers.get("Event") or "presence").partition(";")[0].strip().lower()
    if package not in PACKAGES:
        return None
    try:
        asked = decode(tx.request.body)
        kind = Kind(asked.command.lower())
    except (BadXml, ValueError):
        return None
    return kind, from_decoded(asked)


def _seconds(tx: ServerTransaction) -> int:
    try:
        expires = tx.request.expires
    except ParseError:
        expires = None
    return DEFAULT_S if expires is None else min(expires, LONGEST_S)


def _stray(device: Device, code: str) -> bytes:
    """A catalog of one item nobody asked for."""
    asked = device.asked(Message("1", device.spec.device_id))
    node = item_node(asked, code) or Node(
        "Item", (Node("DeviceID", code), Node("Status", status_word(asked, code)))
    )
    nodes = [Node("SumNum", 1), Node("DeviceList", (node,), (("Num", "1"),))]
    sn, device_id = device.next_sn(), device.spec.device_id
    return pen.write(device.profile, device.faults, "Response", "Catalog", sn, device_id, nodes)
