"""Bad input at the endpoint: the status it gets or the silence, and a control without the fault."""

from __future__ import annotations

import random

import pytest

from sip import ParseError, parse_datagram
from tests.shell.sip_bench import Owner, RawPeer, answer_to, endpoint, raw

BOTH_LOOPS = True
GOOD = raw()

#: name, datagram, status expected or None for silence
CASES: list[tuple[str, bytes, int | None]] = [
    ("nothing wrong", GOOD, 200),
    ("no CSeq", GOOD.replace(b"CSeq: 1 MESSAGE\r\n", b""), 400),
    ("CSeq of another method", GOOD.replace(b"1 MESSAGE", b"1 BYE"), 400),
    ("CSeq no number", GOOD.replace(b"CSeq: 1 ", b"CSeq: x "), 400),
    ("SIP/3.0", GOOD.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
    ("scheme nobody knows", GOOD.replace(b"MESSAGE sip:", b"MESSAGE nobody:"), 416),
    ("From without a URI", GOOD.replace(b"From: <sip:", b"From: <"), 400),
    ("no Via: nowhere to answer to", GOOD.replace(b"Via: ", b"Xia: "), None),
    ("a Via nobody can read", GOOD.replace(b"Via: SIP/2.0/UDP", b"Via: HTTP"), 400),
    ("nor stamp", GOOD.replace(b"Via: SIP/2.0/UDP", b"Via: HTTP").replace(b"rport;", b""), None),
    ("ACK is never answered", raw("ACK").replace(b"CSeq: 1", b"CSeq: x"), None),
    ("stray ACK", raw("ACK"), None),
    ("a response is never answered", b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", None),
    ("garbage", b"\x00\xff" * 50, None),
    ("half a line", b"MESSAGE sip:x SIP/2.0", None),
    ("nothing but a start line", b"MESSAGE sip:x SIP/2.0\r\n\r\n", None),
    ("RTP", bytes.fromhex("8060000100000001000000010000"), None),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    ("extension required", raw(extra="Require: 100rel\r\n"), 420),
]


@pytest.mark.parametrize(
    ("data", "status"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
async def test_status_or_silence(
    data: bytes, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Owner()
    async with endpoint(owner) as b:
        with RawPeer(b.bound) as peer:
            peer.send(data)
            if status is not None:
                answer = await peer.receive_raw()
                assert answer.startswith(b"SIP/2.0 %d " % status)
            control = raw(number=99)
            peer.send(control)
            good = await peer.receive()
            assert (good.cseq.number, good.headers.get("Call-ID")) == (99, "call-99")
            assert peer.nothing_came()
    assert caplog.records == []  # never a traceback


async def test_the_owner_decides_whether_malformed_input_is_answered() -> None:
    owner = Owner()
    owner.may_refuse = False
    async with endpoint(owner) as b:
        with RawPeer(b.bound) as peer:
            peer.send(GOOD.replace(b"CSeq: 1 MESSAGE\r\n", b""))
            peer.send(raw(number=99))
            assert (await peer.receive()).cseq.number == 99
            assert peer.nothing_came()
        assert [type(e) for e in owner.malformed] == [ParseError]
        assert b.counters.malformed_answered == 0


async def test_a_refused_request_is_answered_to_its_source() -> None:
    async with endpoint() as b:
        with RawPeer(b.bound) as peer:
            peer.send(GOOD.replace(b"CSeq: 1 MESSAGE\r\n", b""))
            answer = await peer.receive_raw()
            assert f";received=127.0.0.1;rport={peer.address[1]};".encode() in answer


async def test_stray_responses_reach_the_owner() -> None:
    owner = Owner()
    async with endpoint(owner) as b, endpoint() as other:
        with RawPeer(b.bound) as peer:
            invite = parse_datagram(raw("INVITE"))
            peer.send(answer_to(invite, 200))  # type: ignore[arg-type]
            await owner.until(lambda: owner.stray)
            assert owner.stray[0].status == 200
            assert peer.nothing_came()
        assert other.counters.messages_in == 0


async def test_ten_thousand_random_datagrams(caplog: pytest.LogCaptureFixture) -> None:
    seeded = random.Random(28181)
    owner = Owner()
    async with endpoint(owner) as b:
        with RawPeer(b.bound) as peer:
            for n in range(10_000):
                data = bytearray(GOOD)
                for _ in range(seeded.randrange(1, 20)):
                    data[seeded.randrange(len(data))] = seeded.randrange(256)
                cut = seeded.randrange(len(data)) if n % 3 == 0 else len(data)
                b._on_datagram(bytes(data[:cut]), b.udp_flow(*peer.address))
                while not peer.nothing_came():
                    assert peer.socket.recv(65_535).startswith(b"SIP/2.0 ")
            peer.send(raw("OPTIONS", 99))
            assert b"CSeq: 99 OPTIONS" in await peer.receive_raw()
    assert caplog.records == []
    assert len(owner.malformed) > 1_000
