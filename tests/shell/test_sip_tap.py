"""The tap and the round trips of an endpoint: what they hear, and that they cost no message."""

from __future__ import annotations

import pytest

from sip import Flow, Request, Response, TransactionTimeout
from tests.shell.sip_bench import QUICK, Owner, RawPeer, endpoint, message


class Ear:
    """A tap that writes down first lines."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    def incoming(self, message: Request | Response | None, raw: bytes | None, flow: Flow) -> None:
        data = raw if raw is not None else message.to_bytes() if message else b""
        self.heard.append(("in", flow.transport, data.split(b"\r\n")[0].decode()))

    def outgoing(self, data: bytes, flow: Flow) -> None:
        self.heard.append(("out", flow.transport, data.split(b"\r\n")[0].decode()))


class Broken(Ear):
    def incoming(self, message: Request | Response | None, raw: bytes | None, flow: Flow) -> None:
        raise RuntimeError("a defect of the listener")

    def outgoing(self, data: bytes, flow: Flow) -> None:
        raise RuntimeError("a defect of the listener")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_tap_hears_both_directions(transport: str) -> None:
    async with endpoint() as a, endpoint() as b:
        ear = Ear()
        flow = a.udp_flow(*b.bound) if transport == "udp" else await a.open_tcp(*b.bound)
        a.tap = ear
        await a.request(message(a), flow)
        request = "MESSAGE sip:34020000001320000001@127.0.0.1 SIP/2.0"
        assert ear.heard == [
            ("out", transport, request),
            ("in", transport, "SIP/2.0 200 OK"),
        ]
        a.tap = None
        await a.request(message(a), flow)
        assert len(ear.heard) == 2


async def test_what_cannot_be_read_is_heard_as_bytes() -> None:
    owner = Owner()
    async with endpoint(owner) as a:
        a.tap = ear = Ear()
        with RawPeer(a.bound) as peer:
            peer.send(b"HELLO\r\n\r\n")
            await owner.until(lambda: owner.malformed)
        assert ear.heard == [("in", "udp", "HELLO")]


async def test_a_tap_that_fails_is_taken_off_and_no_message_is_lost() -> None:
    async with endpoint() as a, endpoint() as b:
        a.tap, b.tap = Broken(), Broken()
        assert (await a.request(message(a), a.udp_flow(*b.bound))).status == 200
        assert a.tap is None
        assert b.tap is None


async def test_round_trips_are_told_once_and_a_missing_answer_too() -> None:
    told: list[tuple[str, float | None]] = []
    async with endpoint(timers=QUICK) as a, endpoint() as b:
        a.measure(lambda request, flow, seconds: told.append((request.method, seconds)))
        await a.request(message(a), a.udp_flow(*b.bound))
        ((method, seconds),) = told
        assert method == "MESSAGE"
        assert seconds is not None
        assert 0 <= seconds < 2
        with RawPeer() as silent, pytest.raises(TransactionTimeout):
            await a.request(message(a), a.udp_flow(*silent.address))
        assert told[1:] == [("MESSAGE", None)]
