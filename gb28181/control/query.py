"""Asking devices and telling them: the one way every query and command takes.

A question is a MESSAGE with an SN of ours; the answer comes as MESSAGEs of the device and is
matched by (device, CmdType, SN) (GB/T 28181-2022 A.1, A.2). Some devices answer before their SIP
200, some say another DeviceID in the answer, some repeat; all of that is taken. What matches no
open question (an unknown SN, another device's, too late) is counted and dropped.

Errors are three different ones: offline 409, refused 502, no answer 504. A part of an answer is no
error: `Collected.complete` is False then. Whoever stops waiting closes his question, and
what has not arrived is not repeated: a camera must not begin to move after its operator was told
that it did not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace

from gb28181.control.collect import Collected, Collector, Enough, Key, Patience
from gb28181.device.model import Device
from gb28181.device.outgoing import Outgoing
from gb28181.device.query import Answers
from gb28181.device.service import DeviceService
from gb28181.device.state import LIVE
from gb28181.errors import Busy, DeviceRefused, DeviceTimeout, Leg, LegFailed, NotFound
from gb28181.manscdp import GenericMessage, Message, write
from gb28181.manscdp import registry as commands
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.endpoint import Endpoint
from sip.errors import SipError, TransactionTimeout
from sip.flow import Flow
from sip.message import Request, Response

MOST_OPEN = 64
"""Questions open to one device; the next one is refused with 503."""
MOST_TOLD = 10_000
"""Flaws remembered as told."""

log = get_logger("control")


class Queries:
    """One per node. Create it before the SIP endpoint starts."""

    def __init__(self, devices: DeviceService, sip: Endpoint) -> None:
        self._devices = devices
        self._sip = sip
        options = devices.options
        self._outgoing = Outgoing(sip, options.server_id, options.domain)
        self._answers = Answers()
        self._open: dict[str, int] = {}
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._rate = RateLimited(log, _now)
        devices.on_message_other.append(self._on_message)

    @property
    def open(self) -> int:
        """Questions that wait for their answer now."""
        return len(self._answers)

    def drain(self) -> None:
        """Write what was held back of floods; call it about once a second."""
        self._rate.drain()

    # --- asking -------------------------------------------------------------------------------

    async def ask(
        self,
        device_id: str,
        message: Message,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
        quiet: float = 5.0,
        longest: float = 120.0,
        enough: Enough | None = None,
        key: Key | None = None,
        command: str = "",
    ) -> Collected:
        """Send a question and collect its answer; the SN of `message` is replaced by the next one.

        `message.device_id` names what is asked about: the device or one of its channels, by the
        device's own code. `command` is the CmdType of the answer where it is not the question's.
        Raises NotFound, LegFailed(device_offline), DeviceRefused, DeviceTimeout, Busy.
        """
        device, flow = self._reach(device_id)
        sn = str(device.next_sn())
        message = replace(message, sn=sn)
        name = command or _command_of(message)
        loop = asyncio.get_running_loop()
        collector = Collector(loop.time(), Patience(timeout, quiet, longest), enough, key)
        over: asyncio.Future[None] = loop.create_future()

        def take(answer: object) -> None:
            if isinstance(answer, Message) and collector.take(answer, loop.time()):
                _settle(over)

        with self._question(device_id, name, sn, take):
            await self._run(device, flow, message, collector, over)
        result = collector.result()
        if not result.pages:
            raise DeviceTimeout(
                f"device {device_id} took the question and sent no {name} in time",
                sip_status=200,
                detail={"command": name},
            )
        self._report(device_id, name, message, result)
        return result

    async def _run(
        self,
        device: Device,
        flow: Flow,
        message: Message,
        collector: Collector,
        over: asyncio.Future[None],
    ) -> None:
        """Until the collector is over; a refusal at SIP level ends it with an error."""
        loop = asyncio.get_running_loop()
        sending: asyncio.Future[Response] | None = asyncio.ensure_future(
            self._sip.request(self._request(device, flow, message), flow, give_up=True)
        )
        try:
            while not over.done() and not collector.expire(loop.time()):
                waits: set[asyncio.Future[None] | asyncio.Future[Response]] = {over}
                if sending is not None:
                    waits.add(sending)
                pause = max(0.0, collector.deadline - loop.time())
                await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if sending is not None and sending.done():
                    done, sending = sending, None
                    if not collector.heard:
                        _accepted(device.device_id, done)
        finally:
            if sending is not None:
                await _drop(sending)
        if sending is not None and not collector.heard:
            raise DeviceTimeout(f"device {device.device_id} does not answer")

    async def tell(
        self,
        device_id: str,
        message: Message,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> int:
        """Send a command that has no Response of its own; the status of the device's SIP answer.

        Raises NotFound, LegFailed(device_offline), DeviceRefused, DeviceTimeout.
        """
        device, flow = self._reach(device_id)
        message = replace(message, sn=str(device.next_sn()))
        sending = asyncio.ensure_future(
            self._sip.request(self._request(device, flow, message), flow, give_up=True)
        )
        try:
            await asyncio.wait({sending}, timeout=timeout)
            if not sending.done():
                raise DeviceTimeout(f"device {device_id} does not answer")
        finally:
            await _drop(sending)
        return _accepted(device_id, sending)

    def _reach(self, device_id: str) -> tuple[Device, Flow]:
        device = self._devices.device(device_id)
        if device is None:
            raise NotFound("device", device_id)
        if device.flow is None or device.state not in LIVE:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {device_id} is offline")
        return device, device.flow

    def _request(self, device: Device, flow: Flow, message: Message) -> Request:
        return self._outgoing.message(device, flow, write(message, device.write_charset))

    @contextlib.contextmanager
    def _question(
        self, device_id: str, name: str, sn: str, take: Callable[[object], None]
    ) -> Iterator[None]:
        many = self._open.get(device_id, 0)
        if many >= MOST_OPEN:
            raise Busy("device_busy", f"{many} questions to device {device_id} are open already")
        self._open[device_id] = many + 1
        self._answers.expect(device_id, name, sn, take)
        try:
            yield
        finally:
            self._answers.close(device_id, name, sn)
            left = self._open[device_id] - 1
            if left:
                self._open[device_id] = left
            else:
                del self._open[device_id]

    # --- answers --------------------------------------------------------------------------------

    def _on_message(self, device: Device, message: Message) -> None:
        """A Response of a device: to whoever asked."""
        command = commands.of_type(message)
        if isinstance(message, GenericMessage):
            root, name = message.root, message.command
        elif command is not None:
            root, name = command.root, command.name
        else:
            return
        if root != "Response" or self._answers.deliver(device.device_id, name, message.sn, message):
            return
        self._rate.event(
            ev.CONTROL_ANSWER_STRAY,
            device.device_id,
            device_id=device.device_id,
            command=name,
            sn=message.sn,
        )

    def _report(self, device_id: str, name: str, asked: Message, result: Collected) -> None:
        """Say once what was wrong with a device's answers to this question."""
        flaws = list(result.problems)
        others = {page.device_id for page in result.pages} - {asked.device_id}
        if others:
            flaws.append(f"DeviceID is {', '.join(sorted(others))[:80]}")
        if not result.complete:
            flaws.append("incomplete")
        fresh = [flaw for flaw in flaws if (device_id, name, flaw) not in self._told]
        for flaw in fresh:
            self._told[device_id, name, flaw] = None
        while len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        if fresh:
            log.event(
                ev.CONTROL_ANSWER_FLAWED,
                device_id=device_id,
                command=name,
                problems=fresh[:20],
                expected=result.expected,
                received=len(result.items),
            )


def _command_of(message: Message) -> str:
    if isinstance(message, GenericMessage):
        return message.command
    command = commands.of_type(message)
    if command is None:
        raise TypeError(f"{type(message).__name__} is no command")
    return command.name


def _accepted(device_id: str, sending: asyncio.Future[Response]) -> int:
    """The status of the SIP answer; raises when it is no 2xx, or when there is none."""
    try:
        response = sending.result()
    except TransactionTimeout as error:
        raise DeviceTimeout(f"device {device_id} does not answer") from error
    except SipError as error:
        raise DeviceTimeout(f"device {device_id} cannot be reached: {error}") from error
    if not 200 <= response.status < 300:
        raise DeviceRefused(
            f"device {device_id} refuses: {response.status} {response.reason}".rstrip(),
            sip_status=response.status,
        )
    return response.status


async def _drop(sending: asyncio.Future[Response]) -> None:
    """Nobody waits for this SIP answer any more."""
    if not sending.done():
        sending.cancel()
        await asyncio.wait({sending})
    elif not sending.cancelled():
        sending.exception()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _now() -> float:
    return asyncio.get_running_loop().time()
