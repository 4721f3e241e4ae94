"""MESSAGE: who may speak, what he says, and who gets it (GB/T 28181-2022 9.3.3, A.1, A.2).

The SIP answer says only that the message was read: 200 at once and without a body, 403 for a
sender without a live registration (so that it registers), 400 for a body that is no MANSCDP. What
follows from the content comes later. An unknown CmdType is answered 200 and handed to whoever
listens.

The heartbeat is nearly all of the traffic and has a short way: no task, no store, no log.
"""

from __future__ import annotations

from collections.abc import Callable

from gb28181.device.estate import Estate
from gb28181.device.keepalive import Gate, gate
from gb28181.device.limits import Budget
from gb28181.device.model import Device
from gb28181.device.registering import Silence, via_flow
from gb28181.device.registry import Input
from gb28181.device.state import Cause, DeviceState
from gb28181.device.trial import Heartbeats, Trial
from gb28181.manscdp import (
    BadXml,
    CatalogNotify,
    CatalogResponse,
    DeviceInfoResponse,
    GenericMessage,
    Keepalive,
    Message,
    read,
)
from gb28181.manscdp.commands.keepalive import is_usual
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.brief import Brief
from sip.flow import Flow
from sip.message import Request
from sip.options import ServerTransaction
from sip.server_side import BriefAnswer

KNOWN_PER_S = 2.0
KNOWN_BURST = 20.0
"""403s for one known id from one address."""
STRANGER_RATE = 20.0
STRANGER_BURST = 200.0
"""403s per address for ids nobody knows."""
MOST_SAMPLE = 200

MessageListener = Callable[[Device, Message], None]

log = get_logger("device")

_ONLINE = DeviceState.ONLINE
_PASS = Gate.PASS
_GOOD: BriefAnswer = (200, "")


