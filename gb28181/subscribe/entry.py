"""One subscription of one device: machine, dialog and stored row, kept in step. Sends nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from gb28181.device.clock import Clock
from gb28181.errors import DeviceRefused, DeviceTimeout
from gb28181.store.records import SubscriptionRecord
from gb28181.subscribe.kinds import Kind, Wish
from sip.dialog import Dialog
from sip.message import Request
from sip.subscription import State, Subscription

RESUME_STEP = 16
"""CSeq goes on by so much after a restart: the last numbers of the run before may be unwritten."""


@dataclass(slots=True, eq=False)
class Entry:
    """Owned by the service."""

    device_id: str
    kind: Kind
    record: SubscriptionRecord
    wish: Wish
    machine: Subscription
    dialog: Dialog | None = None
    attempt: int = 0
    """Number of the SUBSCRIBE under way; an answer to another one is an old one."""
    request: Request | None = None
    """The first SUBSCRIBE of the dialog that is being made."""
    to_send: tuple[bool, int] | None = None
    """What the queue is to send: fresh, expires."""
    variant: int = 0
    """Which Event header the device is offered."""
    number: int = 0
    """The id of the Event header."""
    was_offline: bool = False
    register_call_id: str = ""
    notifications: int = 0
    last_notify_at: datetime | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    """Callers who wait for the first answer."""

    @property
    def key(self) -> str:
        return f"{self.device_id}/{self.kind.value}"

    @property
    def stamp(self) -> tuple[object, ...]:
        """Changes whenever the row has to be written anew."""
        dialog = self.dialog
        where = None if dialog is None else (dialog.call_id, dialog.remote_tag, dialog.local_cseq)
        return (self.machine.state, self.machine.expires_at, where, self.record.reason)

    # --- callers who wait for the first answer ------------------------------------------------

    def settle(self, error: Exception | None) -> None:
        """Let them go on, or tell them why not."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def tell(self, state: State, reason: str) -> None:
        """What a new state means for them."""
        device = f"device {self.device_id}"
        if state in (State.ACTIVE, State.CLOSED):
            self.settle(None)
        elif state is State.WAITING and reason == "no answer":
            self.settle(DeviceTimeout(f"{device} did not answer the subscription"))
        elif state in (State.WAITING, State.REFUSED):
            status = int(reason[-3:]) if reason.startswith("answered ") else None
            message = f"{device} refused the subscription: {reason}"
            self.settle(DeviceRefused(message, sip_status=status))

    # --- the row --------------------------------------------------------------------------------

    def restore(self, clock: Clock) -> None:
        """Build the dialog of the run before again, if it still holds."""
        record, now = self.record, clock.now()
        if not record.call_id or record.expires_at is None:
            return
        expires_at = clock.moment_of(record.expires_at)
        if expires_at <= now:
            return
        self.dialog = Dialog(
            call_id=record.call_id,
            local_uri=record.local_uri,
            local_tag=record.local_tag,
            remote_uri=record.remote_uri,
            remote_tag=record.remote_tag,
            local_cseq=record.cseq + RESUME_STEP,
            remote_cseq=None,
            remote_target=record.remote_target,
            route_set=tuple(record.route_set),
        )
        self.machine.resume(expires_at, now)

    def store(self, clock: Clock) -> SubscriptionRecord:
        """The row as it is to be written now."""
        record, machine = self.record, self.machine
        record.state = machine.state.name.lower()
        expires_at = machine.expires_at
        record.expires_at = None if expires_at is None else clock.civil_of(expires_at)
        dialog = self.dialog
        if dialog is None:
            record.call_id = record.local_tag = record.remote_tag = ""
            record.cseq, record.route_set = 0, []
        else:
            record.call_id, record.local_tag = dialog.call_id, dialog.local_tag
            record.remote_tag, record.cseq = dialog.remote_tag, dialog.local_cseq
            record.remote_target = dialog.remote_target
            record.local_uri, record.remote_uri = dialog.local_uri, dialog.remote_uri
            record.route_set = list(dialog.route_set)
        return record
