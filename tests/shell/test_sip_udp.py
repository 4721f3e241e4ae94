"""The endpoint over UDP, with real sockets on loopback, under both loops."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from sip import (
    Dialog,
    Endpoint,
    EndpointOptions,
    Flow,
    Request,
    Response,
    TransactionTimeout,
    TransportFailed,
)
from sip.transport_udp import PAUSE_S, UdpTransport
from tests.shell.sip_bench import (
    QUICK,
    WAIT_S,
    Caller,
    Owner,
    RawPeer,
    answer_to,
    endpoint,
    message,
    raw,
    readable,
)

pytestmark = pytest.mark.clause("GB/T 28181-2022", "4.3.2")

BOTH_LOOPS = True


def flow_to(a: Endpoint, b: Endpoint) -> Flow:
    return a.udp_flow("127.0.0.1", b.bound[1])


async def test_a_request_and_its_answer() -> None:
    owner = Owner()
    owner.answer = lambda tx: tx.respond(
        200, headers=[("X-GB-Ver", "3.0")], body="学校".encode("gb18030"), content_type="text/xml"
    )
    async with endpoint() as a, endpoint(owner) as b:
        response = await a.request(message(a, body=b"<Query/>"), flow_to(a, b))
        assert (response.status, response.body) == (200, "学校".encode("gb18030"))
        assert response.headers.get("X-GB-Ver") == "3.0"
        assert response.via.rport == str(a.bound[1])
        tx = owner.requests[0]
        assert tx.request.body == b"<Query/>"
        assert tx.flow.remote == a.bound
        assert response.to.tag == tx.to_tag


async def test_the_answer_goes_to_the_source_and_not_to_the_via() -> None:
    async with endpoint() as b:
        with RawPeer(b.bound) as peer:
            peer.send(raw(via="SIP/2.0/UDP 203.0.113.1:9;branch=z9hG4bKx"))
            answer = await peer.receive()
            assert answer.via.params["received"] == "127.0.0.1"
            assert answer.via.rport is None


async def test_on_a_wildcard_socket_the_answer_leaves_from_the_address_asked() -> None:
    """A virtual address: a peer behind NAT drops answers from any other."""
    owner = Owner()
    async with endpoint(owner, host="0.0.0.0") as b:
        with RawPeer() as peer:
            for host in ("127.0.0.1", "127.0.0.77"):
                peer.send(raw(number=len(owner.requests) + 1), (host, b.bound[1]))
                _, source = await peer.receive_from()
                assert source == (host, b.bound[1])
                flow = owner.requests[-1].flow
                assert flow.local == (host, b.bound[1])
                assert b.contact_address(flow) == (host, b.bound[1])


async def test_what_is_announced() -> None:
    async with endpoint(host="0.0.0.0") as a:
        assert a.contact_address(a.udp_flow("127.0.0.1", 5060)) == ("127.0.0.1", a.bound[1])
    async with endpoint(announce_host="sip.example.org", announce_port=15060) as a:
        assert a.contact_address(a.udp_flow("127.0.0.1", 1)) == ("sip.example.org", 15060)
        with RawPeer() as peer:
            a.send_request(message(a), a.udp_flow(*peer.address), lambda _: None)
            sent = await peer.receive()
            assert str(sent.via).startswith("SIP/2.0/UDP sip.example.org:15060;rport;branch=z9hG4")


async def test_line_ends_are_accepted_and_never_answered() -> None:
    owner = Owner()
    async with endpoint(owner) as b:
        with RawPeer(b.bound) as peer:
            for data in (b"\r\n\r\n", b"\n", b"\0\0", b"\r\n" + raw()):
                peer.send(data)
            assert isinstance(await peer.receive(), Response)
            assert peer.nothing_came()
        assert (len(owner.requests), owner.malformed, b.counters.keepalives) == (1, [], 3)


async def test_a_lossy_peer_hears_the_request_again() -> None:
    async with endpoint(timers=QUICK) as a:
        with RawPeer() as peer:
            task = asyncio.create_task(a.request(message(a), a.udp_flow(*peer.address)))
            first = await peer.receive()
            second = await peer.receive()
            third = await peer.receive()
            assert first.to_bytes() == second.to_bytes() == third.to_bytes()
            assert isinstance(third, Request)
            peer.send(answer_to(third, 200), a.bound)
            assert (await task).status == 200


async def test_a_peer_that_says_nothing() -> None:
    async with endpoint(timers=QUICK) as a:
        with RawPeer() as peer:
            with pytest.raises(TransactionTimeout):
                await a.request(message(a), a.udp_flow(*peer.address))
            assert a.open_transactions == (0, 0)


async def test_a_repeated_request_gets_one_answer_again() -> None:
    owner = Owner()
    async with endpoint(owner) as b:
        with RawPeer(b.bound) as peer:
            answers = set()
            for _ in range(4):
                peer.send(raw())
                answers.add((await peer.receive()).to_bytes())
            assert len(answers) == 1
        assert len(owner.requests) == 1
        assert b.counters.server.retransmissions == 3


async def test_a_call_from_invite_to_bye() -> None:
    owner, caller = Owner(), Caller()
    contact = [("Contact", "<sip:dev@127.0.0.1:5060>")]
    owner.answer = lambda tx: tx.respond(200, headers=contact)
    async with endpoint() as a, endpoint(owner) as b:
        flow = flow_to(a, b)
        invite = message(a, "INVITE", b"v=0\r\n")
        client = a.invite(invite, flow, caller)
        ok = await caller.next()
        dialog = Dialog.of_client(client.request, ok)
        assert dialog.target == "sip:dev@127.0.0.1:5060"
        a.send_ack(dialog.ack(), flow)
        await owner.until(lambda: owner.acks)
        theirs = Dialog.of_server(owner.requests[0].request, owner.requests[0].to_tag, "")
        assert theirs.check(owner.acks[0]) is None
        bye = await a.request(dialog.request("BYE"), flow)
        assert bye.status == 200
        assert theirs.check(owner.requests[1].request) is None


async def test_a_2xx_is_repeated_until_its_ack_comes() -> None:
    owner, caller = Owner(), Caller()
    async with endpoint(timers=QUICK) as a, endpoint(owner, timers=QUICK) as b:
        flow = flow_to(a, b)
        client = a.invite(message(a, "INVITE"), flow, caller)
        statuses = [(await caller.next()).status for _ in range(3)]
        assert statuses == [200, 200, 200]
        ok = Response(200, "OK", owner.requests[0].request.headers.copy())
        a.send_ack(Dialog.of_client(client.request, ok).ack(), flow)
        await owner.until(lambda: owner.acks)
        assert len(owner.requests) == 1


async def test_cancel_waits_for_the_first_provisional() -> None:
    caller = Caller()
    async with endpoint() as a:
        with RawPeer() as peer:
            client = a.invite(message(a, "INVITE"), a.udp_flow(*peer.address), caller)
            invite = await peer.receive()
            assert isinstance(invite, Request)
            client.cancel()
            assert peer.nothing_came()
            peer.send(answer_to(invite, 100), a.bound)
            cancel = await peer.receive()
            assert isinstance(cancel, Request)
            assert (cancel.method, cancel.via.branch) == ("CANCEL", invite.via.branch)
            peer.send(answer_to(cancel, 200), a.bound)
            peer.send(answer_to(invite, 487), a.bound)
            ack = await peer.receive()
            assert str(ack.cseq) == f"{invite.cseq.number} ACK"
            assert [(await caller.next()).status for _ in range(2)] == [100, 487]


async def test_cancel_ends_an_invite_at_the_other_side() -> None:
    owner, caller = Owner(), Caller()
    owner.answer = lambda tx: tx.respond(180)
    async with endpoint() as a, endpoint(owner) as b:
        client = a.invite(message(a, "INVITE"), flow_to(a, b), caller)
        assert (await caller.next()).status == 180
        client.cancel()
        assert (await caller.next()).status == 487
        assert owner.cancelled == owner.requests


async def test_a_failing_owner_does_not_stop_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    owner = Owner()
    owner.answer = lambda tx: 1 / 0  # type: ignore[assignment, return-value]
    async with endpoint() as a, endpoint(owner) as b:
        assert (await a.request(message(a), flow_to(a, b))).status == 500
        owner.answer = lambda tx: tx.respond(405, headers=[("Allow", "MESSAGE")])
        assert (await a.request(message(a, "PUBLISH"), flow_to(a, b))).status == 405
    assert "ZeroDivisionError" in caplog.text


async def test_what_does_not_fit_into_a_datagram_fails_at_once() -> None:
    owner = Owner()
    owner.answer = lambda tx: tx.respond(200, body=bytes(66_000))
    async with endpoint() as a, endpoint(owner) as b:
        with pytest.raises(TransportFailed):
            await a.request(message(a, body=bytes(65_000)), flow_to(a, b))
        assert (await a.request(message(a, body=bytes(60_000)), flow_to(a, b))).status == 500
        assert len(owner.requests[0].request.body) == 60_000


async def test_closing_fails_what_is_under_way() -> None:
    with RawPeer() as peer:
        async with endpoint() as a:
            task = asyncio.create_task(a.request(message(a), a.udp_flow(*peer.address)))
            await peer.receive()
            await a.aclose()
            await a.aclose()
            with pytest.raises(TransportFailed):
                await task


async def test_a_flood_keeps_memory_bounded_and_the_rest_alive() -> None:
    owner = Owner()
    async with endpoint() as a, endpoint(owner, max_answers=100) as b:
        with RawPeer(b.bound) as peer:
            for n in range(2_000):
                peer.send(raw(number=n))
                if n % 50 == 49:
                    await owner.until(lambda n=n: len(owner.requests) == n + 1)
        assert (await a.request(message(a), flow_to(a, b))).status == 200
        assert "answers=100>" in repr(b)


async def test_the_receive_buffer_is_asked_for_and_read_back() -> None:
    async with endpoint(receive_buffer=64 * 1024) as a:
        assert a.receive_buffer == 64 * 1024


async def test_what_the_kernel_drops_is_counted() -> None:
    owner = Owner()
    async with endpoint(owner, receive_buffer=4_096) as b:
        with RawPeer(b.bound) as peer:
            for n in range(200):  # the loop does not run meanwhile
                peer.send(raw(number=n, body=bytes(1_000)))
            await owner.until(lambda: owner.requests)
            # The kernel reports the drops with the next datagram that it can store.
            peer.send(raw(number=1_000))
            await owner.until(lambda: owner.requests[-1].request.cseq.number == 1_000)
        b._transport.refresh_counters()
        assert b.counters.kernel_drops == 201 - len(owner.requests)


async def test_a_full_socket_delays_and_does_not_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as a:
        udp = a._transport._udp
        assert udp is not None
        with RawPeer() as peer:
            blocked = [True]

            class Blocking:
                def __init__(self, real: socket.socket) -> None:
                    self._real = real

                def __getattr__(self, name: str) -> object:
                    return getattr(self._real, name)

                def sendto(self, data: bytes, to: tuple[str, int]) -> int:
                    if blocked[0]:
                        raise BlockingIOError
                    return self._real.sendto(data, to)

            monkeypatch.setattr(udp, "_socket", Blocking(udp._socket))  # type: ignore[arg-type]
            for n in range(3):
                udp.send(b"%d" % n, a.udp_flow(*peer.address))
            assert peer.nothing_came()
            blocked[0] = False
            for expected in (b"0", b"1", b"2"):
                await readable(peer.socket)
                assert peer.socket.recv(10) == expected


async def test_a_name_is_resolved_and_a_wrong_one_fails() -> None:
    async with endpoint() as a:
        assert (await a.open_udp("localhost", 5061)).remote == ("127.0.0.1", 5061)
        with pytest.raises(TransportFailed):
            await a.open_udp("no-such-host.invalid", 5060)


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
async def test_over_ipv6() -> None:
    async with endpoint(host="::1") as a, endpoint(host="::1") as b:
        response = await a.request(message(a), a.udp_flow("::1", b.bound[1]))
        assert (response.status, response.via.host) == (200, "[::1]")
        flow = await a.open_tcp("::1", b.bound[1])
        assert (await a.request(message(a), flow)).status == 200


async def test_a_port_in_use_is_said_plainly() -> None:
    async with endpoint() as a:
        second = Endpoint(EndpointOptions(host="127.0.0.1", port=a.bound[1]), Owner())
        with pytest.raises(TransportFailed, match="cannot listen on udp"):
            await second.start()
        await second.aclose()


async def test_a_crowd_is_looked_at_by_timer_and_a_message_on_its_own_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, looks, look = 1000.0, 0, UdpTransport._look

    def counted(transport: UdpTransport) -> None:
        nonlocal looks
        looks += 1
        look(transport)

    monkeypatch.setattr("sip.transport_udp.monotonic", lambda: now)
    monkeypatch.setattr(UdpTransport, "_look", counted)
    async with endpoint() as a:
        udp = a._transport._udp
        assert udp is not None
        with RawPeer(a.bound) as peer:
            for number in range(100):
                peer.send(raw(number=number))
            branches = {(await peer.receive()).via.branch for _ in range(100)}
            assert branches == {f"z9hG4bKraw{number}" for number in range(100)}
            async with asyncio.timeout(WAIT_S):
                while udp._timer is not None:
                    await asyncio.sleep(PAUSE_S)
            assert looks > 0
            now, looks = now + 2 * PAUSE_S, 0
            peer.send(raw(number=1000))
            assert (await peer.receive()).via.branch == "z9hG4bKraw1000"
            assert looks == 0
            assert udp._timer is None
