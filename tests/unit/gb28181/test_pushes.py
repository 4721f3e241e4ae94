"""Pushes without input or output: their machine, and the addresses operators type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.errors import BadInput
from gb28181.pushes import machine as m
from gb28181.pushes.address import MASK, read_target
from gb28181.pushes.machine import LONGEST_RETRY_S, RETRY_S, SPREAD, STABLE_S, Side, State

TARGET_GONE = m.Failed(Side.TARGET, "refused")


def machine(dice: float = 0.5) -> m.PushMachine:
    return m.PushMachine(0.0, lambda: dice)


def running() -> m.PushMachine:
    found = machine()
    found.handle(m.Tick(), 0.0)
    found.handle(m.Opened(), 0.0)
    return found


def test_it_is_tried_at_once_and_runs() -> None:
    found = machine()
    assert found.deadline == 0.0
    assert found.handle(m.Tick(), 0.0) == [m.Try(target_first=False)]
    assert (found.state, found.deadline) == (State.CONNECTING, None)
    assert found.handle(m.Opened(), 1.0) == []
    assert (found.state, found.deadline, found.reason) == (State.PUSHING, None, "")


def test_pauses_double_up_to_the_longest() -> None:
    found, now, pauses = machine(), 0.0, []
    for _ in range(9):
        assert found.handle(m.Tick(), now) != []
        found.handle(TARGET_GONE, now)
        assert found.deadline is not None
        pauses.append(found.deadline - now)
        now = found.deadline
        assert found.handle(m.Tick(), now - 0.01) == []
    assert pauses[:3] == [RETRY_S, 2 * RETRY_S, 4 * RETRY_S]
    assert pauses[-1] == LONGEST_RETRY_S


@pytest.mark.parametrize(("dice", "factor"), [(0.0, 1 - SPREAD), (1.0, 1 + SPREAD)])
def test_pauses_are_spread(dice: float, factor: float) -> None:
    found = machine(dice)
    found.handle(m.Tick(), 0.0)
    found.handle(TARGET_GONE, 0.0)
    assert found.deadline == pytest.approx(RETRY_S * factor)


def test_the_target_is_looked_for_first_only_when_it_was_the_one() -> None:
    found = machine()
    found.handle(m.Tick(), 0.0)
    found.handle(TARGET_GONE, 0.0)
    assert (found.side, found.reason) == (Side.TARGET, "refused")
    assert found.handle(m.Tick(), 100.0) == [m.Try(target_first=True)]
    found.handle(m.Failed(Side.SOURCE, "offline"), 100.0)
    assert found.handle(m.Tick(), 200.0) == [m.Try(target_first=False)]


def test_what_ended_is_closed_and_tried_again() -> None:
    found = running()
    assert found.handle(m.Ended("hung up"), 1.0) == [m.Close()]
    assert (found.state, found.reason, found.side) == (State.WAITING, "hung up", None)
    assert found.deadline == 1.0 + RETRY_S


def test_only_what_ran_for_a_while_begins_with_the_first_pause_again() -> None:
    found, now = running(), 0.0
    for pause in (RETRY_S, 2 * RETRY_S):
        found.handle(m.Ended("x"), now + STABLE_S - 0.1)
        now = found.deadline or 0.0
        assert now == pytest.approx(now)
        found.handle(m.Tick(), now)
        found.handle(m.Opened(), now)
        assert found._pause_s == 2 * pause
    found.handle(m.Ended("x"), now + STABLE_S)
    assert found.deadline == now + STABLE_S + RETRY_S


def test_a_camera_that_is_back_is_no_reason_to_wait() -> None:
    found = machine()
    for now in (0.0, 100.0, 300.0):
        found.handle(m.Tick(), now)
        found.handle(m.Failed(Side.SOURCE, "offline"), now)
    found.handle(m.Back(), 301.0)
    assert found.deadline == 301.0
    assert found.handle(m.Tick(), 301.0) == [m.Try(target_first=False)]
    assert running().handle(m.Back(), 1.0) == []


def test_the_end_in_every_state() -> None:
    assert machine().handle(m.Stop(), 0.0) == []
    assert running().handle(m.Stop(), 0.0) == [m.Close()]
    found = machine()
    found.handle(m.Tick(), 0.0)
    assert found.handle(m.Stop(), 0.0) == []
    assert found.deadline is None
    assert found.handle(m.Opened(), 1.0) == [m.Close()], "what opens late is closed"
    assert found.handle(m.Ended("x"), 1.0) == []
    assert found.state is State.OVER


events = st.sampled_from(
    [m.Tick(), m.Opened(), TARGET_GONE, m.Ended("x"), m.Back(), m.Failed(Side.SOURCE, "y")]
)


@given(st.lists(st.tuples(events, st.floats(0, 100)), max_size=40))
def test_any_order_of_events(steps: list[tuple[m.Input, float]]) -> None:
    """One attempt at a time, and whatever is open is closed once."""
    found, now, trying, is_open = machine(), 0.0, False, False
    for event, later in steps:
        now += later
        effects = found.handle(event, now)
        if isinstance(event, m.Opened) and trying:
            trying, is_open = False, True
        elif isinstance(event, m.Failed) and trying:
            trying = False
        for effect in effects:
            if isinstance(effect, m.Try):
                assert not trying
                assert not is_open
                trying = True
            else:
                assert is_open
                is_open = False
        assert (found.state is State.PUSHING) == is_open
        assert (found.state is State.WAITING) == (found.deadline is not None)
    assert found.handle(m.Stop(), now) == ([m.Close()] if is_open else [])


@pytest.mark.parametrize(
    ("text", "url", "user", "password", "shown"),
    [
        (" rtsp://h/in ", "rtsp://h/in", "", "", "rtsp://h/in"),
        ("RTSP://H:8554/in", "rtsp://h:8554/in", "", "", "rtsp://h:8554/in"),
        (
            "rtsp://u:p%40ss@192.0.2.1/a/b?token=abc",
            "rtsp://192.0.2.1/a/b?token=abc",
            "u",
            "p@ss",
            f"rtsp://u:{MASK}@192.0.2.1/a/b?{MASK}",
        ),
        ("rtsp://u@[2001:db8::1]:554/x", "rtsp://[2001:db8::1]:554/x", "u", "", None),
        ("rtmp://h/live/key", "rtmp://h/live/key", "", "", f"rtmp://h/live/{MASK}"),
        (
            "rtmp://h:1936/a/b/key?x=1&y=2",
            "rtmp://h:1936/a/b/key?x=1&y=2",
            "",
            "",
            f"rtmp://h:1936/a/b/{MASK}",
        ),
    ],
)
def test_addresses(text: str, url: str, user: str, password: str, shown: str | None) -> None:
    found = read_target(text)
    assert (found.url, found.user, found.password) == (url, user, password)
    assert shown is None or found.shown == shown
    again = read_target(text)
    assert again == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://h/x",
        "rtsps://h/x",
        "rtsp://",
        "rtsp:///x",
        "rtsp://h:0/x",
        "rtsp://h:70000/x",
        "rtsp://h/x y",
        "rtsp://h/x\ny",
        "rtsp://h/\x00",
        "rtsp://u:p%0d%0aX:y@h/x",
        'rtsp://u"x:p@h/x',
        "rtsp://:p@h/x",
        "rtsp://ho st/x",
        "rtsp://h*st/x",
        "rtsp://" + "h" * 300 + "/x",
        "rtsp://h/" + "x" * 3000,
        "rtmp://h",
        "rtmp://h/app",
        "rtmp://h/app/",
        "rtmp://h//key",
        "rtmp://u:p@h/app/key",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadInput):
        read_target(text)


def test_what_servers_repeat_of_secrets_is_masked() -> None:
    rtmp = read_target("rtmp://h/live/streamkey?sign=0123456789")
    said = "BadName: live/streamkey?sign=0123456789 (0123456789) is taken"
    assert rtmp.clean(said) == f"BadName: live/{MASK} ({MASK}) is taken"
    rtsp = read_target("rtsp://u:secret@h/x?token=abcdef")
    assert rtsp.clean("401 secret abcdef") == f"401 {MASK} {MASK}"
    assert "secret" not in repr(rtsp)
    assert "abcdef" not in repr(rtsp)
    assert read_target("rtmp://h/a/k").clean("back") == "back", "a short key would be everywhere"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    for whole in (text, f"rtsp://{text}", f"rtmp://h/{text}", f"rtsp://u:{text}@h/x"):
        try:
            found = read_target(whole)
        except BadInput:
            continue
        assert found.url.isprintable()
        assert "\n" not in found.user + found.password
        assert not any(secret in found.clean(found.url) for secret in found.secrets)
