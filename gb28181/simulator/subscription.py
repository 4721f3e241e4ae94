"""One subscription to a simulated device: its dialog, how long it lasts, what it is told.

RFC 6665 (the device is the notifier); GB/T 28181-2022 9.11, annex N.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from gb28181.manscdp import Message
from gb28181.manscdp.commands.alarm import AlarmQuery
from gb28181.simulator.bodies import Alarm
from gb28181.simulator.device import MANSCDP, Device
from sip.dialog import Dialog
from sip.errors import SipError, TransportFailed
from sip.message import Request, Response
from sip.options import ServerTransaction

DEFAULT_S: Final = 600
LONGEST_S: Final = 86_400


class Kind(StrEnum):
    CATALOG = "catalog"
    ALARM = "alarm"
    POSITION = "mobileposition"
    PTZ_POSITION = "ptzposition"


EDITION_OF: Final = {
    Kind.CATALOG: 2011,
    Kind.ALARM: 2011,
    Kind.POSITION: 2016,
    Kind.PTZ_POSITION: 2022,
}
"""The edition that brought it."""
PACKAGES: Final = frozenset({"catalog", "presence", "alarm", "mobileposition", "ptzposition"})


class Subscription:
    """From SUBSCRIBE to the last NOTIFY."""

    def __init__(
        self,
        device: Device,
        tx: ServerTransaction,
        kind: Kind,
        query: Message,
        on_over: Callable[[Subscription], None],
    ) -> None:
        request = tx.request
        self.device = device
        self.kind = kind
        self.query = query
        self.call_id = request.call_id
        self.over = False
        self._event = request.headers.get("Event") or "presence"
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        contact = device.line.contact(device.spec.device_id)
        self._dialog = Dialog.of_server(request, tx.to_tag, contact)
        self._ends_at = 0.0
        self._end: asyncio.TimerHandle | None = None
        self.every: asyncio.TimerHandle | None = None
        """Of reports that come by the clock; owned by whoever sends them."""

    def __repr__(self) -> str:
        return f"<Subscription {self.kind} of {self.device.spec.device_id}>"

    @property
    def code(self) -> str:
        """What is watched."""
        return self.query.device_id or self.device.spec.device_id

    def accept(self, tx: ServerTransaction, seconds: int) -> None:
        """The 200, of the first SUBSCRIBE or a refresh."""
        contact = self.device.line.contact(self.device.spec.device_id)
        tx.respond(200, headers=[("Contact", contact), ("Expires", str(seconds))])
        if self._end is not None:
            self._end.cancel()
        self._ends_at = self._loop.time() + seconds
        self._end = self._loop.call_later(seconds, lambda: self.finish("timeout"))

    def refresh(self, tx: ServerTransaction, seconds: int) -> None:
        """Once more, or no more when `seconds` is 0."""
        status = self._dialog.check(tx.request)
        if status is not None:
            tx.respond(status)
            return
        self.accept(tx, seconds)
        if seconds == 0:
            self.finish("timeout")

    def wants(self, alarm: Alarm) -> bool:
        """Whether the filter lets an alarm through; 0 and empty mean all."""
        query = self.query
        if not isinstance(query, AlarmQuery):
            return True
        first, last = query.start_priority or 1, query.end_priority or 4
        methods = {part for part in query.method.split("/") if part and part != "0"}
        kinds = {part for part in query.type.split("/") if part and part != "0"}
        if query.device_id not in ("", self.device.spec.device_id, alarm.code):
            return False
        return (
            first <= alarm.priority <= last
            and (not methods or str(alarm.method) in methods)
            and (not kinds or str(alarm.type) in kinds)
        )

    def tell(self, body: bytes) -> None:
        """A NOTIFY with the state active; without a body where there is nothing to say yet."""
        left = max(0, round(self._ends_at - self._loop.time()))
        self._notify(f"active;expires={left}", body)

    def finish(self, reason: str) -> None:
        """The last NOTIFY. Idempotent."""
        if not self.over:
            self._notify(f"terminated;reason={reason}", b"")
            self.drop()

    def drop(self) -> None:
        """Over without a word. Idempotent."""
        if self.over:
            return
        self.over = True
        for timer in (self._end, self.every):
            if timer is not None:
                timer.cancel()
        self._on_over(self)

    def _notify(self, state: str, body: bytes) -> None:
        flow = self.device.line.flow
        if flow is None or self.device.is_away:
            return
        request: Request = self._dialog.request(
            "NOTIFY",
            headers=[("Event", self._event), ("Subscription-State", state)],
            body=body,
            content_type=MANSCDP if body else None,
        )
        # On a connection that is gone nothing can be told.
        with contextlib.suppress(TransportFailed):
            self.device.line.endpoint.send_request(request, flow, self._told)

    def _told(self, result: Response | SipError) -> None:
        """481: the platform has forgotten us."""
        if isinstance(result, Response) and result.status == 481:
            self.drop()