class Intake:
    """One per node."""

    def __init__(self, estate: Estate, rate: RateLimited, silence: Silence) -> None:
        self._estate = estate
        self._devices = estate.devices
        self._now = estate.clock.now
        self._rate = rate
        self._silence = silence
        self._known = Budget(KNOWN_PER_S, KNOWN_BURST)
        self._strangers = Budget(STRANGER_RATE, STRANGER_BURST)
        self.on_catalog: Callable[[Device, CatalogResponse], None] = _nobody
        self.on_catalog_notify: Callable[[Device, CatalogNotify], None] = _nobody
        self.on_device_info: Callable[[Device, DeviceInfoResponse], None] = _nobody
        self.on_other: list[MessageListener] = []
        self.on_seen: Callable[[Device, Request], None] = _nobody
        """Told about every believed request but the usual heartbeat."""
        self.on_stranger: Callable[[ServerTransaction], bool] = _not_mine
        """Asked about a MESSAGE of an unknown id; True when it was answered."""
        self.keepalives = 0
        """Heartbeats taken since the start."""

    def on_brief(self, brief: Brief, flow: Flow) -> BriefAnswer | None:
        """The hot path: a heartbeat that changes nothing. `on_message` would do the same."""
        device = self._devices.get(brief.user)
        if (
            device is None
            or (device.peer is not flow and device.peer != flow)
            or device.flow is not device.peer
            or device.trial is not None
        ):
            return None
        presence, now = device.presence, self._now()
        if (
            presence.state is not _ONLINE
            or now >= presence.expires_at
            or not device.facts.healthy
            or not is_usual(brief.body)
        ):
            return None
        self.keepalives += 1
        presence.last_seen = device.kept_alive = now
        return _GOOD

    def on_message(self, tx: ServerTransaction) -> None:
        """One MESSAGE. The first lines are the usual heartbeat, where it was not brief."""
        flow, now = tx.flow, self._now()
        device = self._devices.get(tx.request.from_user)
        if device is None:
            self._stranger(tx, now)
            return
        verdict = gate(device, flow, now)
        if verdict is _PASS and device.presence.state is _ONLINE and device.trial is None:
            body = tx.request.body
            if is_usual(body):
                self.keepalives += 1
                device.presence.last_seen = device.kept_alive = now
                if not device.facts.healthy:
                    self._health(device, ok=True)
                if device.flow is not device.peer:
                    tx.reply_to = via_flow(tx.request, flow)
                tx.respond(200)
                return
        self._on_message(tx, device, verdict, now)

    def _on_message(self, tx: ServerTransaction, device: Device, verdict: Gate, now: float) -> None:
        if device.policy.reply_port == "via":
            tx.reply_to = via_flow(tx.request, tx.flow)
        if verdict in (Gate.NOT_REGISTERED, Gate.OTHER_ADDRESS):
            self._refuse(tx, device, verdict, now)
            return
        try:
            message = read(tx.request.body, device.charsets)
        except BadXml as error:
            self._unreadable(tx, device, error)
            return
        if device.trial is not None and self._on_trial(tx, device, device.trial, message, now):
            return
        tx.respond(200)
        self._learnt(device)
        self.on_seen(device, tx.request)
        if isinstance(message, Keepalive):
            self._keepalive(device, tx, verdict, now)
            self._health(device, message.ok, message.faulty)
        else:
            device.presence.last_seen = now
            self._dispatch(device, message)

    def _on_trial(
        self, tx: ServerTransaction, device: Device, trial: Trial, message: Message, now: float
    ) -> bool:
        """True: a heartbeat that is answered badly on purpose. It lives all the same."""
        if not isinstance(message, Keepalive) or trial.heartbeat is Heartbeats.TAKEN:
            return False
        if trial.heartbeat is Heartbeats.REFUSED:
            tx.respond(403)
        else:
            self._silence.keep(tx, now)
        device.presence.last_seen = device.kept_alive = now
        return True

    def _keepalive(self, device: Device, tx: ServerTransaction, verdict: Gate, now: float) -> None:
        self.keepalives += 1
        device.kept_alive = now
        unreached = device.online and device.flow is None
        if verdict is Gate.PASS_ELSEWHERE:
            self._rebind(device, tx)
        self._estate.feed(device, Input.HEARD)
        if unreached:
            # online since before our own restart, and only now on a connection we can use
            self._estate.tell(device, Cause.RECONNECTED)

    def _health(self, device: Device, ok: bool, faulty: tuple[str, ...] = ()) -> None:
        if device.facts.heartbeat(ok, faulty):
            log.event(
                ev.DEVICE_FAULT, device_id=device.device_id, healthy=ok, faulty=list(faulty[:20])
            )
            self._estate.news.device(
                "device.updated", device, healthy=device.facts.healthy, faulty=list(faulty)
            )

    def _rebind(self, device: Device, tx: ServerTransaction) -> None:
        flow, before = tx.flow, device.peer
        if device.policy.reply_port == "via":
            flow = via_flow(tx.request, flow) or flow
        self._estate.bind(device, tx.flow, flow)
        self._estate.store.put_registration(device.registration)
        log.event(
            ev.DEVICE_MOVED,
            device_id=device.device_id,
            remote=str(tx.flow),
            previous=None if before is None else str(before),
            transport=tx.flow.transport,
        )

    def _dispatch(self, device: Device, message: Message) -> None:
        if isinstance(message, CatalogResponse):
            self.on_catalog(device, message)
        elif isinstance(message, CatalogNotify):
            self.on_catalog_notify(device, message)
        elif isinstance(message, DeviceInfoResponse):
            self.on_device_info(device, message)
        else:
            if isinstance(message, GenericMessage):
                self._rate.event(
                    ev.DEVICE_MESSAGE_OTHER,
                    device.device_id,
                    device_id=device.device_id,
                    command=message.command,
                    root=message.root,
                )
            for listener in self.on_other:
                listener(device, message)

    def _learnt(self, device: Device) -> None:
        """Store what the message proved about the device's charset."""
        if device.charsets.revision != device.charsets_saved:
            device.charsets_saved = device.charsets.revision
            device.record.charsets = device.charsets.to_dict()
            self._estate.save(device)

    # --- refused ----------------------------------------------------------------------------

    def _stranger(self, tx: ServerTransaction, now: float) -> None:
        if self.on_stranger(tx):
            return
        self._deny(tx, self._strangers.allow(tx.flow.remote[0], now), "unknown_id", now)

    def _refuse(self, tx: ServerTransaction, device: Device, verdict: Gate, now: float) -> None:
        key = (tx.flow.remote[0], device.device_id)
        self._deny(tx, self._known.allow(key, now), verdict.name.lower(), now)

    def _deny(self, tx: ServerTransaction, allowed: bool, reason: str, now: float) -> None:
        remote = tx.flow.remote[0]
        user = tx.request.from_user[:64]
        if allowed:
            tx.respond(403)
            self._rate.event(
                ev.SIP_REQUEST_REFUSED,
                remote,
                device_id=user,
                remote=str(tx.flow),
                method="MESSAGE",
                status=403,
                reason=reason,
            )
        else:
            self._rate.event(
                ev.SIP_LIMIT_REACHED, remote, remote=remote, device_id=user, limit=reason
            )
            self._silence.keep(tx, now)

    def _unreadable(self, tx: ServerTransaction, device: Device, error: BadXml) -> None:
        tx.respond(error.status_hint)
        device.presence.last_seen = self._now()
        self._rate.event(
            ev.DEVICE_MESSAGE_UNREADABLE,
            device.device_id,
            device_id=device.device_id,
            remote=str(tx.flow),
            reason=str(error),
            sample=tx.request.body[:MOST_SAMPLE].decode("latin-1"),
            status=error.status_hint,
        )


def _not_mine(_tx: ServerTransaction) -> bool:
    """Nobody expects messages of strangers yet."""
    return False


def _nobody(_device: Device, _message: object) -> None:
    """Nobody listens yet."""
