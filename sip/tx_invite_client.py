"""INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026, and CANCEL
(§9.1).

Not here: the ACK for a 2xx, which belongs to the dialog (§13.2.2.4). Every 2xx, repeated ones too,
is delivered so that its owner can acknowledge it. When a 2xx comes after CANCEL it is delivered
like any other: the call exists, and its owner has to ACK it and send BYE.

    CALLING -1xx-> PROCEEDING -300..699-> COMPLETED -D-> TERMINATED
       |  \\___2xx____/ |
      B: timed out      2xx-> ACCEPTED -M-> TERMINATED
"""

from typing import ClassVar

from sip.errors import LocalError
from sip.message import Request, Response, ack_for
from sip.timers import Timers
from sip.transaction import (
    Deliver,
    Effect,
    Failed,
    Input,
    Machine,
    Send,
    StartCancel,
    State,
    Stray,
    Table,
    TimedOut,
)


class InviteClientMachine(Machine):
    __slots__ = ("_ack", "_cancel", "_data", "request")

    table: ClassVar[Table]

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        super().__init__(timers, reliable=reliable)
        self.request = request
        self._data = request.to_bytes()
        self._ack = b""
        self._cancel = False

    @property
    def cancelled(self) -> bool:
        """The owner has asked for CANCEL; it may not have been sent."""
        return self._cancel

    def _start(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        if not self.reliable:
            self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        self._arm(Input.TIMER_LIMIT, now + self.timers.give_up)
        return [Send(self._data)]

    def _resend(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._interval *= 2
        self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        return [Send(self._data)]

    def _first_provisional(
        self, response: Response | None, data: bytes, now: float
    ) -> list[Effect]:
        self._disarm(Input.TIMER_RETRANSMIT, Input.TIMER_LIMIT)
        effects = self._deliver(response, data, now)
        return effects + self._send_cancel(now) if self._cancel else effects

    def _cancel_later(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        # §9.1: no CANCEL before a 1xx. Repeating an INVITE nobody wants any more would only open a
        # call that has to be closed again; timer B and a late answer are still waited for.
        self._cancel = True
        self._disarm(Input.TIMER_RETRANSMIT)
        return []

    def _cancel_now(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        if self._cancel:
            return []
        self._cancel = True
        return self._send_cancel(now)

    def _send_cancel(self, now: float) -> list[Effect]:
        self._arm(Input.TIMER_LIMIT, now + self.timers.give_up)  # §9.1, last paragraph
        return [StartCancel()]

    def _deliver(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Deliver(_present(response))]

    def _success(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._settle()
        self._arm(Input.TIMER_LIMIT, now + self.timers.give_up)  # M, whatever the transport
        return self._deliver(response, data, now)

    def _failure(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._settle()
        self._arm(Input.TIMER_LINGER, now + (0.0 if self.reliable else self.timers.d))
        final = _present(response)
        self._ack = ack_for(self.request, final).to_bytes()
        return [Send(self._ack), Deliver(final)]

    def _ack_again(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Send(self._ack)]

    def _stray(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Stray(_present(response))]

    def _timed_out(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [TimedOut()]

    def _failed(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Failed()]

    def _settle(self) -> None:
        self._data = b""  # never sent again
        self._disarm(Input.TIMER_RETRANSMIT, Input.TIMER_LIMIT)


def _present(response: Response | None) -> Response:
    if response is None:
        raise LocalError("a response input without a response")
    return response


_M = InviteClientMachine
InviteClientMachine.table = {
    (State.INITIAL, Input.START): (_M._start, State.CALLING),
    (State.CALLING, Input.TIMER_RETRANSMIT): (_M._resend, State.CALLING),
    (State.CALLING, Input.TIMER_LIMIT): (_M._timed_out, State.TERMINATED),
    (State.CALLING, Input.PROVISIONAL): (_M._first_provisional, State.PROCEEDING),
    (State.CALLING, Input.SUCCESS): (_M._success, State.ACCEPTED),
    (State.CALLING, Input.FAILURE): (_M._failure, State.COMPLETED),
    (State.CALLING, Input.CANCEL): (_M._cancel_later, State.CALLING),
    (State.CALLING, Input.TRANSPORT_ERROR): (_M._failed, State.TERMINATED),
    (State.PROCEEDING, Input.PROVISIONAL): (_M._deliver, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (_M._success, State.ACCEPTED),
    (State.PROCEEDING, Input.FAILURE): (_M._failure, State.COMPLETED),
    (State.PROCEEDING, Input.CANCEL): (_M._cancel_now, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_LIMIT): (_M._timed_out, State.TERMINATED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (_M._failed, State.TERMINATED),
    (State.COMPLETED, Input.FAILURE): (_M._ack_again, State.COMPLETED),
    (State.COMPLETED, Input.SUCCESS): (_M._stray, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_LINGER): (_M._nothing, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (_M._nothing, State.TERMINATED),
    (State.ACCEPTED, Input.SUCCESS): (_M._deliver, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_LIMIT): (_M._nothing, State.TERMINATED),
}
