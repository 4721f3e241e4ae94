"""Transactions of every method but INVITE and ACK: RFC 3261 §17.1.2 (client) and §17.2.2 (server).

Two additions bound the life of a server transaction its owner never answers: after 64*T1 the
client has given up (RFC 4320 §4.2), so the machine ends. And a finished server transaction needs
no machine: its owner may keep `answer` in an AnswerCache for timer J and forget the rest.
"""

from typing import ClassVar

from sip.errors import LocalError
from sip.message import Request, Response
from sip.timers import Timers
from sip.transaction import (
    Deliver,
    Effect,
    Failed,
    Input,
    Machine,
    Send,
    State,
    Table,
    TimedOut,
)


class PlainClientMachine(Machine):
    __slots__ = ("_data",)

    table: ClassVar[Table]

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        super().__init__(timers, reliable=reliable)
        self._data = request.to_bytes()

    def _start(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        if not self.reliable:
            self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        self._arm(Input.TIMER_LIMIT, now + self.timers.give_up)
        return [Send(self._data)]

    def _resend(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._interval = min(2 * self._interval, self.timers.t2)
        self._arm(Input.TIMER_RETRANSMIT, now + self._interval)
        return [Send(self._data)]

    def _heard(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._interval = self.timers.t2  # from the next retransmission on
        return self._deliver(response)

    def _final(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self._data = b""
        self._disarm(Input.TIMER_RETRANSMIT, Input.TIMER_LIMIT)
        self._arm(Input.TIMER_LINGER, now + (0.0 if self.reliable else self.timers.t4))
        return self._deliver(response)

    def _deliver(self, response: Response | None) -> list[Effect]:
        if response is None:
            raise LocalError("a response input without a response")
        return [Deliver(response)]

    def _timed_out(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [TimedOut()]

    def _failed(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Failed()]


class PlainServerMachine(Machine):
    __slots__ = ("answer",)

    table: ClassVar[Table]

    def __init__(self, timers: Timers, now: float, *, reliable: bool) -> None:
        super().__init__(timers, reliable=reliable)
        self.state = State.TRYING
        self.answer = b""
        """The last response sent, for repeated requests."""
        self._arm(Input.TIMER_LIMIT, now + timers.give_up)

    def _provisional(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self.answer = data
        return [Send(data)]

    def _final(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        self.answer = data
        self._armed.clear()
        self._arm(Input.TIMER_LINGER, now + (0.0 if self.reliable else self.timers.give_up))
        return [Send(data)]

    def _repeat(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [Send(self.answer)]

    def _unanswered(self, response: Response | None, data: bytes, now: float) -> list[Effect]:
        return [TimedOut()]


_C = PlainClientMachine
PlainClientMachine.table = {
    (State.INITIAL, Input.START): (_C._start, State.TRYING),
    (State.TRYING, Input.TIMER_RETRANSMIT): (_C._resend, State.TRYING),
    (State.TRYING, Input.TIMER_LIMIT): (_C._timed_out, State.TERMINATED),
    (State.TRYING, Input.PROVISIONAL): (_C._heard, State.PROCEEDING),
    (State.TRYING, Input.SUCCESS): (_C._final, State.COMPLETED),
    (State.TRYING, Input.FAILURE): (_C._final, State.COMPLETED),
    (State.TRYING, Input.TRANSPORT_ERROR): (_C._failed, State.TERMINATED),
    (State.PROCEEDING, Input.TIMER_RETRANSMIT): (_C._resend, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_LIMIT): (_C._timed_out, State.TERMINATED),
    (State.PROCEEDING, Input.PROVISIONAL): (_C._heard, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (_C._final, State.COMPLETED),
    (State.PROCEEDING, Input.FAILURE): (_C._final, State.COMPLETED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (_C._failed, State.TERMINATED),
    (State.COMPLETED, Input.TIMER_LINGER): (_C._nothing, State.TERMINATED),
}

_S = PlainServerMachine
PlainServerMachine.table = {
    (State.TRYING, Input.REQUEST): (_S._nothing, State.TRYING),
    (State.TRYING, Input.PROVISIONAL): (_S._provisional, State.PROCEEDING),
    (State.TRYING, Input.SUCCESS): (_S._final, State.COMPLETED),
    (State.TRYING, Input.FAILURE): (_S._final, State.COMPLETED),
    (State.TRYING, Input.TIMER_LIMIT): (_S._unanswered, State.TERMINATED),
    (State.PROCEEDING, Input.REQUEST): (_S._repeat, State.PROCEEDING),
    (State.PROCEEDING, Input.PROVISIONAL): (_S._provisional, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (_S._final, State.COMPLETED),
    (State.PROCEEDING, Input.FAILURE): (_S._final, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_LIMIT): (_S._unanswered, State.TERMINATED),
    (State.COMPLETED, Input.REQUEST): (_S._repeat, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_LINGER): (_S._nothing, State.TERMINATED),
}
