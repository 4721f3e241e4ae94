"""The Response each alarm MESSAGE is owed (GB/T 28181-2022 9.4.3): CmdType Alarm, the same SN.

Bounded: so many on their way at once and so many waiting; what a flood sends beyond that gets its
SIP 200 and no receipt, and is counted. A device that misses its receipt repeats the alarm, which
is then known.
"""

from __future__ import annotations

from collections import deque

from gb28181.device.model import Device
from gb28181.device.outgoing import Outgoing
from gb28181.manscdp import write
from gb28181.manscdp.commands.alarm import AlarmResponse
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited
from sip.endpoint import Endpoint
from sip.errors import SipError, TransportFailed
from sip.message import Response

ON_THE_WAY = 256
WAITING = 20_000

log = get_logger("alarms")


class Receipts:
    """One per node."""

    def __init__(self, sip: Endpoint, outgoing: Outgoing, rate: RateLimited) -> None:
        self._sip = sip
        self._outgoing = outgoing
        self._rate = rate
        self._waiting: deque[tuple[Device, AlarmResponse]] = deque()
        self._under_way = 0
        self._pumping = False
        self._closed = False
        self.sent = 0
        self.dropped = 0
        """Receipts that were not sent because too many waited."""

    def add(self, device: Device, sn: str, reported_id: str) -> None:
        """Owe a device a receipt."""
        if len(self._waiting) >= WAITING:
            self.dropped += 1
            self._lost(device, "too many")
            return
        self._waiting.append((device, AlarmResponse(sn, reported_id)))
        self._pump()

    def _pump(self) -> None:
        """A loop and no recursion: an answer may come while sending."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._waiting and self._under_way < ON_THE_WAY and not self._closed:
                self._send(*self._waiting.popleft())
        finally:
            self._pumping = False

    def _send(self, device: Device, receipt: AlarmResponse) -> None:
        flow = device.flow
        if flow is None:
            self._lost(device, "offline")
            return
        body = write(receipt, device.write_charset)
        self._under_way += 1

        def answered(answer: Response | SipError) -> None:
            self._under_way -= 1
            if isinstance(answer, SipError):
                self._lost(device, "no answer")
            elif answer.status >= 300:
                self._lost(device, f"answered {answer.status}")
            self._pump()

        try:
            self._sip.send_request(self._outgoing.message(device, flow, body), flow, answered)
            self.sent += 1
        except TransportFailed as error:
            self._under_way -= 1
            self._lost(device, str(error))

    def _lost(self, device: Device, reason: str) -> None:
        self._rate.event(
            ev.ALARM_RECEIPT_LOST, device.device_id, device_id=device.device_id, reason=reason
        )

    def stop(self) -> None:
        """Send no more."""
        self._closed = True
        self._waiting.clear()
