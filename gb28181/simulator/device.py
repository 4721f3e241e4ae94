"""One simulated device on the wire: performs what its machine decides, answers what it is asked.

Thousands of these live in one process, so each is a few hundred bytes: no task, no timer of its own
(`fleet.py` wakes it), no socket unless asked for.
"""

from __future__ import annotations

import functools
from typing import Protocol, assert_never

from gb28181.manscdp.codec import decode
from gb28181.manscdp.errors import BadXml
from gb28181.simulator import bodies, machine
from gb28181.simulator.faults import Fault, Faults, dice_of
from gb28181.simulator.line import SipLine
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.plan import DeviceSpec
from sip.digest import build_authorization
from sip.errors import BadDigest, ParseError, SipError
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response
from sip.options import ServerTransaction

MANSCDP = "Application/MANSCDP+xml"


class Owner(Protocol):
    """What a device tells whoever holds it."""

    def now(self) -> float: ...
    def deadline_changed(self, device: Device) -> None: ...
    def came_online(self, device: Device) -> None: ...
    def went_offline(self, device: Device, reason: str) -> None: ...
    def not_registered(self, device: Device, reason: str) -> None: ...
    def gone(self, device: Device) -> None: ...


class Device:
    """One camera or recorder."""

    __slots__ = (
        "_call_id",
        "_cseq",
        "_machine",
        "_options",
        "_owner",
        "_register_number",
        "_sn",
        "_tag",
        "dies_at",
        "faults",
        "line",
        "queued_for",
        "spec",
    )

    def __init__(
        self,
        spec: DeviceSpec,
        line: SipLine,
        options: FleetOptions,
        faults: Faults,
        owner: Owner,
    ) -> None:
        self.spec = spec
        self.line = line
        self.faults = faults
        self.queued_for: float | None = None
        self.dies_at: float | None = None
        self._options = options
        self._owner = owner
        times = options.times
        if Fault.NO_KEEPALIVE in faults:
            times = machine.Times(times.expires_s, 0, 0, times.misses, times.retry_s)
        dice = dice_of(options.seed, "times", spec.device_id)
        self._machine = machine.Machine(times, dice.random)
        self._call_id = line.endpoint.new_call_id()
        self._tag = line.endpoint.new_tag()
        self._cseq = 0
        self._sn = 0
        self._register_number = 0

    def __repr__(self) -> str:
        return f"<Device {self.spec.device_id} {self._machine.state}>"

    @property
    def is_online(self) -> bool:
        return self._machine.is_online

    @property
    def is_dead(self) -> bool:
        return self._machine.state is machine.State.GONE

    @property
    def deadline(self) -> float | None:
        at = self._machine.deadline
        if self.dies_at is None or self.is_dead:
            return at
        return self.dies_at if at is None else min(at, self.dies_at)

    def wake(self, now: float) -> None:
        """The deadline has come."""
        if self.dies_at is not None and now >= self.dies_at:
            self.dies_at = None
            self.feed(machine.Die())
        else:
            self.feed(machine.Tick())

    def feed(self, given: machine.Input) -> None:
        """Give the machine an input and do what it says."""
        for effect in self._machine.handle(given, self._owner.now()):
            self._perform(effect)
        self._owner.deadline_changed(self)

    def _perform(self, effect: machine.Effect) -> None:
        match effect:
            case machine.SendRegister(expires, challenge):
                self._register_number += 1
                number = self._register_number
                self.line.with_flow(
                    lambda flow: self._send_register(flow, number, expires, challenge)
                )
            case machine.SendKeepalive():
                self._send_keepalive()
            case machine.CameOnline():
                if Fault.SILENT_DEATH in self.faults and self.dies_at is None:
                    self.dies_at = self._owner.now() + self.faults[Fault.SILENT_DEATH]
                self._owner.came_online(self)
            case machine.WentOffline(reason):
                self._owner.went_offline(self, reason)
            case machine.NotRegistered(reason):
                self._owner.not_registered(self, reason)
            case machine.Ended():
                self._owner.gone(self)
            case _:
                assert_never(effect)

    # --- registration and heartbeat -----------------------------------------------------------

    def _send_register(self, flow: Flow | None, number: int, expires: int, challenge: str) -> None:
        if number != self._register_number or self.is_dead:
            return
        if flow is None:
            self.feed(machine.RegisterAnswer(0))
            return
        server, device_id = self._options.server, self.spec.device_id
        request = self._request("REGISTER", server.uri, self._call_id, self._tag, device_id)
        headers = request.headers
        headers.add("Contact", self.line.contact(device_id))
        headers.add("Expires", str(expires))
        if self._options.gb_version:
            headers.add("X-GB-Ver", self._options.gb_version)
        if challenge:
            try:
                headers.add("Authorization", self._authorization(challenge))
            except BadDigest:
                self.feed(machine.RegisterAnswer(0))
                return
        answered = functools.partial(self._register_answered, number)
        self.line.endpoint.send_request(request, flow, answered)

    def _authorization(self, challenge: str) -> str:
        server = self._options.server
        wrong = Fault.WRONG_PASSWORD in self.faults
        return build_authorization(
            challenge,
            "REGISTER",
            server.uri,
            self.spec.device_id,
            server.password + ("-wrong" if wrong else ""),
            self.line.endpoint.new_tag(),
        )

    def _register_answered(self, number: int, result: Response | SipError) -> None:
        if number != self._register_number:
            return  # overtaken by a later REGISTER, or by a lost connection
        if isinstance(result, SipError):
            self.feed(machine.RegisterAnswer(0))
            return
        challenge = (
            result.headers.get("WWW-Authenticate") or result.headers.get("Proxy-Authenticate") or ""
        )
        stale = "stale=true" in challenge.lower().replace('"', "").replace(" ", "")
        answer = machine.RegisterAnswer(result.status, challenge, stale, _granted(result))
        self.feed(answer)

    def _send_keepalive(self) -> None:
        flow = self.line.flow
        if flow is None:
            return
        request = self._message(bodies.keepalive(self.spec, self._next_sn()))
        self.line.endpoint.send_request(request, flow, self._keepalive_answered)

    def _keepalive_answered(self, result: Response | SipError) -> None:
        status = result.status if isinstance(result, Response) else 0
        self.feed(machine.KeepaliveAnswer(status))

    def connection_lost(self) -> None:
        self._register_number += 1
        self.feed(machine.Lost())

    # --- what the platform asks ---------------------------------------------------------------

    def on_message(self, tx: ServerTransaction) -> None:
        """A MESSAGE: answered at once, a query's response follows in messages of its own."""
        try:
            asked = decode(tx.request.body)
        except BadXml:
            tx.respond(400)
            return
        tx.respond(200)
        if asked.root != "Query":
            return
        match asked.command.lower():
            case "deviceinfo":
                pages = [bodies.device_info(self.spec, asked.sn, self.faults)]
            case "catalog":
                items = self._options.page_items
                pages = bodies.catalog_pages(self.spec, asked.sn, items, self.faults)
            case _:
                return
        self._send_serially(pages, 0)

    def _send_serially(self, pages: list[bytes], at: int) -> None:
        """The next message leaves when the one before is answered (2022 annex M)."""
        flow = self.line.flow
        if at >= len(pages) or flow is None or self.is_dead:
            return

        def answered(result: Response | SipError) -> None:
            if isinstance(result, Response) and result.status < 300:
                self._send_serially(pages, at + 1)

        self.line.endpoint.send_request(self._message(pages[at]), flow, answered)

    # --- writing requests ---------------------------------------------------------------------

    def _message(self, body: bytes) -> Request:
        endpoint, server = self.line.endpoint, self._options.server
        request = self._request(
            "MESSAGE", server.uri, endpoint.new_call_id(), endpoint.new_tag(), server.server_id
        )
        request.headers.add("Content-Type", MANSCDP)
        request.body = body
        return request

    def _request(self, method: str, uri: str, call_id: str, tag: str, to: str) -> Request:
        self._cseq += 1
        domain = self._options.server.domain
        headers = Headers(
            [
                ("From", f"<sip:{self.spec.device_id}@{domain}>;tag={tag}"),
                ("To", f"<sip:{to}@{domain}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{self._cseq} {method}"),
                ("Max-Forwards", "70"),
            ]
        )
        return Request(method, uri, headers)

    def _next_sn(self) -> int:
        self._sn += 1
        return self._sn


def _granted(response: Response) -> float | None:
    """Seconds granted by a 200: those of the Contact, else Expires."""
    try:
        contact = response.contact
        text = contact.params.get("expires") if contact is not None else None
        if text is not None and text.isdecimal():
            return float(text)
        expires = response.expires
    except ParseError:
        return None
    return None if expires is None else float(expires)
