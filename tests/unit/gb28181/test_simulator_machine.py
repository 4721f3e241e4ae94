"""Registration and heartbeat of a simulated device, with a clock that a test moves."""

from __future__ import annotations

import pytest

from gb28181.simulator.machine import (
    CameOnline,
    Die,
    Effect,
    Ended,
    Input,
    KeepaliveAnswer,
    Lost,
    Machine,
    NotRegistered,
    RegisterAnswer,
    SendKeepalive,
    SendRegister,
    Start,
    State,
    Stop,
    Tick,
    Times,
    WentOffline,
)

CHALLENGE = 'Digest realm="6401000000",nonce="n"'
NO_JITTER = Times(expires_s=3600, keepalive_s=60, keepalive_jitter=0, misses=3, retry_s=60)


class Bench:
    """A machine, its clock, and dice that always show the same."""

    def __init__(self, times: Times = NO_JITTER, dice: float = 0.5) -> None:
        self.machine = Machine(times, lambda: dice)
        self.now = 1000.0

    def give(self, *inputs: Input) -> list[Effect]:
        out: list[Effect] = []
        for one in inputs:
            out += self.machine.handle(one, self.now)
        return out

    def pass_time(self) -> list[Effect]:
        """Go to the deadline."""
        deadline = self.machine.deadline
        assert deadline is not None
        self.now = deadline
        return self.give(Tick())

    def online(self, expires: float | None = 3600) -> Bench:
        self.give(Start(), RegisterAnswer(401, CHALLENGE), RegisterAnswer(200, expires=expires))
        assert self.machine.is_online
        return self


def test_a_registration_is_two_requests() -> None:
    bench = Bench()
    assert bench.give(Start()) == [SendRegister(3600)]
    assert bench.give(RegisterAnswer(401, CHALLENGE)) == [SendRegister(3600, CHALLENGE)]
    assert bench.give(RegisterAnswer(200, expires=3600)) == [CameOnline()]
    assert bench.machine.state is State.ONLINE


def test_a_second_challenge_is_a_refusal_unless_the_nonce_was_stale() -> None:
    bench = Bench()
    bench.give(Start(), RegisterAnswer(401, CHALLENGE))
    assert bench.give(RegisterAnswer(401, CHALLENGE, stale=True)) == [SendRegister(3600, CHALLENGE)]
    assert bench.give(RegisterAnswer(401, CHALLENGE)) == [NotRegistered("REGISTER: 401")]
    assert bench.machine.state is State.WAITING


@pytest.mark.parametrize("status", [0, 403, 503])
def test_a_failure_is_tried_again_after_at_least_the_pause(status: int) -> None:
    bench = Bench()
    bench.give(Start(), RegisterAnswer(status))
    assert bench.machine.deadline == bench.now + 75  # 60 s and half of the random half
    assert bench.pass_time() == [SendRegister(3600)]


def test_a_refresh_comes_before_the_granted_time_is_over_and_is_no_new_start() -> None:
    bench = Bench(Times(expires_s=3600, keepalive_s=0)).online(expires=100)
    start = bench.now
    assert bench.pass_time() == [SendRegister(3600)]
    assert start + 70 <= bench.now <= start + 85
    assert bench.give(RegisterAnswer(401, CHALLENGE)) == [SendRegister(3600, CHALLENGE)]
    assert bench.machine.is_online
    assert bench.give(RegisterAnswer(200, expires=100)) == []


def test_heartbeats_go_on_and_the_first_comes_within_one_interval() -> None:
    bench = Bench().online()
    start = bench.now
    assert bench.pass_time() == [SendKeepalive()]
    assert bench.now == start + 30
    assert bench.pass_time() == [SendKeepalive()]
    assert bench.now == start + 90


def test_jitter_only_makes_heartbeats_earlier() -> None:
    bench = Bench(Times(keepalive_s=60, keepalive_jitter=0.1), dice=1.0).online()
    first = bench.now
    bench.pass_time()
    assert bench.now == first + 60
    bench.pass_time()
    assert bench.now == first + 60 + 54


def test_three_unanswered_heartbeats_in_a_row_mean_registering_again() -> None:
    bench = Bench().online()
    assert bench.give(KeepaliveAnswer(0), KeepaliveAnswer(0), KeepaliveAnswer(200)) == []
    assert bench.give(KeepaliveAnswer(0), KeepaliveAnswer(0)) == []
    assert bench.give(KeepaliveAnswer(0)) == [
        WentOffline("keepalive: no answer"),
        SendRegister(3600),
    ]
    assert bench.give(RegisterAnswer(401, CHALLENGE), RegisterAnswer(200)) == [
        SendRegister(3600, CHALLENGE),
        CameOnline(),
    ]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_heartbeat_means_registering_at_once(status: int) -> None:
    bench = Bench().online()
    assert bench.give(KeepaliveAnswer(status)) == [
        WentOffline(f"keepalive: {status}"),
        SendRegister(3600),
    ]


def test_a_refused_heartbeat_during_a_refresh_takes_the_refresh_for_the_registration() -> None:
    bench = Bench(Times(expires_s=3600, keepalive_s=0)).online(expires=100)
    bench.pass_time()
    assert bench.give(KeepaliveAnswer(403)) == [WentOffline("keepalive: 403")]
    assert bench.give(RegisterAnswer(200)) == [CameOnline()]


def test_a_server_error_to_a_heartbeat_counts_as_missed() -> None:
    bench = Bench().online()
    assert bench.give(KeepaliveAnswer(503), KeepaliveAnswer(503)) == []
    assert WentOffline("keepalive: no answer") in bench.give(KeepaliveAnswer(503))


def test_a_lost_connection_is_opened_again_soon() -> None:
    bench = Bench().online()
    assert bench.give(Lost()) == [WentOffline("connection lost")]
    assert bench.machine.deadline == bench.now + 3
    assert bench.pass_time() == [SendRegister(3600)]


def test_leaving_takes_the_registration_back() -> None:
    bench = Bench().online()
    assert bench.give(Stop()) == [SendRegister(0)]
    assert bench.give(Stop()) == []
    assert bench.give(RegisterAnswer(401, CHALLENGE)) == [SendRegister(0, CHALLENGE)]
    assert bench.give(RegisterAnswer(200)) == [Ended()]
    assert bench.machine.deadline is None


def test_who_is_not_registered_leaves_without_a_word() -> None:
    bench = Bench()
    bench.give(Start())
    assert bench.give(Stop()) == [Ended()]
    assert bench.give(RegisterAnswer(200)) == []
    assert bench.machine.state is State.GONE


def test_death_is_silent_and_final() -> None:
    bench = Bench().online()
    assert bench.give(Die()) == [Ended()]
    assert bench.give(Die(), Tick(), KeepaliveAnswer(403), Lost(), Start(), Stop()) == []
    assert bench.machine.deadline is None
