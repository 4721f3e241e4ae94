"""The presence machine of one device, on a fake clock."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.device.registry import (
    CHALLENGE_S,
    TABLE,
    Input,
    Misjudged,
    Offline,
    Online,
    Presence,
    Refreshed,
    Unreachable,
)
from gb28181.device.state import LIVE, Cause, DeviceState

pytestmark = pytest.mark.clause("GB/T 28181-2022", "9.6.1")

SILENCE = 180.0


def online(now: float = 0.0, expires_s: float = 3600.0) -> Presence:
    presence = Presence(SILENCE)
    presence.handle(Input.REGISTER, now, expires_s=expires_s)
    return presence


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(itertools.product(DeviceState, Input))


def test_a_first_registration_is_fresh() -> None:
    presence = Presence(SILENCE)
    assert presence.handle(Input.CHALLENGE, 0) == []
    assert presence.state is DeviceState.CHALLENGED
    assert presence.handle(Input.REGISTER, 1, expires_s=3600) == [Online(Cause.REGISTERED, True)]
    assert presence.registered(2)


def test_a_refresh_is_not() -> None:
    assert online().handle(Input.REGISTER, 10, expires_s=3600) == [Refreshed()]


def test_three_missed_heartbeats_make_it_offline() -> None:
    presence = online()
    for at in (60, 120):
        presence.handle(Input.HEARD, at)
    assert presence.deadline == 120 + SILENCE
    assert presence.handle(Input.TICK, 120 + SILENCE) == [Offline(Cause.HEARTBEAT_MISSED)]
    assert presence.state is DeviceState.OFFLINE


def test_misses_that_are_not_in_a_row_do_not_count() -> None:
    presence = online()
    now = 0.0
    for _ in range(20):
        now += SILENCE - 1
        presence.handle(Input.HEARD, now)
        assert presence.deadline == min(3600, now + SILENCE)


def test_a_registration_that_runs_out_makes_it_offline_whatever_the_heartbeats() -> None:
    presence = online(expires_s=100)
    presence.handle(Input.HEARD, 90)
    assert presence.deadline == 100
    assert not presence.registered(100)
    assert presence.handle(Input.TICK, 100) == [Offline(Cause.REGISTRATION_EXPIRED)]


def test_an_offline_device_is_heard_again_only_after_a_registration() -> None:
    presence = online()
    presence.handle(Input.TICK, SILENCE)
    assert not presence.registered(SILENCE)
    with pytest.raises(Misjudged):
        presence.handle(Input.HEARD, SILENCE + 1)
    effects = presence.handle(Input.REGISTER, SILENCE + 2, expires_s=60)
    assert effects == [Online(Cause.REGISTERED, fresh=True)]


def test_a_lost_connection_of_an_older_device_is_only_unreachable() -> None:
    presence = online()
    presence.handle(Input.HEARD, 60)
    assert presence.handle(Input.FLOW_LOST, 70) == [Unreachable(Cause.TCP_LOST)]
    assert presence.registered(80)
    assert presence.deadline == 60 + SILENCE
    assert presence.handle(Input.HEARD, 100) == [Online(Cause.RECONNECTED, fresh=False)]
    assert presence.state is DeviceState.ONLINE


def test_unreachable_ends_at_the_heartbeat_deadline() -> None:
    presence = online()
    presence.handle(Input.FLOW_LOST, 10)
    assert presence.handle(Input.TICK, SILENCE) == [Offline(Cause.HEARTBEAT_MISSED)]


def test_a_registration_of_an_unreachable_device_asks_nothing() -> None:
    presence = online()
    presence.handle(Input.FLOW_LOST, 10)
    effects = presence.handle(Input.REGISTER, 20, expires_s=3600)
    assert effects == [Online(Cause.REGISTERED, fresh=False)]


def test_a_lost_connection_of_a_newer_device_is_offline() -> None:
    presence = online()
    assert presence.handle(Input.FLOW_LOST_FOR_GOOD, 10) == [Offline(Cause.TCP_LOST)]
    assert presence.deadline is None


def test_unregistering_and_removing() -> None:
    assert online().handle(Input.UNREGISTER, 1) == [Offline(Cause.UNREGISTERED)]
    assert online().handle(Input.REMOVE, 1) == [Offline(Cause.REMOVED)]
    assert Presence(SILENCE).handle(Input.UNREGISTER, 1) == []


@pytest.mark.parametrize("before", [DeviceState.UNKNOWN, DeviceState.OFFLINE])
def test_a_challenge_nobody_answers_is_forgotten(before: DeviceState) -> None:
    presence = Presence(SILENCE)
    presence.restore(before, 0, 0)
    presence.handle(Input.CHALLENGE, 100)
    presence.handle(Input.CHALLENGE, 110)
    assert presence.deadline == 110 + CHALLENGE_S
    assert presence.handle(Input.TICK, 110 + CHALLENGE_S) == []
    assert presence.state is before


def test_after_our_restart_every_device_has_one_full_deadline() -> None:
    presence = Presence(SILENCE)
    presence.restore(DeviceState.ONLINE, expires_at=-500, now=1000)
    assert presence.deadline == 1000 + SILENCE
    assert not presence.registered(1001), "its heartbeat gets 403, so that it registers"
    assert presence.handle(Input.REGISTER, 1010, expires_s=3600) == [Refreshed()]
    assert presence.deadline == 1010 + SILENCE


def test_a_restored_registration_that_still_holds_is_believed() -> None:
    presence = Presence(SILENCE)
    presence.restore(DeviceState.ONLINE, expires_at=1500, now=1000)
    assert presence.registered(1100)
    presence.handle(Input.HEARD, 1100)
    assert presence.deadline == 1100 + SILENCE
    presence.handle(Input.HEARD, 1400)
    assert presence.deadline == 1500


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Input)), st.floats(0, 400), st.integers(60, 7200)),
        max_size=40,
    )
)
def test_invariants_over_any_history(history: list[tuple[Input, float, int]]) -> None:
    presence, now = Presence(SILENCE), 0.0
    for event, step, expires in history:
        now += step
        if event is Input.HEARD and not presence.registered(now):
            continue
        if event is Input.TICK and (presence.deadline is None or now < presence.deadline):
            continue
        before = presence.state
        effects = presence.handle(event, now, expires_s=expires)
        assert len(effects) <= 1
        said = [type(effect) for effect in effects]
        if (before in LIVE) and presence.state not in LIVE:
            assert said == [Offline]
        if before is not DeviceState.ONLINE and presence.state is DeviceState.ONLINE:
            assert said == [Online]
        assert not presence.registered(now) or presence.state in LIVE
        assert (presence.deadline is not None) == (
            presence.state in LIVE or presence.state is DeviceState.CHALLENGED
        )
