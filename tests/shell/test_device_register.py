"""REGISTER through the whole registry: answers, states, limits, policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gb28181.errors import BadInput, Conflict, NotFound
from tests.shell.device_support import (
    CAMERA,
    NVR,
    PASSWORD,
    SERVER,
    World,
    tcp,
    udp,
    world,
)
from tests.support.logs import captured

pytestmark = pytest.mark.clause("GB/T 28181-2022", "9.1.2.1")


@pytest.fixture
async def gb(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, auto_query=False) as opened:
        yield opened


async def test_one_challenge_then_200_with_everything_a_device_needs(gb: World) -> None:
    first = gb.register(version="2.0")
    challenge = first.headers.get("WWW-Authenticate") or ""
    assert first.status == 401
    assert first.headers.get("X-GB-Ver") == "3.0"
    assert "algorithm=MD5" in challenge
    assert 'qop="auth"' in challenge
    assert "stale" not in challenge

    done = gb.login(version="2.0")
    assert done.status == 200
    assert done.headers.get("Contact") == f"<sip:{CAMERA}@10.9.9.9:5060>;expires=3600"
    assert done.headers.get("Expires") == "3600"
    assert done.headers.get("X-GB-Ver") == "3.0"
    assert done.headers.get("Date") == "2026-11-22T16:00:00.000"
    assert gb.states == [(CAMERA, "online", "registered")]
    view = gb.service.view(CAMERA)
    assert (view.online, view.transport, view.remote) == (True, "udp", "192.0.2.64:5060")
    assert (view.gb_version, view.config_warnings) == ("2.0", ())
    assert gb.service.flow_of(CAMERA) == udp()
    assert "device.online" in [event.type for event in gb.heard()]


@pytest.mark.parametrize(
    ("asked", "contact", "granted"),
    [
        (None, None, 3600),
        (7200, None, 7200),
        (1, None, 60),
        (60, None, 60),
        (10**9, None, 604800),
        (7200, f"<sip:{CAMERA}@10.9.9.9>;expires=600", 600),
        (None, f"<sip:{CAMERA}@10.9.9.9>;expires=600", 600),
        (300, f"<sip:{CAMERA}@10.9.9.9>;expires=x", 300),
    ],
)
async def test_expires_is_granted_within_bounds_and_never_refused(
    gb: World, asked: int | None, contact: str | None, granted: int
) -> None:
    done = gb.login(expires=asked, contact=contact)
    assert done.status == 200
    assert done.headers.get("Expires") == str(granted)
    assert (done.headers.get("Contact") or "").endswith(f";expires={granted}")


async def test_expires_that_is_no_number_counts_as_absent_and_is_noted(gb: World) -> None:
    done = gb.login(expires=None, extra="Expires: soon")
    assert (done.status, done.headers.get("Expires")) == (200, "3600")
    assert gb.service.view(CAMERA).config_warnings == ("expires: soon",)


@pytest.mark.parametrize(("expires", "contact"), [(0, None), (0, "*"), (3600, "*")])
async def test_unregistering(gb: World, expires: int, contact: str | None) -> None:
    gb.login()
    done = gb.login(expires=expires, contact=contact)
    assert done.status == 200
    assert done.headers.get("Expires") == "0"
    assert gb.states[-1] == (CAMERA, "offline", "unregistered")
    assert gb.service.flow_of(CAMERA) is None
    assert gb.keepalive().status == 403


async def test_nobody_is_unregistered_without_the_password(gb: World) -> None:
    gb.login()
    assert gb.register(expires=0).status == 401
    assert gb.login(expires=0, password="wrong").status == 403
    assert gb.state() == "online"


async def test_a_wrong_password_is_403_and_changes_nothing(gb: World) -> None:
    with captured() as lines:
        assert gb.login(password="wrong").status == 403
    assert gb.service.device(CAMERA) is None
    failed = [line for line in lines if line["event"] == "device.auth_failed"]
    assert [line["reason"] for line in failed] == ["wrong_password"]
    assert "wrong" not in str([line for line in lines if "Authorization" in str(line)])
    assert gb.login().status == 200


async def test_an_old_nonce_is_stale_and_no_failure(gb: World) -> None:
    challenge = gb.register().headers.get("WWW-Authenticate") or ""
    from sip.digest import build_authorization

    answer = build_authorization(challenge, "REGISTER", f"sip:{SERVER}@x", CAMERA, PASSWORD, "c", 1)
    gb.now.advance(301)
    for _ in range(20):
        old = gb.register(authorization=answer)
        assert old.status == 401
        assert "stale=true" in (old.headers.get("WWW-Authenticate") or "")
    assert gb.login().status == 200, "stale answers do not lock out"


async def test_a_replayed_answer_is_stale(gb: World) -> None:
    from sip.digest import build_authorization

    challenge = gb.register().headers.get("WWW-Authenticate") or ""
    answer = build_authorization(challenge, "REGISTER", "sip:x", CAMERA, PASSWORD, "c", 1)
    assert gb.register(authorization=answer).status == 200
    again = gb.register(authorization=answer, flow=udp("198.51.100.9"))
    assert again.status == 401
    assert "stale=true" in (again.headers.get("WWW-Authenticate") or "")
    assert gb.service.flow_of(CAMERA) == udp()


async def test_a_refresh_is_authenticated_every_time_and_asks_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as gb:
        gb.login()
        await gb.catalog_sn()
        asked = len(gb.sip.sent)
        assert gb.register().status == 401
        gb.now.advance(100)
        assert gb.login().status == 200
        assert gb.states == [(CAMERA, "online", "registered")]
        assert gb.service._asking.queue.waiting == 0
        assert len(gb.sip.sent) == asked


@pytest.mark.parametrize("device_id", ["640104000013200011", "camera-1", SERVER])
async def test_an_id_that_is_none_is_refused(gb: World, device_id: str) -> None:
    refused = gb.register(device_id)
    assert refused.status == 403
    assert refused.headers.get("X-GB-Ver") == "3.0"


async def test_credentials_of_somebody_else_are_refused(gb: World) -> None:
    from sip.digest import build_authorization

    challenge = gb.register().headers.get("WWW-Authenticate") or ""
    answer = build_authorization(challenge, "REGISTER", "sip:x", NVR, PASSWORD, "c", 1)
    assert gb.register(authorization=answer).status == 403


async def test_unusable_credentials_are_400(gb: World) -> None:
    refused = gb.register(authorization='Digest username="x"')
    assert refused.status == 400
    assert refused.headers.get("X-GB-Ver") == "3.0"


async def test_an_odd_uri_is_noted_and_served(gb: World) -> None:
    done = gb.login(uri="sip:10.0.0.1:5060", digest_uri="sip:34020000002000000001@3402000000")
    assert done.status == 200
    codes = [note.partition(":")[0] for note in gb.service.view(CAMERA).config_warnings]
    assert codes == ["request_uri", "digest_uri"]
    gb.login()
    assert gb.service.view(CAMERA).config_warnings == ()


# --- limits ----------------------------------------------------------------------------------


async def test_a_guesser_is_locked_out_and_his_neighbours_are_not(gb: World) -> None:
    neighbour = "64010400001320000012"
    gb.login(neighbour, udp(port=7001))
    guesser = udp(port=6666)
    statuses = [gb.login(flow=guesser, password=f"guess {n}").status for n in range(10)]
    assert statuses == [403] * 10
    assert gb.login(flow=guesser).status == 403, "even the right one is not read now"
    assert gb.keepalive(neighbour, udp(port=7001)).status == 200
    assert gb.login(neighbour, udp(port=7001)).status == 200
    assert gb.login(flow=udp("198.51.100.1")).status == 200, "another address is another matter"
    gb.now.advance(61)
    assert gb.login(flow=guesser).status == 200


async def test_a_guesser_behind_the_same_nat_does_not_lock_out_the_device(gb: World) -> None:
    gb.login(flow=udp(port=7001))
    for n in range(50):
        gb.login(flow=udp(port=6666), password=f"guess {n}")
    assert gb.keepalive(flow=udp(port=7001)).status == 200
    assert gb.login(flow=udp(port=7001)).status == 200
    assert gb.state() == "online"
    assert gb.service.flow_of(CAMERA) == udp(port=7001)


async def test_a_flood_of_registers_for_one_id_is_bounded_and_only_that(gb: World) -> None:
    gb.login(NVR, udp(port=7001))
    answers = [gb.register(flow=udp(port=6666)).status for _ in range(500)]
    assert answers.count(401) == 50
    assert set(answers) <= {401, 0}
    assert gb.register(NVR, udp(port=7001)).status == 401
    assert gb.register("64010400001320000099", udp(port=7002)).status == 401


async def test_silence_too_is_rationed(gb: World) -> None:
    answers = [gb.register(flow=udp(port=6666)).status for _ in range(3000)]
    assert answers.count(0) == 1000
    assert answers.count(503) == 3000 - 50 - 1000


async def test_a_whole_city_may_come_at_once_from_one_address(gb: World) -> None:
    for number in range(1000):
        device_id = f"6401040000132{number:07d}"
        assert gb.login(device_id, udp(port=10_000 + number)).status == 200
    assert gb.service.count_by_state()["online"] == 1000


# --- who may come ----------------------------------------------------------------------------


async def test_unknown_ids_are_refused_when_so_set(tmp_path: Path) -> None:
    async with world(tmp_path, unknown="refuse", auto_query=False) as gb:
        assert gb.login().status == 403
        assert gb.service.device(CAMERA) is None
        await gb.service.create(CAMERA, "门口")
        assert gb.login().status == 200
        assert gb.service.view(CAMERA).name == "门口"


async def test_unknown_ids_wait_for_approval_when_so_set(tmp_path: Path) -> None:
    async with world(tmp_path, unknown="approve", auto_query=False) as gb:
        assert gb.login(password="wrong").status == 403
        assert gb.service.device(CAMERA) is None, "whoever does not know the password is nobody"
        assert gb.login().status == 403
        assert gb.login().status == 403
        waiting, total = gb.service.devices()
        assert (total, waiting[0].approved, waiting[0].online) == (1, False, False)
        assert gb.service.tree.node(CAMERA) is None
        assert gb.keepalive().status == 403
        assert [e.type for e in gb.heard() if e.type == "device.pending"] == ["device.pending"]
        await gb.service.approve(CAMERA)
        assert gb.login().status == 200
        assert gb.service.tree.node(CAMERA) is not None
    async with world(tmp_path, unknown="approve", auto_query=False) as gb:
        assert gb.login().status == 200, "the approval lasts"


async def test_an_own_password_replaces_the_default_one(gb: World) -> None:
    await gb.service.create(CAMERA, password="its own")
    assert gb.login().status == 403
    assert gb.login(password="its own").status == 200
    await gb.service.update(CAMERA, {"password": None})
    assert gb.login().status == 200


# --- where it is -----------------------------------------------------------------------------


async def test_address_and_transport_may_change(gb: World) -> None:
    gb.login()
    gb.now.advance(200 - 60)
    assert gb.login(flow=tcp(5, "198.51.100.7")).status == 200
    assert gb.service.flow_of(CAMERA) == tcp(5, "198.51.100.7")
    assert gb.sip.held == [tcp(5, "198.51.100.7")]
    view = gb.service.view(CAMERA)
    assert (view.transport, view.remote) == ("tcp", "198.51.100.7:40000")
    gb.login(flow=udp())
    assert gb.sip.held == []
    assert gb.state() == "online"


async def test_the_same_id_from_two_addresses_newest_wins_and_is_told(gb: World) -> None:
    gb.login()
    gb.heard()
    with captured() as lines:
        assert gb.login(flow=udp("198.51.100.7")).status == 200
    assert gb.service.flow_of(CAMERA) == udp("198.51.100.7")
    assert gb.keepalive(flow=udp()).status == 403, "the other one has to register again"
    (event,) = [e for e in gb.heard() if e.type == "device.duplicate"]
    assert event.data["result"] == "newest_wins"
    assert [line["event"] for line in lines].count("device.duplicate") == 1


async def test_the_same_id_from_two_addresses_refused_when_so_set(gb: World) -> None:
    gb.login()
    await gb.service.update(CAMERA, {"duplicate": "refuse"})
    gb.heard()
    assert gb.login(flow=udp("198.51.100.7")).status == 403
    assert gb.service.flow_of(CAMERA) == udp()
    assert [e.data["result"] for e in gb.heard() if e.type == "device.duplicate"] == ["refused"]
    gb.pass_time(400)
    assert gb.state() == "offline"
    assert gb.login(flow=udp("198.51.100.7")).status == 200, "nobody else is alive"


async def test_a_new_port_of_the_same_address_is_no_duplicate(gb: World) -> None:
    gb.login()
    gb.heard()
    assert gb.login(flow=udp(port=5070)).status == 200
    assert gb.service.flow_of(CAMERA) == udp(port=5070)
    assert "device.duplicate" not in [e.type for e in gb.heard()]


async def test_answers_go_to_the_via_port_only_without_rport_and_when_so_set(gb: World) -> None:
    here = udp(port=33333)
    assert gb.register(flow=here, rport=False, via_port=5066).reply_to is None
    gb.login(flow=here)
    await gb.service.update(CAMERA, {"reply_port": "via"})
    assert gb.register(flow=here, via_port=5066).reply_to is None, "it asks for rport"
    done = gb.login(flow=here, rport=False, via_port=5066)
    assert done.status == 200
    assert done.reply_to == udp(port=5066)
    assert gb.service.flow_of(CAMERA) == udp(port=5066)


# --- settings of a device ----------------------------------------------------------------------


async def test_challenge_and_date_follow_the_device_settings(gb: World) -> None:
    await gb.service.create(CAMERA)
    await gb.service.update(CAMERA, {"algorithm": "SM3", "qop": False, "date_header": False})
    challenge = gb.register().headers.get("WWW-Authenticate") or ""
    assert "algorithm=SM3" in challenge
    assert "qop" not in challenge
    done = gb.login()
    assert done.status == 200
    assert "Date" not in done.headers


async def test_operators_input_is_checked(gb: World) -> None:
    await gb.service.create(CAMERA, "one")
    with pytest.raises(Conflict):
        await gb.service.create(CAMERA)
    for bad in ("123", "x" * 20, SERVER):
        with pytest.raises(BadInput):
            await gb.service.create(bad)
    with pytest.raises(BadInput):
        await gb.service.create(NVR, password="")
    with pytest.raises(BadInput, match="keepalive_count"):
        await gb.service.update(CAMERA, {"keepalive_count": 0})
    with pytest.raises(NotFound):
        await gb.service.update(NVR, {})
    with pytest.raises(NotFound):
        gb.service.view(NVR)


async def test_devices_are_listed_by_page_text_and_state(gb: World) -> None:
    for number in range(5):
        gb.login(f"6401040000132000000{number}", udp(port=6000 + number))
    await gb.service.create(NVR, "录像机")
    page, total = gb.service.devices(limit=2, offset=1)
    assert [v.device_id[-1] for v in page] == ["1", "2"]
    assert total == 6
    assert gb.service.devices(online=True)[1] == 5
    assert gb.service.devices(online=False)[1] == 1
    assert [v.device_id for v in gb.service.devices(q="录像")[0]] == [NVR]
    assert gb.service.devices(q="0000003")[1] == 1


async def test_a_deleted_device_is_gone_everywhere(gb: World) -> None:
    gb.login()
    await gb.service.delete(CAMERA)
    assert gb.service.device(CAMERA) is None
    assert gb.service.tree.node(CAMERA) is None
    assert gb.states[-1] == (CAMERA, "offline", "removed")
    assert gb.keepalive().status == 403
    assert "device.removed" in [event.type for event in gb.heard()]
    assert gb.login().status == 200, "unknown ids are accepted again"
