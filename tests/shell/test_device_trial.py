"""A device on trial: it is treated badly on purpose, and its state stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gb28181.device.trial import Heartbeats, Trial
from tests.shell.device_support import CAMERA, World, udp, world


@pytest.fixture
async def gb(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, auto_query=False) as opened:
        opened.login()
        yield opened


def put_on_trial(gb: World, trial: Trial | None) -> None:
    device = gb.service.device(CAMERA)
    assert device is not None
    device.trial = trial


async def test_a_heartbeat_is_refused_and_the_device_stays_online(gb: World) -> None:
    put_on_trial(gb, Trial(Heartbeats.REFUSED))
    for _ in range(6):
        gb.pass_time(60)
        assert gb.keepalive().status == 403
    assert gb.state() == "online"
    put_on_trial(gb, None)
    assert gb.keepalive().status == 200


async def test_a_heartbeat_is_left_unanswered_and_counts_as_life(gb: World) -> None:
    put_on_trial(gb, Trial(Heartbeats.UNANSWERED))
    for _ in range(6):
        gb.pass_time(60)
        assert gb.keepalive().status == 0, "no answer"
    assert gb.state() == "online"


async def test_only_right_credentials_are_refused_on_purpose(gb: World) -> None:
    put_on_trial(gb, Trial(register_status=503))
    assert gb.register().status == 401
    assert gb.login().status == 503
    assert gb.login(password="wrong").status == 403
    assert gb.login("64010600001320000077", udp("192.0.2.77")).status == 200, "nobody else's trial"
    put_on_trial(gb, None)
    assert gb.login().status == 200


async def test_a_short_registration_is_granted_and_ends(gb: World) -> None:
    put_on_trial(gb, Trial(grant_s=20))
    answer = gb.login(expires=3600)
    assert answer.headers.get("Expires") == "20"
    assert (answer.headers.get("Contact") or "").endswith(";expires=20")
    gb.pass_time(21)
    assert gb.states[-1] == (CAMERA, "offline", "registration_expired")
