"""One simulated device on the wire: performs what its machine decides, answers what it is asked.

Thousands of these live in one process, so each is a few hundred bytes: no task, no timer of its own
(`fleet.py` wakes it), no socket unless asked for, no memory before somebody asks for something.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime
from typing import Protocol, assert_never

from gb28181.manscdp import BadXml, decode, from_decoded
from gb28181.manscdp.times import parse_time
from gb28181.simulator import machine
from gb28181.simulator.answers.asked import Asked, Deed
from gb28181.simulator.answers.table import answer
from gb28181.simulator.bodies import Writer
from gb28181.simulator.envelope import MANSCDP, Envelope
from gb28181.simulator.faults import Fault, Faults, dice_of
from gb28181.simulator.line import SipLine
from gb28181.simulator.memory import Memory, wall_clock
from gb28181.simulator.options import FleetOptions, Server
from gb28181.simulator.plan import DeviceSpec
from gb28181.simulator.profiles import Habit, Profile
from sip.digest import build_authorization
from sip.errors import BadDigest, ParseError, SipError
from sip.flow import Flow
from sip.message import Response
from sip.options import ServerTransaction

__all__ = ["MANSCDP", "Device", "Owner"]


class Owner(Protocol):
    """What a device tells whoever holds it, and asks of it."""

    def now(self) -> float: ...
    def wall(self) -> float: ...
    def deadline_changed(self, device: Device) -> None: ...
    def came_online(self, device: Device) -> None: ...
    def went_offline(self, device: Device, reason: str) -> None: ...
    def not_registered(self, device: Device, reason: str) -> None: ...
    def gone(self, device: Device) -> None: ...
    def is_moving(self, device: Device) -> bool: ...
    def do(self, device: Device, deed: Deed) -> None: ...


class Device:
    """One camera or recorder."""

    __slots__ = (
        "_ahead_s",
        "_call_id",
        "_envelope",
        "_machine",
        "_memory",
        "_options",
        "_owner",
        "_register_number",
        "_sn",
        "_tag",
        "_times",
        "dies_at",
        "faults",
        "line",
        "profile",
        "queued_for",
        "spec",
    )

    def __init__(
        self,
        spec: DeviceSpec,
        line: SipLine,
        options: FleetOptions,
        profile: Profile,
        faults: Faults,
        owner: Owner,
    ) -> None:
        self.spec = spec
        self.line = line
        self.profile = profile
        self.faults = faults
        self.queued_for: float | None = None
        self.dies_at: float | None = None
        self._options = options
        self._owner = owner
        self._times = _times(options.times, profile, faults)
        dice = dice_of(options.seed, "times", spec.device_id)
        self._machine = machine.Machine(self._times, dice.random)
        given = options.gb_version
        version = profile.gb_version if given is None else given
        self._envelope = Envelope(spec, profile, faults, line, options.server, version)
        self._call_id = line.endpoint.new_call_id()
        self._tag = line.endpoint.new_tag()
        self._memory: Memory | None = None
        self._sn = 0
        self._register_number = 0
        self._ahead_s = -faults.get(Fault.NO_DATE_SYNC, 0.0)
        """Of its clock before the true time."""

    def __repr__(self) -> str:
        return f"<Device {self.spec.device_id} {self._machine.state}>"

    @property
    def is_online(self) -> bool:
        return self._machine.is_online

    @property
    def is_dead(self) -> bool:
        return self._machine.state is machine.State.GONE

    @property
    def server(self) -> Server:
        """The platform it belongs to."""
        return self._options.server

    @property
    def is_away(self) -> bool:
        """Gone, or on its way through a restart: it hears nothing."""
        return self._machine.state in (machine.State.GONE, machine.State.BOOTING)

    @property
    def memory(self) -> Memory:
        """Made when it is first needed."""
        if self._memory is None:
            server = self._options.server
            told = (server.server_id, server.host, server.port, server.domain)
            self._memory = Memory(self.spec, self._options.times, told)
        return self._memory

    def shown(self, code: str) -> tuple[str, ...]:
        """What the picture of a channel shows besides its number."""
        return () if self._memory is None else self._memory.shown(code, self._owner.now())

    @property
    def writer(self) -> Writer:
        return Writer(self.spec, self.profile, self.faults)

    @property
    def wall(self) -> datetime:
        """Its own clock, set by the Date of the last registration (9.10)."""
        return wall_clock(self._owner.wall() + self._ahead_s)

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

    def retime(self, interval_s: float) -> None:
        """The heartbeat interval was set."""
        if self._times.keepalive_s:
            factor = self.faults.get(Fault.KEEPALIVE_WRONG_INTERVAL, 1.0)
            self.feed(machine.Retime(interval_s * factor))

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
        if number != self._register_number or self.is_away:
            return
        if flow is None or (expires == 0 and Fault.NO_UNREGISTER in self.faults):
            self.feed(machine.RegisterAnswer(0))
            return
        request = self._envelope.register(self._call_id, self._tag, expires)
        if challenge:
            try:
                request.headers.add("Authorization", self._authorization(challenge))
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
        if result.status < 300 and Fault.NO_DATE_SYNC not in self.faults:
            self._set_clock(result.headers.get("Date") or "")
        stale = "stale=true" in challenge.lower().replace('"', "").replace(" ", "")
        told = machine.RegisterAnswer(result.status, challenge, stale, _granted(result))
        self.feed(told)

    def _set_clock(self, date: str) -> None:
        """Time synchronisation; a date nobody can read changes nothing."""
        told = parse_time(date)
        if told is not None:
            self._ahead_s = told.timestamp() - self._owner.wall()

    def _send_keepalive(self) -> None:
        flow = self.line.flow
        if flow is None:
            return
        request = self._envelope.message(self.writer.keepalive(self.next_sn()))
        self.line.endpoint.send_request(request, flow, self._keepalive_answered)

    def _keepalive_answered(self, result: Response | SipError) -> None:
        status = result.status if isinstance(result, Response) else 0
        self.feed(machine.KeepaliveAnswer(status))

    def connection_lost(self) -> None:
        self._register_number += 1
        self.feed(machine.Lost())

    # --- what the platform asks ---------------------------------------------------------------

    def on_message(self, tx: ServerTransaction) -> None:
        """A MESSAGE: answered at once, what it brings follows in messages of its own."""
        try:
            asked = decode(tx.request.body)
        except BadXml:
            tx.respond(400)
            return
        tx.respond(200)
        question = self.asked(from_decoded(asked), tx.request.to_user)
        reply = answer(asked.root, asked.command, question)
        if reply.at_once:
            for body in reply.bodies:
                self.send(body)
        else:
            self._send_serially(reply.bodies, 0)
        for deed in reply.deeds:
            self._owner.do(self, deed)

    def asked(self, message: object, to: str = "") -> Asked:
        """A question put to this device now."""
        items = self._options.page_items
        return Asked(
            message=message,  # type: ignore[arg-type]
            to=to,
            spec=self.spec,
            profile=self.profile,
            faults=self.faults,
            memory=self.memory,
            server_id=self._options.server.server_id,
            page_items=self.profile.page_items if items is None else items,
            now=self._owner.now(),
            wall=self.wall,
            moving=self._owner.is_moving(self),
        )

    def send(self, body: bytes) -> None:
        """A MESSAGE of our own; what is answered to it does not matter."""
        flow = self.line.flow
        if flow is not None and not self.is_away:
            self.line.endpoint.send_request(self._envelope.message(body), flow, _ignore)

    def _send_serially(self, pages: list[bytes], at: int) -> None:
        """The next message leaves when the one before is answered (2022 annex M)."""
        flow = self.line.flow
        if at >= len(pages) or flow is None or self.is_away:
            return

        def answered(result: Response | SipError) -> None:
            if isinstance(result, Response) and result.status < 300:
                self._send_serially(pages, at + 1)

        self.line.endpoint.send_request(self._envelope.message(pages[at]), flow, answered)

    def next_sn(self) -> int:
        self._sn += 1
        return self._sn


def _times(times: machine.Times, profile: Profile, faults: Faults) -> machine.Times:
    """Registration and heartbeat as habits and faults make them."""
    beats = times.keepalive_s * faults.get(Fault.KEEPALIVE_WRONG_INTERVAL, 1.0)
    stubborn = profile.has(Habit.BEATS_ON) or Fault.NO_REREGISTER in faults
    return replace(
        times,
        expires_s=faults.get(Fault.SHORT_EXPIRES, times.expires_s),
        keepalive_s=0.0 if Fault.NO_KEEPALIVE in faults else beats,
        retry_s=faults.get(Fault.RETRY_TOO_SOON, times.retry_s),
        refresh=Fault.NO_REFRESH not in faults,
        reregister=not stubborn,
    )


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


def _ignore(_: Response | SipError) -> None:
    """Nothing depends on it."""
