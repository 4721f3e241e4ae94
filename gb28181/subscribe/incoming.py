"""NOTIFY coming in: whose it is, what it is answered, and where its content goes.

A dialog is found by its Call-ID, which is ours and random, and by the address of its device; tags
are not insisted on, because devices make new ones for each NOTIFY. One of a dialog nobody knows,
from a registered device, is taken when its kind is wanted there (200, and the subscription is made
anew if it is not in force); else it is 481, which makes the device forget it. Dialogs we have
replaced are 481, too.
"""

from __future__ import annotations

from collections.abc import Callable

from gb28181.device.clock import Clock
from gb28181.device.keepalive import Gate, gate
from gb28181.device.model import Device
from gb28181.device.service import DeviceService
from gb28181.manscdp import BadXml, CatalogNotify, CatalogResponse, GenericMessage, Message, read
from gb28181.manscdp import registry as commands
from gb28181.subscribe.arriving import notified
from gb28181.subscribe.entry import Entry
from gb28181.subscribe.kinds import COMMANDS, Kind
from gb28181.subscribe.sending import dialog_of_notify
from gb28181.subscribe.service import Subscriber
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.message import Request
from sip.options import ServerTransaction
from sip.subscription import Restart

MOST_SAMPLE = 200

Listener = Callable[[Device, Message], None]

log = get_logger("subscribe")


class Incoming:
    """One per node."""

    def __init__(
        self, subscriber: Subscriber, devices: DeviceService, clock: Clock | None = None
    ) -> None:
        self._subscriber = subscriber
        self._devices = devices
        self._clock = clock or Clock()
        self._rate = RateLimited(log, self._clock.now)
        self.on_message: list[Listener] = []
        """Hear the content of notifications, except those about the catalog."""

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self._rate.drain()

    def on_notify(self, tx: ServerTransaction) -> None:
        """One NOTIFY."""
        request = tx.request
        entry = self._subscriber.of_call(request.call_id)
        if entry is None:
            self._without_dialog(tx)
            return
        device = self._devices.device(entry.device_id)
        if device is None or not self._from_device(tx, device):
            tx.respond(481)
            return
        dialog = entry.dialog or dialog_of_notify(entry, request)
        if dialog is None:
            tx.respond(481)
            return
        if dialog.check(request) == 500:
            tx.respond(500)  # older than one we have seen: what it says is not so any more
            return
        entry.dialog = dialog
        if self._content(tx, device, entry):
            self._subscriber.feed(entry, notified(request))

    def _from_device(self, tx: ServerTransaction, device: Device) -> bool:
        return gate(device, tx.flow, self._clock.now()) in (Gate.PASS, Gate.PASS_ELSEWHERE)

    def _without_dialog(self, tx: ServerTransaction) -> None:
        request = tx.request
        device = self._devices.device(request.from_.uri.plain_user)
        if self._subscriber.retired(request.call_id):
            tx.respond(200 if notified(request).terminated else 481)
            return
        if device is None or not self._from_device(tx, device):
            tx.respond(481)
            return
        kind = _kind_of(request, device)
        if kind is None or not self._subscriber.wanted(device, kind):
            tx.respond(481)
            return
        self._rate.event(
            ev.SUBSCRIPTION_UNKNOWN_DIALOG,
            device.device_id,
            device_id=device.device_id,
            subscription=kind.value,
        )
        if self._content(tx, device, None):
            entry = self._subscriber.entry(device.device_id, kind)
            if entry is not None and not entry.machine.in_force:
                self._subscriber.feed(entry, Restart())

    def _content(self, tx: ServerTransaction, device: Device, entry: Entry | None) -> bool:
        """Answer, and hand on what the body says; False when the body is refused."""
        content = tx.request.body
        message: Message | None = None
        if content.strip():
            try:
                message = read(content, device.charsets)
            except BadXml as error:
                tx.respond(error.status_hint)
                self._rate.event(
                    ev.DEVICE_MESSAGE_UNREADABLE,
                    device.device_id,
                    device_id=device.device_id,
                    remote=str(tx.flow),
                    reason=str(error),
                    sample=content[:MOST_SAMPLE].decode("latin-1"),
                    status=error.status_hint,
                )
                return False
        tx.respond(200)
        device.presence.last_seen = self._clock.now()
        if entry is not None:
            entry.notifications += 1
            entry.last_notify_at = self._clock.civil()
        if isinstance(message, CatalogNotify):
            self._devices.on_catalog_notify(device, message)
        elif isinstance(message, CatalogResponse):
            self._devices.on_catalog_response(device, message)
        elif message is not None:
            for listener in self.on_message:
                listener(device, message)
        return True


def _kind_of(request: Request, device: Device) -> Kind | None:
    """What a notification is about: its CmdType, or without a body its Event header."""
    try:
        message = read(request.body, device.charsets)
    except BadXml:
        name = (request.headers.get("Event") or "").partition(";")[0].strip()
        return COMMANDS.get(name.lower())
    if isinstance(message, GenericMessage):
        return COMMANDS.get(message.command.lower())
    command = commands.of_type(message)
    return None if command is None else COMMANDS.get(command.name.lower())
