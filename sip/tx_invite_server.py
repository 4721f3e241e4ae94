"""INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026.

One thing the RFC gives to the owner is done here, because every owner needs it: a 2xx is repeated
at T1, 2*T1 .. T2 until its ACK comes, over TCP too (§13.3.1.4). When none comes within 64*T1 the
owner is told, and should end the dialog with BYE. The ACK of a 2xx has its own branch; the table
of server transactions finds the machine by Call-ID and CSeq.

    PROCEEDING -300..699-> COMPLETED -ACK-> CONFIRMED -I-> TERMINATED
        |                      H: no ACK -> TERMINATED
       2xx -> ACCEPTED -L-> TERMINATED
"""

from typing import ClassVar

from sip.message import Response
from sip.timers import Timers
from sip.transaction import (
    Effect,
    Input,
    Machine,
    SayTrying,
    Send,
    State,
    Table,
    TimedOut,
    Unacknowledged,
)


class InviteServerMachine(Machine):
    __slots__ = ("_acknowledged", "_last")

    table: ClassVar[Table]

    def __init__(self, timers: Timers, now: float, *, reliable: bool) -> None:
        super().__init__(timers, reliable=reliable)
        self.state = State.PROCEEDING
        self._last = b""
        self._acknowledged = False
        self._arm(Input.TIMER_TRYING, now + timers.trying)
        self._arm(Input.TIMER_LIMIT, now + timers.answer)

    def _say_trying(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [SayTrying()]

    def _provisional(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._disarm(Input.TIMER_TRYING)
        self._last = data
        return [Send(data)]

    def _success(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._final(data, now)
        self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        return [Send(data)]

    def _failure(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._final(data, now)
        if not self.reliable:
            self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        return [Send(data)]

    def _final(self, data: bytes, now: float) -> None:
        self._last = data
        self._disarm(Input.TIMER_TRYING)
        self._arm(Input.TIMER_LIMIT, now + self.timers.give_up)  # H or L

    def _resend(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._interval = min(2 * self._interval, self.timers.t2)
        self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        return [Send(self._last)]

    def _repeat(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Send(self._last)] if self._last else []

    def _confirmed(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._last = b""
        self._disarm(Input.TIMER_RETRANSMIT, Input.TIMER_LIMIT)
        self._arm(Input.TIMER_LINGER, now + (0.0 if self.reliable else self.timers.t4))
        return []

    def _acknowledge(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._acknowledged = True
        self._last = b""
        self._disarm(Input.TIMER_RETRANSMIT)
        return []

    def _accepted_over(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [] if self._acknowledged else [Unacknowledged()]

    def _no_ack(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Unacknowledged()]

    def _unanswered(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [TimedOut()]


_M = InviteServerMachine
InviteServerMachine.table = {
    (State.PROCEEDING, Input.REQUEST): (_M._repeat, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_TRYING): (_M._say_trying, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_LIMIT): (_M._unanswered, State.PROCEEDING),
    (State.PROCEEDING, Input.PROVISIONAL): (_M._provisional, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (_M._success, State.ACCEPTED),
    (State.PROCEEDING, Input.FAILURE): (_M._failure, State.COMPLETED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (_M._nothing, State.PROCEEDING),
    (State.COMPLETED, Input.REQUEST): (_M._repeat, State.COMPLETED),
    (State.COMPLETED, Input.ACK): (_M._confirmed, State.CONFIRMED),
    (State.COMPLETED, Input.TIMER_RETRANSMIT): (_M._resend, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_LIMIT): (_M._no_ack, State.TERMINATED),
    (State.CONFIRMED, Input.TIMER_LINGER): (_M._nothing, State.TERMINATED),
    # RFC 6026 §7.1: a repeated INVITE is absorbed here, the 2xx is repeated by its own timer.
    (State.ACCEPTED, Input.SUCCESS): (_M._provisional, State.ACCEPTED),
    (State.ACCEPTED, Input.ACK): (_M._acknowledge, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_RETRANSMIT): (_M._resend, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_LIMIT): (_M._accepted_over, State.TERMINATED),
}
