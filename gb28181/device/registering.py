"""REGISTER, the doing half: performs what `registrar.py` decided and answers the device.

Every response carries X-GB-Ver (GB/T 28181-2022 annex I); the 200 echoes Contact with the granted
time and carries Date in Beijing time (9.10). The answer leaves before anything follows from it, so
that a device is never asked before it knows it is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import assert_never

from gb28181.device import warnings
from gb28181.device.attempts import CHALLENGED, Attempts
from gb28181.device.clock import date_header
from gb28181.device.estate import Estate
from gb28181.device.limits import Budget
from gb28181.device.model import Device
from gb28181.device.options import DeviceOptions
from gb28181.device.refreshing import Refreshing, said
from gb28181.device.registrar import (
    Accept,
    Challenge,
    Drop,
    Pending,
    Redirect,
    Refuse,
    Registrar,
    Unregister,
)
from gb28181.device.registry import Input
from gb28181.device.state import LIVE, Cause, DeviceState
from gb28181.store.records import DeviceRecord, RegistrationRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.flow import Flow
from sip.message import Request
from sip.options import ServerTransaction

GB_VERSION = "3.0"
"""X-GB-Ver of this platform: the edition of 2022."""
MOST_PENDING = 10_000
"""Devices that may wait for approval."""
MOST_USER_AGENT = 128
SILENT_PER_S = 50.0
SILENT_BURST = 1000.0
"""Requests that may be left without an answer: each occupies a transaction until it times out."""

_HEADERS = (("X-GB-Ver", GB_VERSION),)

log = get_logger("device")


class Silence:
    """Not answering costs us a transaction, so that too is rationed; beyond it, 503."""

    def __init__(self) -> None:
        self._budget = Budget(SILENT_PER_S, SILENT_BURST)

    def keep(self, tx: ServerTransaction, now: float) -> None:
        if not self._budget.allow("", now):
            tx.respond(503, headers=(*_HEADERS, ("Retry-After", "60")))


class Registering:
    """One per node."""

    def __init__(
        self,
        options: DeviceOptions,
        estate: Estate,
        registrar: Registrar,
        rate: RateLimited,
        silence: Silence,
    ) -> None:
        self._options = options
        self._estate = estate
        self._registrar = registrar
        self._rate = rate
        self._silence = silence
        self.attempts = Attempts()
        self.on_brief = Refreshing(
            estate, registrar, _lines(_HEADERS), self.attempts.succeeded
        ).on_brief
        self.on_seen: Callable[[Device, Request], None] = _nobody
        """Told about every accepted request of a device."""

    def on_register(self, tx: ServerTransaction) -> None:
        """One REGISTER."""
        request, now = tx.request, self._estate.clock.now()
        device_id = request.from_user
        device = self._estate.devices.get(device_id)
        if device is not None and device.policy.reply_port == "via":
            tx.reply_to = via_flow(request, tx.flow)
        decision = self._registrar.decide(request, tx.flow, device, now)
        match decision:
            case Challenge():
                self._challenge(tx, decision, device)
            case Refuse():
                self._refuse(tx, device_id, device, decision)
            case Drop(limit):
                remote = tx.flow.remote[0]
                self._rate.event(
                    ev.SIP_LIMIT_REACHED, remote, remote=remote, device_id=device_id, limit=limit
                )
                self._silence.keep(tx, now)
            case Pending():
                self._pending(tx, device_id, device)
            case Accept():
                self._admit(tx, device_id, device, decision)
            case Unregister():
                self._unregister(tx, device_id, device, decision)
            case Redirect():
                self._redirect(tx, device_id, device, decision)
            case _:
                assert_never(decision)

    def _challenge(self, tx: ServerTransaction, decision: Challenge, device: Device | None) -> None:
        tx.respond(401, headers=(*_HEADERS, ("WWW-Authenticate", decision.value)))
        if device is None or device.state not in LIVE:
            self._tried(tx, tx.request.from_user, device, CHALLENGED)
        if device is not None and device.state not in LIVE:
            self._estate.feed(device, Input.CHALLENGE)

    def _refuse(
        self, tx: ServerTransaction, device_id: str, device: Device | None, decision: Refuse
    ) -> None:
        tx.respond(decision.status, headers=_HEADERS)
        self._tried(tx, device_id, device, decision.reason)
        remote = tx.flow.remote[0]
        if decision.reason == "duplicate" and device is not None:
            self._duplicate(device, tx.flow, device.peer, "refused")
            return
        event = ev.DEVICE_AUTH_FAILED if decision.failed else ev.DEVICE_REFUSED
        self._rate.event(
            event, remote, device_id=device_id, remote=str(tx.flow), reason=decision.reason
        )

    def _tried(
        self, tx: ServerTransaction, device_id: str, device: Device | None, reason: str
    ) -> None:
        at = self._estate.clock.civil()
        self.attempts.note(device_id[:64], reason, str(tx.flow), at, known=device is not None)

    # --- admitted ---------------------------------------------------------------------------

    def _admit(
        self, tx: ServerTransaction, device_id: str, device: Device | None, decision: Accept
    ) -> None:
        trial = None if device is None else device.trial
        if trial is not None and trial.register_status:
            tx.respond(trial.register_status, headers=_HEADERS)
            return
        if trial is not None and trial.grant_s:
            decision = replace(decision, expires_s=trial.grant_s)
        self._accept(tx, device_id, device, decision)

    def _accept(
        self, tx: ServerTransaction, device_id: str, device: Device | None, decision: Accept
    ) -> None:
        estate, request = self._estate, tx.request
        if device is None:
            device = estate.new_device(
                DeviceRecord(device_id, created_at=estate.clock.civil()),
                RegistrationRecord(device_id, DeviceState.UNKNOWN.value),
            )
            estate.save(device)
        self.attempts.succeeded(device_id)
        before, reachable = device.peer, device.flow is not None
        was_online, alive = device.online, self._heard_lately(device)
        estate.bind(device, tx.flow, self._flow_of(device, request, tx.flow))
        self._note(device, request, decision.digest_uri)
        self.on_seen(device, request)
        registration = device.registration
        registration.contact = decision.contact
        if decision.gb_version is not None:
            registration.gb_version = decision.gb_version
        registration.registered_at = estate.clock.civil()
        registration.expires_at = estate.clock.civil_of(estate.clock.now() + decision.expires_s)
        self._answer(tx, device, decision.contact, decision.expires_s)
        lines = _lines(_admitted(decision.contact, decision.expires_s))
        device.said = said(request, device, decision, lines)
        estate.feed(device, Input.REGISTER, expires_s=decision.expires_s)
        if was_online:
            self._refreshed(device, before, reachable, alive)
        for listener in estate.on_registration:
            listener(device_id, request.call_id)

    def _refreshed(self, device: Device, before: Flow | None, reachable: bool, alive: bool) -> None:
        """It was online already: tell what is new about where it is."""
        peer = device.peer
        assert peer is not None
        if not reachable:
            # restored after our own restart without a connection: it can be reached again
            self._estate.tell(device, Cause.RECONNECTED)
        if before is None or before == peer:
            return
        if before.remote[0] != peer.remote[0] and alive:
            self._duplicate(device, peer, before, "newest_wins")
        log.event(
            ev.DEVICE_MOVED,
            device_id=device.device_id,
            remote=str(peer),
            previous=str(before),
            transport=peer.transport,
        )
        self._estate.news.device("device.updated", device, remote=str(peer), previous=str(before))

    def _heard_lately(self, device: Device) -> bool:
        """It spoke within the last heartbeat and a half: its old address is no memory."""
        now, presence = self._estate.clock.now(), device.presence
        lately = now - presence.last_seen <= 1.5 * device.policy.keepalive_interval
        return presence.registered(now) and lately

    def _duplicate(self, device: Device, flow: Flow, before: Flow | None, result: str) -> None:
        self._rate.event(
            ev.DEVICE_DUPLICATE,
            device.device_id,
            device_id=device.device_id,
            remote=str(flow),
            previous=str(before),
            result=result,
        )
        self._estate.news.device(
            "device.duplicate", device, remote=str(flow), previous=str(before), result=result
        )

    def _pending(self, tx: ServerTransaction, device_id: str, device: Device | None) -> None:
        tx.respond(403, headers=_HEADERS)
        self._tried(tx, device_id, device, "not_approved")
        estate, remote = self._estate, str(tx.flow)
        if device is None:
            if sum(not d.record.approved for d in estate) >= MOST_PENDING:
                self._rate.event(
                    ev.DEVICE_REFUSED,
                    tx.flow.remote[0],
                    device_id=device_id,
                    remote=remote,
                    reason="too_many_pending",
                )
                return
            record = DeviceRecord(device_id, approved=False, created_at=estate.clock.civil())
            device = estate.new_device(record, RegistrationRecord(device_id, "unknown"))
            log.event(ev.DEVICE_PENDING, device_id=device_id, remote=remote)
            estate.news.device("device.pending", device, remote=remote)
        device.registration.remote_host, device.registration.remote_port = tx.flow.remote
        device.registration.transport = tx.flow.transport
        self._note(device, tx.request, None)
        estate.save(device)
        estate.store.put_registration(device.registration)

    def _unregister(
        self, tx: ServerTransaction, device_id: str, device: Device | None, decision: Unregister
    ) -> None:
        self._answer(tx, device, decision.contact, 0)
        if device is not None:
            self._note(device, tx.request, decision.digest_uri)
            self._estate.feed(device, Input.UNREGISTER)

    def _redirect(
        self, tx: ServerTransaction, device_id: str, device: Device | None, decision: Redirect
    ) -> None:
        """It belongs to another server from now on; here it is offline."""
        server = decision.server
        headers = [("Contact", server.contact), ("Expires", str(decision.expires_s)), *_HEADERS]
        tx.respond(302, headers=headers)
        self.attempts.succeeded(device_id)
        self._rate.event(
            ev.DEVICE_REDIRECTED,
            device_id,
            device_id=device_id,
            remote=str(tx.flow),
            target=str(server),
        )
        if device is not None:
            self._note(device, tx.request, decision.digest_uri)
            if decision.gb_version is not None:
                device.registration.gb_version = decision.gb_version
            self._estate.feed(device, Input.UNREGISTER)

    # --- pieces -----------------------------------------------------------------------------

    def _answer(
        self, tx: ServerTransaction, device: Device | None, contact: str, expires_s: int
    ) -> None:
        headers = _admitted(contact, expires_s)
        if device is None or device.policy.date_header:
            headers.append(("Date", date_header(self._estate.clock.civil())))
        tx.respond(200, headers=headers)

    def _flow_of(self, device: Device, request: Request, flow: Flow) -> Flow:
        """Where requests to the device go: the way it came, or the port of its Via."""
        if device.policy.reply_port == "via":
            return via_flow(request, flow) or flow
        return flow

    def _note(self, device: Device, request: Request, digest_uri: str | None) -> None:
        """Remember habits and the User-Agent, if they changed."""
        record = device.record
        found = warnings.of_register(request, self._options.server_id, digest_uri)
        notes = warnings.merged(record.config_warnings, found, warnings.REGISTER_CODES)
        agent = (request.headers.get("User-Agent") or "")[:MOST_USER_AGENT]
        if notes == record.config_warnings and agent in ("", record.user_agent):
            return
        for note in notes:
            if note not in record.config_warnings:
                quirk, _, sample = note.partition(": ")
                log.event(
                    ev.DEVICE_QUIRK_SEEN, device_id=device.device_id, quirk=quirk, sample=sample
                )
        record.config_warnings = notes
        record.user_agent = agent or record.user_agent
        self._estate.save(device)


def _admitted(contact: str, expires_s: int) -> list[tuple[str, str]]:
    """Headers of the 200 to REGISTER, but Date."""
    headers = [("Expires", str(expires_s)), *_HEADERS]
    return [("Contact", f"{contact};expires={expires_s}"), *headers] if contact else headers


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _nobody(_device: Device, _request: Request) -> None:
    """Nobody listens yet."""


def via_flow(request: Request, flow: Flow) -> Flow | None:
    """For a device without rport on UDP: its address with the port of its Via. Else None."""
    via = request.via
    if flow.transport != "udp" or via.rport is not None:
        return None
    return Flow("udp", (flow.remote[0], via.port or 5060), flow.local)
