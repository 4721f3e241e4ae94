"""The brief way and the complete way: the same datagrams, the same answers, the same registry."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gb28181.device.trial import Heartbeats, Trial
from sip.brief import Brief
from sip.endpoint import Endpoint
from sip.flow import Flow
from sip.options import EndpointOptions
from sip.server_side import BriefAnswer
from tests.shell.device_support import CAMERA, DOMAIN, PASSWORD, SERVER, World, world
from tests.shell.sip_bench import RawPeer
from tests.shell.test_device_endpoint import Desk
from tests.support.clock import FakeClock

_RANDOM = re.compile(rb'nonce="[0-9a-f]+"')
_URI = f"sip:{SERVER}@{DOMAIN}"


class Side:
    """A registry on an endpoint, with or without the brief way."""

    def __init__(self, world: World, endpoint: Endpoint, *, brief: bool) -> None:
        self.world = world
        self.endpoint = endpoint
        self.taken: Counter[str] = Counter()
        self.nonce = ""
        if brief:
            endpoint.take_brief(self._take)

    def _take(self, brief: Brief, flow: Flow) -> BriefAnswer | None:
        answer = self.world.service.on_brief(brief, flow)
        if answer is not None:
            self.taken[f"{brief.method}-{answer[0]}"] += 1
        return answer

    def state(self) -> dict[str, Any]:
        """All that a request may have changed."""
        service, server = self.world.service, self.endpoint.counters.server
        device = service.device(CAMERA)
        found: dict[str, Any] = {
            "events": [(e.type, e.data) for e in self.world.heard() if "device" in e.type],
            "states": self.world.states,
            "keepalives": service.keepalives,
            "requests": (server.requests, server.retransmissions, server.handler_errors),
            "in": self.endpoint.counters.messages_in,
            "out": self.endpoint.counters.messages_out,
            "attempt": service.attempt(CAMERA) is None,
        }
        if device is not None:
            presence, record = device.presence, device.record
            found |= {
                "view": service.view(CAMERA),
                "presence": (presence.state, presence.expires_at, presence.last_seen),
                "registration": repr(device.registration).replace(str(self._port), "PORT"),
                "record": (record.config_warnings, record.user_agent),
                "kept_alive": device.kept_alive,
                "facts": device.facts.healthy,
            }
        return found

    @property
    def _port(self) -> int:
        return self.endpoint.bound[1]


class Lines:
    """What one camera writes, with the habits that are given."""

    def __init__(self) -> None:
        self.number = 0
        self.call_id = "reg"

    def request(
        self, method: str, *lines: str, body: bytes = b"", to: str = CAMERA, uri: str = _URI
    ) -> bytes:
        self.number += 1
        call_id = self.call_id if method == "REGISTER" else f"m{self.number}"
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 10.9.9.9:5060;rport;branch=z9hG4bK{self.number}",
            f"From: <sip:{CAMERA}@{DOMAIN}>;tag=f{self.number}",
            f"To: <sip:{to}@{DOMAIN}>",
            f"Call-ID: {call_id}",
            f"CSeq: {self.number} {method}",
            *lines,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def register(
        self,
        nonce: str = "",
        *more: str,
        password: str = PASSWORD,
        expires: int = 3600,
        contact: str = f"<sip:{CAMERA}@10.9.9.9:5060>",
        digest_uri: str = _URI,
        nc: int = 1,
        **other: Any,
    ) -> bytes:
        lines = [f"Contact: {contact}", "Max-Forwards: 70", *more, f"Expires: {expires}"]
        if nonce:
            ha1, ha2 = (
                hashlib.md5(text.encode()).hexdigest()
                for text in (f"{CAMERA}:{DOMAIN}:{password}", f"REGISTER:{digest_uri}")
            )
            text = f"{ha1}:{nonce}:{nc:08x}:cn:auth:{ha2}"
            response = hashlib.md5(text.encode()).hexdigest()
            lines.append(
                f'Authorization: Digest username="{CAMERA}", realm="{DOMAIN}", nonce="{nonce}", '
                f'uri="{digest_uri}", response="{response}", algorithm=MD5, cnonce="cn", qop=auth, '
                f"nc={nc:08x}"
            )
        return self.request("REGISTER", *lines, **other)

    def keepalive(self, status: str = "OK", *more: str, **other: Any) -> bytes:
        body = (
            '<?xml version="1.0"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
            f"<SN>{1000 + self.number}</SN>\r\n<DeviceID>{CAMERA}</DeviceID>\r\n"
            f"<Status>{status}</Status>\r\n</Notify>\r\n"
        ).encode()
        kind = "Content-Type: Application/MANSCDP+xml"
        return self.request("MESSAGE", kind, *more, body=body, to=SERVER, **other)


class Pair:
    """Both sides, and one peer that speaks to them."""

    def __init__(self, sides: tuple[Side, Side], peers: tuple[RawPeer, RawPeer]) -> None:
        self.sides = sides
        self.peers = peers
        self.lines = Lines()

    async def send(self, make: Callable[[Side], bytes], peer: int = 0, times: int = 1) -> int:
        """The same to both; the status both answer."""
        answers = []
        number = self.lines.number
        for side in self.sides:
            self.lines.number = number  # the same request but for the nonce
            data = make(side)
            for _ in range(times):
                self.peers[peer].send(data, side.endpoint.bound)
                answer = await self.peers[peer].receive_raw()
            found = re.search(rb'nonce="([0-9a-f]+)"', answer)
            side.nonce = found[1].decode() if found else side.nonce
            answers.append(_RANDOM.sub(b"", answer))
        assert answers[0] == answers[1]
        assert self.sides[0].state() == self.sides[1].state()
        return int(answers[0][8:11])

    async def login(self, peer: int = 0, **habits: Any) -> int:
        status = await self.send(lambda _: self.lines.register(**habits), peer)
        if status != 401:
            return status
        return await self.send(lambda s: self.lines.register(s.nonce, **habits), peer)

    def pass_time(self, seconds: float) -> None:
        for side in self.sides:
            side.world.pass_time(seconds)


@asynccontextmanager
async def pair(tmp_path: Path, **options: Any) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        sides = []
        for name in ("brief", "complete"):
            (tmp_path / name).mkdir()
            opened = await stack.enter_async_context(
                world(tmp_path / name, FakeClock(), auto_query=False, **options)
            )
            desk, tags = Desk(), count()
            desk.devices = opened.service
            settings = EndpointOptions(host="127.0.0.1", port=0, user_agent="s")
            endpoint = Endpoint(settings, desk, ids=lambda tags=tags: f"tag{next(tags)}")  # type: ignore[misc]
            await endpoint.start()
            stack.push_async_callback(endpoint.aclose)
            sides.append(Side(opened, endpoint, brief=name == "brief"))
        first, second = (stack.enter_context(RawPeer()) for _ in range(2))
        yield Pair((sides[0], sides[1]), (first, second))


async def test_the_usual_requests_go_the_brief_way(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        assert await both.login() == 200
        for _ in range(3):
            assert await both.login() == 200
            assert await both.send(lambda _: both.lines.keepalive()) == 200
        # The first of each kind only teaches the reader what is plain.
        taken = both.sides[0].taken
        assert taken == {"REGISTER-401": 3, "REGISTER-200": 3, "MESSAGE-200": 2}
        assert not both.sides[1].taken


def _steps(both: Pair) -> dict[str, Callable[[], Any]]:
    """What a camera, or somebody who plays one, may do next."""
    lines, send, login = both.lines, both.send, both.login

    def other_call_id() -> Any:
        lines.call_id += "x"
        return login()

    def change(**policy: Any) -> Callable[[], Any]:
        async def act() -> None:
            for side in both.sides:
                await side.world.service.update(CAMERA, policy)

        return act

    def on_trial(trial: Trial | None) -> Callable[[], Any]:
        async def act() -> None:
            for side in both.sides:
                device = side.world.service.device(CAMERA)
                assert device is not None
                device.trial = trial

        return act

    return {
        "beat": lambda: send(lambda _: lines.keepalive()),
        "beat from elsewhere": lambda: send(lambda _: lines.keepalive(), 1),
        "beat twice": lambda: send(lambda _: lines.keepalive(), times=2),
        "beat with a date": lambda: send(lambda _: lines.keepalive("OK", "Date: x")),
        "faulty": lambda: send(lambda _: lines.keepalive("ERROR")),
        "odd body": lambda: send(lambda _: lines.request("MESSAGE", body=b"<x")),
        "login": login,
        "login twice over": lambda: send(lambda _: lines.register(), times=2),
        "login elsewhere": lambda: login(1),
        "other Call-ID": other_call_id,
        "other Contact": lambda: login(contact=f"<sip:{CAMERA}@10.9.9.8:5060>"),
        "shorter": lambda: login(expires=90),
        "leave": lambda: login(expires=0),
        "wrong password": lambda: login(password="guess"),
        "other digest uri": lambda: login(digest_uri="sip:x@y"),
        "other uri": lambda: login(uri="sip:64010000002000000002@6401000000"),
        "to another": lambda: login(to=SERVER),
        "used nonce": lambda: send(lambda s: lines.register(s.nonce)),
        "next count": lambda: send(lambda s: lines.register(s.nonce, nc=2)),
        "no nonce": lambda: send(lambda _: lines.register("00" * 24)),
        "agent": lambda: login_with(both, "User-Agent: NX 2"),
        "edition": lambda: login_with(both, "X-GB-Ver: 3.0"),
        "date": lambda: login_with(both, "Date: 2026-11-22T16:00:00.000"),
        "no date wanted": change(date_header=False),
        "date wanted": change(date_header=True),
        "answers to Via": change(reply_port="via"),
        "answers to source": change(reply_port="source"),
        "on trial": on_trial(Trial(grant_s=120)),
        "heartbeats refused": on_trial(Trial(heartbeat=Heartbeats.REFUSED)),
        "no trial": on_trial(None),
        "other password": change(password="another"),
        "old password": change(password=None),
    }


async def login_with(both: Pair, line: str) -> int:
    await both.send(lambda _: both.lines.register("", line))
    return await both.send(lambda s: both.lines.register(s.nonce, line))


@pytest.mark.parametrize("seed", range(8))
async def test_both_ways_agree_whatever_a_camera_does(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with pair(tmp_path) as both:
        steps = _steps(both)
        usual = ("beat", "beat", "login")
        back = ("no trial", "answers to source", "old password")
        assert await both.login() == 200
        for _ in range(60):
            name = chance.choice([*usual * 6, *back * 3, *steps])
            await steps[name]()
            if chance.random() < 0.1:
                both.pass_time(chance.choice([1, 70, 400, 4000]))
        taken = both.sides[0].taken
        assert sum(taken.values()) > 0
