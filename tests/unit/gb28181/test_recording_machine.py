"""Plans and the machine of a recorded channel, with a clock that moves when told to."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.recording import machine as m
from gb28181.recording.machine import Begin, ChannelRecording, End, Gap, State
from gb28181.recording.weekly import Week, checked
from tests.support.clock import FakeClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = [[[8 * 60, 12 * 60], [14 * 60, 18 * 60]]] * 5 + [[], []]
ALWAYS = [[[0, 1440]]] * 7


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


MONDAY = at("2026-11-23 07:00")


def test_a_week_of_office_hours() -> None:
    week = Week(OFFICE, SHANGHAI)
    assert not week.covers(MONDAY)
    assert week.next_change(MONDAY) == at("2026-11-23 08:00")
    assert week.covers(at("2026-11-23 08:00"))
    assert week.next_change(at("2026-11-23 08:00")) == at("2026-11-23 12:00")
    assert not week.covers(at("2026-11-23 12:00"))
    assert week.next_change(at("2026-11-27 18:00")) == at("2026-11-30 08:00")
    assert not week.covers(at("2026-11-28 09:00"))  # a Saturday


def test_a_stretch_over_midnight_is_one() -> None:
    days = [[[22 * 60, 1440]], [[0, 6 * 60]], [], [], [], [], []]
    week = Week(days, SHANGHAI)
    assert week.next_change(at("2026-11-23 22:30")) == at("2026-11-24 06:00")
    assert Week(ALWAYS, SHANGHAI).next_change(MONDAY) is None
    assert Week([[]] * 7, SHANGHAI).next_change(MONDAY) is None


def test_another_zone_and_the_day_its_clock_is_set() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    week = Week([[[60, 240]]] * 7, berlin)
    before = at("2026-03-28 23:00", berlin)
    start = week.next_change(before)
    assert start == at("2026-03-29 01:00", berlin)
    assert week.next_change(start) == start + 2 * 3600  # 02:00 to 03:00 did not exist


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440))), min_size=7, max_size=7
    ),
    st.integers(0, 14 * 1440),
)
def test_between_now_and_the_next_change_nothing_changes(
    days: list[list[tuple[int, int]]], minute: int
) -> None:
    table = [[[a, b] for a, b in day if a < b][:48] for day in days]
    week = Week(table, SHANGHAI)
    assert checked(checked(table)) == checked(table)
    now = MONDAY + minute * 60
    change = week.next_change(now)
    for step in range(0, 9 * 1440, 13):
        moment = now + step * 60
        if change is None or moment < change:
            assert week.covers(moment) == week.covers(now)
    if change is not None:
        assert week.covers(change) != week.covers(now)


@pytest.mark.parametrize(
    "days", [[[]] * 6, [[[5, 5]]] * 7, [[[0, 1441]]] * 7, [[[-1, 3]]] * 7, [[[1]]] * 7,
             [[[n, n + 1] for n in range(0, 98, 2)]] * 7],
)  # fmt: skip
def test_tables_that_are_none(days: list[list[list[int]]]) -> None:
    with pytest.raises(ValueError, match=r"week|stretch"):
        Week(days, SHANGHAI)


class Stage:
    """A machine and its clock; `run` goes from deadline to deadline."""

    def __init__(self, start: float = MONDAY) -> None:
        self.clock = FakeClock(start)
        self.machine = ChannelRecording()

    def tell(self, event: m.Input) -> list[m.Effect]:
        return self.machine.handle(event, self.clock.now)

    def run(self, until: float) -> list[tuple[float, m.Effect]]:
        found: list[tuple[float, m.Effect]] = []
        while True:
            due = self.machine.deadline(self.clock.now)
            if due is None or due > until:
                self.clock.advance_to(until)
                return found
            self.clock.advance_to(max(due, self.clock.now))
            before = due
            found += [(self.clock.now, effect) for effect in self.tell(m.Tick())]
            after = self.machine.deadline(self.clock.now)
            assert after is None or after > before, "a deadline that does not move on"


def test_a_plan_begins_and_ends_by_itself() -> None:
    stage = Stage()
    assert stage.tell(m.Planned(Week(OFFICE, SHANGHAI))) == []
    assert stage.run(at("2026-11-23 08:00")) == [(at("2026-11-23 08:00"), Begin())]
    stage.tell(m.Opened(stage.clock.now + 1))
    assert stage.machine.state is State.RECORDING
    assert stage.run(at("2026-11-23 13:00")) == [(at("2026-11-23 12:00"), End())]
    assert stage.tell(m.Ended(stage.clock.now, False)) == []
    assert stage.machine.state is State.IDLE
    assert stage.run(at("2026-11-23 14:00")) == [(at("2026-11-23 14:00"), Begin())]
    assert stage.tell(m.Planned(None)) == [End()]
    assert not stage.machine.is_needed


def test_by_hand_beside_a_plan_and_until_a_moment() -> None:
    stage = Stage()
    assert stage.tell(m.ByHand(True, MONDAY + 60)) == [Begin()]
    assert stage.machine.wanted_by(stage.clock.now) == ["hand"]
    stage.tell(m.Opened(MONDAY + 1))
    assert stage.run(MONDAY + 100) == [(MONDAY + 60, End())]
    assert not stage.machine.by_hand
    assert stage.tell(m.ByHand(True)) == [Begin()]
    stage.tell(m.Opened(MONDAY + 101))
    stage.tell(m.Planned(Week(ALWAYS, SHANGHAI)))
    assert stage.tell(m.ByHand(False)) == []  # the plan goes on wanting it
    assert stage.machine.state is State.RECORDING


def test_an_alarm_wants_it_for_a_while_and_the_next_one_longer() -> None:
    stage = Stage()
    assert stage.tell(m.Alarm(MONDAY + 30)) == [Begin()]
    stage.tell(m.Opened(MONDAY))
    stage.clock.advance(20)
    assert stage.tell(m.Alarm(MONDAY + 50)) == []
    assert stage.tell(m.Alarm(MONDAY + 40)) == []
    assert stage.run(MONDAY + 100) == [(MONDAY + 50, End())]


def test_a_stream_that_cannot_be_had_is_tried_again_and_is_a_gap() -> None:
    stage = Stage()
    stage.tell(m.ByHand(True))
    stage.tell(m.Broken("device_offline"))
    stage.tell(m.Broken("no_media"))  # the same trouble once more
    assert stage.machine.state is State.BROKEN
    assert stage.machine.cause == "device_offline"
    tries = []
    gaps = []
    for _ in range(8):
        for moment, effect in stage.run(stage.clock.now + 61):
            if isinstance(effect, Begin):
                tries.append(moment - MONDAY)
            else:
                gaps.append(effect)
        stage.tell(m.Broken("device_offline"))
    assert tries[0] == 5
    assert gaps == [Gap(MONDAY, None, "device_offline")]
    stage.tell(m.DeviceBack())
    assert stage.machine.state is State.STARTING
    started = stage.clock.now + 2
    assert stage.tell(m.Opened(started)) == [Gap(MONDAY, started, "device_offline")]
    assert stage.machine.cause == ""


def test_an_interruption_is_a_gap_from_end_to_begin() -> None:
    stage = Stage()
    stage.tell(m.ByHand(True))
    stage.tell(m.Opened(MONDAY + 1))
    stage.clock.advance(100)
    assert stage.tell(m.Ended(MONDAY + 90, True)) == []
    assert stage.tell(m.Opened(MONDAY + 90)) == []
    assert stage.tell(m.Ended(MONDAY + 95, False)) == []
    assert stage.machine.state is State.STARTING
    assert stage.tell(m.Opened(MONDAY + 97)) == []  # two seconds are none
    stage.tell(m.Ended(MONDAY + 100, False))
    assert stage.run(MONDAY + 116) == [(MONDAY + 115, Gap(MONDAY + 100, None, "interrupted"))]
    assert stage.tell(m.ByHand(False)) == [End(), Gap(MONDAY + 100, MONDAY + 116, "interrupted")]


def test_a_full_disk_pauses_and_room_resumes() -> None:
    stage = Stage()
    stage.tell(m.ByHand(True))
    stage.tell(m.Opened(MONDAY))
    stage.clock.advance(50)
    assert stage.tell(m.Disk(False)) == [End(), Gap(MONDAY + 50, None, "disk_full")]
    assert stage.machine.state is State.PAUSED
    assert stage.tell(m.Broken("no_viewers")) == []
    assert stage.tell(m.DeviceBack()) == []
    assert stage.tell(m.Ended(MONDAY + 50, False)) == []
    stage.clock.advance(50)
    assert stage.tell(m.Disk(True)) == [Begin()]
    assert stage.tell(m.Opened(MONDAY + 101)) == [Gap(MONDAY + 50, MONDAY + 101, "disk_full")]


def test_a_gap_of_the_run_before_goes_on_until_a_file_grows() -> None:
    stage = Stage()
    assert stage.tell(m.Planned(Week(ALWAYS, SHANGHAI))) == [Begin()]
    assert stage.tell(m.GapLeft(MONDAY - 600, "platform")) == []
    assert stage.run(MONDAY + 30) == []
    assert stage.tell(m.Opened(MONDAY + 31)) == [Gap(MONDAY - 600, MONDAY + 31, "platform")]


@given(st.lists(st.sampled_from(range(12)), max_size=40))
def test_whatever_happens_it_records_only_what_is_wanted(happenings: list[int]) -> None:
    stage = Stage()
    running = False
    for number in happenings:
        now = stage.clock.now
        events: list[m.Input] = [
            m.ByHand(True), m.ByHand(False), m.ByHand(True, now + 20), m.Alarm(now + 15),
            m.Disk(False), m.Disk(True), m.Opened(now), m.Ended(now, False), m.Ended(now, True),
            m.Broken("no_media"), m.DeviceBack(), m.Planned(Week(OFFICE, SHANGHAI)),
        ]  # fmt: skip
        effects = stage.tell(events[number])
        effects += [effect for _, effect in stage.run(now + 7)]
        for effect in effects:
            if isinstance(effect, Begin):
                running = True
            elif isinstance(effect, End):
                running = False
            else:
                assert effect.end is None or effect.end >= effect.start
        wanted = bool(stage.machine.wanted_by(stage.clock.now)) and stage.machine._room
        assert running == wanted
