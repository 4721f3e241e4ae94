"""A simulation running: lines, devices and calls of one process, and one timer for all of them.

The handler of every endpoint: finds the device or call a request is for. Devices share one SIP port
unless each asked for its own; requests are told apart by the id in the Request-URI, as on a
recorder that stands for its channels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from gb28181.simulator import machine
from gb28181.simulator.answers.asked import Deed
from gb28181.simulator.call import Call, Caller
from gb28181.simulator.clip import MAIN, Studio
from gb28181.simulator.deeds import Deeds
from gb28181.simulator.desk import CallDesk
from gb28181.simulator.device import Device
from gb28181.simulator.faults import faults_of
from gb28181.simulator.happenings import Happenings
from gb28181.simulator.line import SipLine
from gb28181.simulator.noise import Noise
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.plan import DeviceSpec
from gb28181.simulator.speaker import Speakers
from gb28181.simulator.subscriptions import Subscriptions
from sip.errors import ParseError
from sip.flow import Flow
from sip.message import Request, Response
from sip.options import ServerTransaction
from sip.timers import TimerQueue

_LEAVE_S = 3.0
_LEAVE_EACH_S = 0.002
"""How long the end waits for answers to BYE and unregistration: at least, and for each device."""
_LEAVE_BATCH = 10
"""Devices that take their registration back together: 500 a second, for a burst gets lost."""
_PACE_S = 0.02
_ALLOW = "INVITE, ACK, CANCEL, BYE, INFO, MESSAGE, SUBSCRIBE, OPTIONS"


@dataclass(frozen=True, slots=True)
class Summary:
    """The fleet at one moment."""

    devices: int
    online: int
    channels: int
    calls: int
    sending: int
    registered: int
    """Registrations after being offline, since the start."""
    lost: int
    """Times a device found itself offline."""
    megabytes: float
    """Media of calls that are over."""
    all_online_s: float | None
    """From the first REGISTER until all devices were online."""
    trouble: str
    """Why the last device that is not online is not; empty when all are."""


class Fleet:
    """All devices of one simulation."""

    def __init__(
        self, specs: list[DeviceSpec], options: FleetOptions, studio: Studio | None = None
    ) -> None:
        self._specs = specs
        self._options = options
        self._studio = studio or Studio(options.cache)
        self._loop = asyncio.get_running_loop()
        self._queue = TimerQueue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._lines: list[SipLine] = []
        self._devices: dict[str, Device] = {}
        self._channels: dict[str, Device] = {}
        self._starting: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self._closed = False
        self._online: set[str] = set()
        self._alive = 0
        self._registered = 0
        self._lost = 0
        self._trouble = ""
        self._began: float | None = None
        self._all_online_s: float | None = None
        self.everybody_online = asyncio.Event()
        self.desk = CallDesk(options, self._studio)
        self.subscriptions = Subscriptions()
        self.happenings = Happenings(options, self.subscriptions, self._devices.values)
        self._deeds = Deeds(self.desk, self.subscriptions, options.happenings.boot_s)
        self._noise = Noise()

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the lines and begins to register. Raises TransportFailed."""
        options = self._options
        for number, spec in enumerate(self._specs):
            if options.own_ports or not self._lines:
                port = options.port + number if options.own_ports and options.port else options.port
                line = SipLine(options, self, port)
                self._lines.append(line)
                await line.start()
            self._add(number, spec, self._lines[-1])
        self._starting = self._loop.create_task(self._register_all())
        self.happenings.start()

    def prepare(self) -> None:
        """Encode the pictures now instead of at the first call."""
        self._studio.clip(MAIN)

    async def aclose(self) -> None:
        """BYE, unregister, close; bounded in time. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self.happenings.close()
        self._noise.close()
        await self._deeds.aclose()
        self.subscriptions.finish_all("deactivated")
        self.desk.hang_up_all("simulator stops")
        if self._options.unregister and self._online:
            self._leaving.clear()
            for number, device in enumerate(self._devices.values()):
                device.feed(machine.Stop())
                if number % _LEAVE_BATCH == _LEAVE_BATCH - 1:
                    await asyncio.sleep(_PACE_S)
            try:
                most = _LEAVE_S + _LEAVE_EACH_S * len(self._devices)
                await asyncio.wait_for(self._leaving.wait(), most)
            except TimeoutError:
                self._leaving.set()  # the platform does not answer: leave without its word
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(line.aclose() for line in self._lines))
        self._studio.close()

    @property
    def speakers(self) -> Speakers:
        """The loudspeakers of all devices."""
        return self._deeds.speakers

    def summary(self) -> Summary:
        return Summary(
            devices=len(self._devices),
            online=len(self._online),
            channels=len(self._channels),
            calls=len(self.desk),
            sending=self.desk.sending,
            registered=self._registered,
            lost=self._lost,
            megabytes=round(self.desk.totals.bytes / 1e6, 1),
            all_online_s=self._all_online_s,
            trouble="" if len(self._online) == len(self._devices) else self._trouble,
        )

    def device(self, device_id: str) -> Device:
        """One of ours; KeyError for another id."""
        return self._devices[device_id]

    def _add(self, number: int, spec: DeviceSpec, line: SipLine) -> None:
        options = self._options
        faults = faults_of(options.faults, options.seed, spec.device_id)
        profile = options.profiles[number % len(options.profiles)]
        device = Device(spec, line, options, profile, faults, self)
        self._devices[spec.device_id] = device
        self._alive += 1
        for channel in spec.channels:
            self._channels[channel.channel_id] = device

    async def _register_all(self) -> None:
        """Starts the devices at the wanted rate."""
        rate, started = self._options.rate, 0
        devices = list(self._devices.values())
        self._began = began = self._loop.time()
        while started < len(devices):
            due = len(devices) if rate <= 0 else int((self._loop.time() - began) * rate) + 1
            for device in devices[started:due]:
                device.feed(machine.Start())
            started = max(started, min(due, len(devices)))
            await asyncio.sleep(_PACE_S)

    # --- what devices tell --------------------------------------------------------------------

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def is_moving(self, device: Device) -> bool:
        return self.happenings.is_moving(device)

    def do(self, device: Device, deed: Deed) -> None:
        self._deeds.do(device, deed)

    def deadline_changed(self, device: Device) -> None:
        self._queue.update(device)
        at = self._queue.next_deadline()
        if at is not None and (self._timer is None or at < self._timer_at):
            self._arm(at)

    def came_online(self, device: Device) -> None:
        self._online.add(device.spec.device_id)
        self._registered += 1
        self._deeds.back(device)
        self._noise.begin(device)
        if len(self._online) == len(self._devices) and not self.everybody_online.is_set():
            self._all_online_s = round(self._loop.time() - (self._began or 0.0), 3)
            self.everybody_online.set()

    def went_offline(self, device: Device, reason: str) -> None:
        self._online.discard(device.spec.device_id)
        self._lost += 1
        self._trouble = reason

    def not_registered(self, device: Device, reason: str) -> None:
        self._trouble = reason

    def gone(self, device: Device) -> None:
        for call in self.desk.of_channels([one.channel_id for one in device.spec.channels]):
            call.vanish()
        self._online.discard(device.spec.device_id)
        self._alive -= 1
        if not self._alive:
            self._leaving.set()

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self.now()), self._run_timers)

    def _run_timers(self) -> None:
        self._timer = None
        now = self.now()
        for item in self._queue.pop_due(now):
            item.wake(now)
        at = self._queue.next_deadline()
        if at is not None and self._timer is None:
            self._arm(at)

    # --- handler of the endpoints -------------------------------------------------------------

    def on_request(self, tx: ServerTransaction) -> None:
        request = tx.request
        device = self._addressed(request)
        if device is not None and device.is_away:
            return  # silence is what dead devices give
        match request.method:
            case "INVITE":
                self._on_invite(tx, device)
            case "BYE" if not self._deeds.speakers.bye(tx):
                self._in_call(tx, Call.bye)
            case "BYE":
                pass  # of a loudspeaker
            case "INFO":
                self._in_call(tx, Call.info)
            case "MESSAGE" | "SUBSCRIBE" if device is None:
                tx.respond(404)
            case "MESSAGE" if device is not None:
                device.on_message(tx)
            case "SUBSCRIBE" if device is not None:
                self.subscriptions.subscribe(device, tx)
            case method:
                known = method in ("OPTIONS", "NOTIFY")
                tx.respond(200 if known else 405, headers=() if known else [("Allow", _ALLOW)])

    def on_ack(self, request: Request, flow: Flow) -> None:
        call = self.desk.find(request)
        if call is not None:
            call.acknowledged()

    def on_cancel(self, tx: ServerTransaction) -> None:
        call = self.desk.find(tx.request)
        if call is not None:
            call.cancelled()

    def on_stray_response(self, response: Response, flow: Flow) -> None:
        """We send no INVITE: nothing hangs on an answer that came too late."""

    def on_malformed(self, source: Flow, error: ParseError, sample: bytes) -> bool:
        return False

    def on_flow_closed(self, flow: Flow, reason: str) -> None:
        """A connection to the platform is gone; calls go on, as their media may."""
        if self._closed:
            return
        lost = [line for line in self._lines if line.lost(flow)]
        for device in self._devices.values():
            if device.line in lost:
                device.connection_lost()

    def _on_invite(self, tx: ServerTransaction, device: Device | None) -> None:
        user = _user_of(tx.request)
        if device is None or user not in self._channels:
            tx.respond(404)
        else:
            self.desk.invite(Caller(user, device), tx)

    def _in_call(
        self, tx: ServerTransaction, then: Callable[[Call, ServerTransaction], None]
    ) -> None:
        call = self.desk.find(tx.request)
        if call is None:
            tx.respond(481)
        else:
            then(call, tx)

    def _addressed(self, request: Request) -> Device | None:
        """The device a request is for: by Request-URI, else by To."""
        user = _user_of(request)
        found = self._devices.get(user) or self._channels.get(user)
        if found is None:
            try:
                user = request.to.uri.user or ""
            except ParseError:
                return None
            found = self._devices.get(user) or self._channels.get(user)
        return found


def _user_of(request: Request) -> str:
    """User part of the Request-URI."""
    return request.uri.partition(":")[2].partition("@")[0].partition(";")[0]
