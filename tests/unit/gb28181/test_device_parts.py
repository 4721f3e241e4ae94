"""Deadlines, limits, policy, queue, notes, clock: the small pure parts of the registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.device import warnings
from gb28181.device.clock import Clock, date_header
from gb28181.device.deadlines import Deadlines
from gb28181.device.limits import Budget, Lockout
from gb28181.device.model import parse_version
from gb28181.device.policy import BadPolicy, DevicePolicy, checked, effective
from gb28181.device.query import Answers, QueryQueue
from sip.headers import Headers
from sip.message import Request

SERVER = "64010000002000000001"
DEVICE = "64010400001320000011"


# --- deadlines -------------------------------------------------------------------------------


def test_a_deadline_that_moves_later_costs_no_entry_and_is_kept() -> None:
    at = {"a": 10.0}
    deadlines: Deadlines[str] = Deadlines(at.get)
    deadlines.update("a")
    at["a"] = 30.0
    assert deadlines.due(15.0) == []
    assert deadlines.next() == 30.0
    assert deadlines.due(30.0) == ["a"]
    assert deadlines.next() is None


def test_a_deadline_that_moves_earlier_is_met() -> None:
    at = {"a": 100.0}
    deadlines: Deadlines[str] = Deadlines(at.get)
    deadlines.update("a")
    at["a"] = 5.0
    deadlines.update("a")
    assert deadlines.due(5.0) == ["a"]
    assert deadlines.due(1000.0) == [], "the entry of before is stale"


def test_what_is_forgotten_does_not_come() -> None:
    at = {"a": 1.0}
    deadlines: Deadlines[str] = Deadlines(at.get)
    deadlines.update("a")
    deadlines.forget("a")
    assert deadlines.due(10.0) == []
    assert len(deadlines) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50)), max_size=60))
def test_never_late_and_never_early(moves: list[tuple[int, int]]) -> None:
    """Against a plain dictionary: whatever moves, exactly the keys that are due come."""
    at: dict[int, float] = {}
    deadlines: Deadlines[int] = Deadlines(at.get)
    for now, (key, delay) in enumerate(moves):
        at[key] = now + delay
        deadlines.update(key)
        due = deadlines.due(float(now))
        assert sorted(due) == sorted(k for k, t in at.items() if t <= now)
        for gone in due:
            del at[gone]
        assert at == {} or (deadlines.next() or 0) <= min(at.values())


# --- limits ----------------------------------------------------------------------------------


def test_a_budget_is_per_key_and_fills_up_again() -> None:
    budget = Budget(rate=2.0, burst=3.0)
    assert [budget.allow("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert budget.allow("b", 0.0)
    assert [budget.allow("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [budget.allow("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_the_memory_of_limits_is_bounded() -> None:
    budget, lockout = Budget(1.0, 1.0, max_keys=10), Lockout(5, 60.0, max_keys=10)
    for number in range(1000):
        budget.allow(number, 0.0)
        lockout.failed(number, 0.0)
    assert len(budget) == len(lockout) == 10


def test_guessing_is_locked_out_longer_each_time_and_forgiven_in_time() -> None:
    lockout = Lockout(failures=5, window_s=60.0)
    key = ("192.0.2.1", DEVICE)
    assert [lockout.failed(key, float(t)) for t in range(5)] == [False] * 4 + [True]
    assert lockout.locked(key, 63.0)
    assert not lockout.locked(key, 64.0)
    assert not lockout.locked(("192.0.2.1", "another"), 10.0)
    for _ in range(5):
        lockout.failed(key, 64.0)
    assert lockout.locked(key, 64.0 + 119)
    assert not lockout.locked(key, 64.0 + 121)
    for _ in range(5):
        lockout.failed(key, 50_000.0)
    assert lockout.locked(key, 50_000.0 + 59)
    assert not lockout.locked(key, 50_000.0 + 61), "a day of good conduct: like the first time"


def test_a_few_mistakes_far_apart_do_not_lock() -> None:
    lockout = Lockout(failures=5, window_s=60.0)
    assert not any(lockout.failed("k", 100.0 * n) for n in range(50))


def test_the_right_password_forgets_the_wrong_ones() -> None:
    lockout = Lockout(failures=2, window_s=60.0)
    lockout.failed("k", 0.0)
    lockout.succeeded("k")
    assert not lockout.failed("k", 1.0)
    assert len(lockout) == 1


# --- policy ----------------------------------------------------------------------------------


def test_overrides_stand_over_the_defaults() -> None:
    defaults = DevicePolicy(keepalive_interval=30.0)
    policy = effective(defaults, {"keepalive_count": 5, "transport": "tcp-passive"})
    assert (policy.keepalive_interval, policy.keepalive_count) == (30.0, 5)
    assert policy.transport == "tcp-passive"
    assert policy.silence_s == 150 + 3


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BadPolicy) as caught:
        checked(
            {
                "keepalive_count": 0,
                "keepalive_interval": 1e9,
                "charset": "EBCDIC",
                "colour": 1,
                "qop": "yes",
                "transport": None,
            }
        )
    wrong = {"keepalive_count", "keepalive_interval", "charset", "colour", "qop"}
    assert set(caught.value.problems) == wrong


def test_a_stored_setting_nobody_knows_any_more_is_skipped() -> None:
    policy = effective(DevicePolicy(), {"old": 1, "keepalive_count": True, "qop": False})
    assert policy == DevicePolicy(qop=False)


# --- queue -----------------------------------------------------------------------------------


def test_an_idle_queue_asks_at_once() -> None:
    queue = QueryQueue(rate=50.0, outstanding=200)
    queue.add("a")
    assert queue.start(1000.0) == ["a"]


def test_a_storm_is_asked_at_the_rate() -> None:
    queue = QueryQueue(rate=50.0, outstanding=100_000)
    for number in range(15_000):
        queue.add(str(number))
    now, begun = 1000.0, len(queue.start(1000.0))
    assert begun == 50
    while queue.waiting:
        deadline = queue.deadline
        assert deadline is not None
        now = max(now + 1e-6, deadline)
        begun += len(queue.start(now))
    assert begun == 15_000
    assert now - 1000.0 == pytest.approx((15_000 - 50) / 50.0, rel=0.01)


def test_no_more_than_the_bound_is_asked_at_one_time() -> None:
    queue = QueryQueue(rate=1000.0, outstanding=3)
    for name in "abcde":
        queue.add(name)
    assert queue.start(0.0) == ["a", "b", "c"]
    assert queue.deadline is None
    queue.done("b")
    assert queue.start(0.0) == ["d"]


def test_who_comes_back_while_being_asked_is_asked_again_once() -> None:
    queue = QueryQueue(rate=50.0, outstanding=10)
    queue.add("a")
    queue.start(0.0)
    queue.add("a")
    queue.add("a")
    assert queue.start(0.0) == []
    queue.done("a")
    assert queue.start(0.0) == ["a"]
    queue.done("a")
    assert queue.start(0.0) == []


def test_who_left_is_not_asked() -> None:
    queue = QueryQueue(rate=1.0, outstanding=10)
    queue.add("a")
    queue.add("b")
    queue.remove("a")
    assert queue.start(0.0) == ["b"]


def test_answers_go_to_whoever_asked() -> None:
    answers, got = Answers(), list[object]()
    answers.expect("d", "Catalog", "17", got.append)
    assert answers.deliver("d", "Catalog", "17", "page 1")
    assert answers.deliver("d", "Catalog", "0017", "page 2")
    assert not answers.deliver("d", "Catalog", "18", "x")
    assert not answers.deliver("other", "Catalog", "17", "x")
    assert not answers.deliver("d", "DeviceInfo", "17", "x")
    answers.close("d", "Catalog", "17")
    assert not answers.deliver("d", "Catalog", "17", "late")
    assert got == ["page 1", "page 2"]


# --- notes, versions, time ---------------------------------------------------------------------


def register(uri: str = f"sip:{SERVER}@6401000000", **headers: str) -> Request:
    items = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
        "From": f"<sip:{DEVICE}@6401000000>;tag=1",
        "To": f"<sip:{DEVICE}@6401000000>",
        "Call-ID": "1",
        "CSeq": "1 REGISTER",
        "Contact": f"<sip:{DEVICE}@192.0.2.1:5060>",
        **headers,
    }
    return Request("REGISTER", uri, Headers(items.items()))


@pytest.mark.parametrize(
    ("uri", "digest", "codes"),
    [
        (f"sip:{SERVER}@6401000000", f"sip:{SERVER}@6401000000", set()),
        (f"sip:{SERVER}@10.0.0.1:5060", f"sip:{SERVER}@spvmn.cn", set()),
        ("sip:6401000000", f"sip:{SERVER}@x", {"request_uri"}),
        (f"sip:{SERVER}@x", "sip:10.0.0.1:5060", {"digest_uri"}),
        ("sip:34020000002000000001@3402000000", "nonsense", {"request_uri", "digest_uri"}),
    ],
)
def test_a_uri_that_names_somebody_else_is_noted(uri: str, digest: str, codes: set[str]) -> None:
    notes = warnings.of_register(register(uri), SERVER, digest)
    assert {note.partition(":")[0] for note in notes} == codes


def test_other_habits_are_noted_and_bounded() -> None:
    request = register(Expires="soon", To=f"<sip:{SERVER}@6401000000>")
    request.headers.remove("Contact")
    notes = warnings.of_register(request, SERVER, "sip:" + "x" * 5000)
    assert [note.partition(":")[0] for note in notes] == [
        "digest_uri",
        "contact",
        "expires",
        "to",
    ]
    assert max(map(len, notes)) < 200


def test_notes_of_another_kind_stay() -> None:
    old = ["request_uri: a", "catalog: b"]
    assert warnings.merged(old, ["to: c"], warnings.REGISTER_CODES) == ["catalog: b", "to: c"]


@pytest.mark.parametrize(
    ("text", "version"),
    [("3.0", (3, 0)), ("2.0", (2, 0)), ("1.1", (1, 1)), ("", None), ("3", None), ("x.y", None)],
)
def test_versions(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_date_is_beijing_time_without_a_zone() -> None:
    moment = datetime(2026, 11, 22, 8, 48, 36, 250_900, tzinfo=UTC)
    assert date_header(moment) == "2026-11-22T16:48:36.250"


def test_moments_and_civil_times() -> None:
    civil = datetime(2026, 1, 1, tzinfo=UTC)
    clock = Clock(lambda: 100.0, lambda: civil)
    assert clock.civil_of(40.0) == civil - timedelta(seconds=60)
    assert clock.moment_of(civil + timedelta(seconds=5)) == 105.0
