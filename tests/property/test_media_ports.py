"""Port pool as a state machine: never leased twice, never before its rest is over, none lost."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from media.errors import PortsExhausted
from media.ports import PortPool

FIRST, LAST = 30000, 30006


class PortPoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pool = PortPool(FIRST, LAST)
        self.now = 0.0
        self.leased: list[int] = []
        self.free_at: dict[int, float] = dict.fromkeys(range(FIRST, LAST + 1), 0.0)

    @rule(seconds=st.floats(0, 90))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def lease(self) -> None:
        free = {p for p, at in self.free_at.items() if at <= self.now} - set(self.leased)
        if not free:
            with pytest.raises(PortsExhausted):
                self.pool.lease(self.now)
            return
        port = self.pool.lease(self.now)
        assert port in free, "leased twice or before its rest was over"
        evens = {p for p in free if p % 2 == 0}
        assert not evens or port in evens
        self.leased.append(port)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), rest_s=st.sampled_from([0.0, 5.0, 30.0]))
    def release(self, data: st.DataObject, rest_s: float) -> None:
        port = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        self.pool.release(port, self.now, rest_s)
        self.free_at[port] = self.now + rest_s

    @precondition(lambda self: self.leased)
    @rule()
    def refuse_the_last(self) -> None:
        port = self.leased.pop()
        self.pool.refuse(port, self.now)
        self.free_at[port] = self.now + 60.0

    @invariant()
    def pool_and_model_agree(self) -> None:
        assert self.pool.leased == set(self.leased)
        free = {p for p, at in self.free_at.items() if at <= self.now} - set(self.leased)
        assert self.pool.free_count(self.now) == len(free)


TestPortPool = PortPoolMachine.TestCase
