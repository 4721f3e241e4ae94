"""The timer values and the one queue all deadlines wait in."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sip.timers import TimerQueue, Timers


@dataclass(eq=False)
class Item:
    deadline: float | None
    queued_for: float | None = None
    woken: int = 0

    def wake(self, now: float) -> None:
        self.woken += 1


def test_give_up_is_64_t1() -> None:
    assert Timers().give_up == 32.0
    assert Timers(t1=1.0).give_up == 64.0


def test_due_items_come_in_order_of_their_deadlines() -> None:
    queue = TimerQueue()
    late, early, never = Item(2.0), Item(1.0), Item(None)
    for item in (late, early, never):
        queue.update(item)
    assert queue.next_deadline() == 1.0
    assert queue.pop_due(0.9) == []
    assert queue.pop_due(5.0) == [early, late]
    assert queue.next_deadline() is None


def test_a_deadline_moved_later_is_not_due_at_its_old_time() -> None:
    queue = TimerQueue()
    item = Item(1.0)
    queue.update(item)
    item.deadline = 3.0
    queue.update(item)
    assert len(queue) == 1
    assert queue.pop_due(1.0) == []
    assert queue.pop_due(3.0) == [item]


def test_a_deadline_moved_earlier_fires_once() -> None:
    queue = TimerQueue()
    item = Item(10.0)
    queue.update(item)
    item.deadline = 1.0
    queue.update(item)
    assert queue.pop_due(1.0) == [item]
    item.deadline = 10.5
    queue.update(item)
    assert queue.pop_due(10.2) == []
    assert queue.pop_due(10.5) == [item]
    assert queue.pop_due(99.0) == []


def test_dead_items_are_swept_out_when_they_are_the_majority() -> None:
    queue = TimerQueue()
    items = [Item(100.0 + n) for n in range(10_000)]
    for item in items:
        queue.update(item)
    for item in items[:9_000]:
        item.deadline = None
        queue.update(item)
    assert len(queue) < 2_500
    assert queue.pop_due(1e6) == items[9_000:]


@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(1, 50)))))
def test_every_deadline_is_served_at_its_time_and_none_other(
    changes: list[tuple[int, int | None]],
) -> None:
    queue = TimerQueue()
    items = [Item(None) for _ in range(10)]
    for which, deadline in changes:
        items[which].deadline = deadline
        queue.update(items[which])
    for now in range(51):
        expected = {id(i) for i in items if i.deadline is not None and i.deadline <= now}
        due = queue.pop_due(now)
        assert {id(i) for i in due} == expected
        assert len(due) == len(expected)
        for item in due:
            item.deadline = None
            queue.update(item)
    assert not any(item.deadline for item in items)
