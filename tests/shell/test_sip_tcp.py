"""The endpoint over TCP: framing on a real stream, connections both ways, and their bounds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sip import (
    CloseReason,
    Endpoint,
    ParseError,
    Request,
    Response,
    TcpLimits,
    TransportFailed,
)
from sip.framing import StreamFramer
from tests.shell.sip_bench import WAIT_S, Caller, Owner, answer_to, endpoint, message, raw

pytestmark = pytest.mark.clause("GB/T 28181-2022", "4.3.2")

BOTH_LOOPS = True
VIA = "SIP/2.0/TCP 192.168.1.64:5060;rport;branch=z9hG4bKtcp{}"


def wire(number: int = 1, body: bytes = b"", method: str = "MESSAGE", extra: str = "") -> bytes:
    return raw(method, number, body=body, via=VIA.format(number), extra=extra)


class StreamPeer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._framer = StreamFramer()
        self._ready: list[Request | Response | ParseError] = []

    @property
    def address(self) -> tuple[str, int]:
        name: tuple[str, int] = self.writer.get_extra_info("sockname")
        return name

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> Request | Response:
        async with asyncio.timeout(WAIT_S):
            while not self._ready:
                data = await self._reader.read(65_536)
                assert data, "closed"
                self._ready = self._framer.feed(data)
        item = self._ready.pop(0)
        assert not isinstance(item, ParseError)
        return item

    async def closed(self) -> bool:
        """Wait for the end; True when nothing came before it."""
        async with asyncio.timeout(WAIT_S):
            try:
                return not await self._reader.read(65_536)
            except ConnectionResetError:
                return True

    async def aclose(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


@asynccontextmanager
async def peer_of(to: Endpoint) -> AsyncIterator[StreamPeer]:
    peer = StreamPeer(*await asyncio.open_connection("127.0.0.1", to.bound[1]))
    try:
        yield peer
    finally:
        await peer.aclose()


async def test_udp_and_tcp_share_the_port() -> None:
    async with endpoint() as a, endpoint() as b:
        over_udp = await a.request(message(a), a.udp_flow("127.0.0.1", b.bound[1]))
        flow = await a.open_tcp("127.0.0.1", b.bound[1])
        over_tcp = await a.request(message(a), flow)
        assert (over_udp.status, over_tcp.status) == (200, 200)
        assert str(over_tcp.via).startswith(f"SIP/2.0/TCP 127.0.0.1:{a.bound[1]};")


async def test_messages_split_anywhere() -> None:
    owner = Owner()
    body = "学校".encode("gb18030") * 100
    async with endpoint(owner) as b, peer_of(b) as peer:
        sock = peer.writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = wire(body=body)
        for at in range(0, len(data), 7):
            peer.send(data[at : at + 7])
            await peer.writer.drain()
        assert isinstance(await peer.receive(), Response)
        assert owner.requests[0].request.body == body


async def test_messages_glued_with_line_ends_between() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(b"\r\n\r\n" + b"\r\n".join(wire(n, body=b"x" * n) for n in range(1, 51)))
        numbers = [(await peer.receive()).cseq.number for _ in range(50)]
        assert numbers == list(range(1, 51))
        assert [len(tx.request.body) for tx in owner.requests] == numbers


async def test_one_connection_carries_requests_of_both_sides() -> None:
    """A camera behind NAT: our INVITE goes through the connection it opened."""
    owner, caller = Owner(), Caller()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(wire(method="REGISTER"))
        await peer.receive()
        flow = owner.requests[0].flow
        assert flow == b.find_tcp(*peer.address)
        b.invite(message(b, "INVITE"), flow, caller)
        invite = await peer.receive()
        assert isinstance(invite, Request)
        peer.send(answer_to(invite, 486))
        assert (await caller.next()).status == 486
        ack = await peer.receive()
        assert str(ack.cseq) == "1 ACK"
        assert b.connections == 1


async def test_both_loops_reuse_an_open_connection() -> None:
    async with endpoint() as a, endpoint() as b:
        first = await a.open_tcp("127.0.0.1", b.bound[1])
        assert await a.open_tcp("127.0.0.1", b.bound[1]) == first
        assert b.connections == 1


async def test_a_lost_connection_fails_its_requests_and_a_new_one_serves() -> None:
    owner = Owner()
    async with endpoint(owner) as b:
        async with peer_of(b) as peer:
            peer.send(wire())
            await peer.receive()
            flow = owner.requests[0].flow
            waiting = asyncio.create_task(b.request(message(b), flow))
            await peer.receive()
        with pytest.raises(TransportFailed, match="peer_closed"):
            await waiting
        assert owner.closed == [(flow, CloseReason.PEER)]
        assert not b.is_open(flow)
        with pytest.raises(TransportFailed):
            await b.request(message(b), flow)
        async with peer_of(b) as peer:
            peer.send(wire(2))
            await peer.receive()
            again = owner.requests[1].flow
            assert again.connection != flow.connection


async def test_nobody_listens() -> None:
    async with endpoint(tcp=False) as b, endpoint() as a:
        with pytest.raises(TransportFailed):
            await a.open_tcp("127.0.0.1", b.bound[1])


async def test_garbage_is_reported_and_the_connection_closed() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await owner.until(lambda: owner.malformed)
        peer.send(b"\xff" * 200_000)
        assert await peer.closed()
        await owner.until(lambda: owner.closed)
        assert owner.closed[0][1] == CloseReason.GARBAGE
        assert owner.requests == []


async def test_headers_of_70_kb_end_the_connection_and_not_the_others() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as bad, peer_of(b) as good:
        bad.send(wire(extra=f"Subject: {'x' * 70_000}\r\n"))
        await owner.until(lambda: owner.closed)
        assert owner.closed[0][1] == CloseReason.GARBAGE
        assert len(owner.malformed) == 1
        good.send(wire(2))
        assert (await good.receive()).cseq.number == 2


async def test_the_same_headers_in_parts() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        data = wire(extra="".join(f"X-{n}: {'y' * 90}\r\n" for n in range(700)))
        assert len(data) > 65_000
        for at in range(0, len(data), 1_400):
            peer.send(data[at : at + 1_400])
        await owner.until(lambda: owner.closed)
        assert owner.requests == []


async def test_a_large_body_in_one_message_is_fine() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(wire(body=bytes(1_000_000)))
        assert (await peer.receive()).cseq.number == 1
        assert len(owner.requests[0].request.body) == 1_000_000


async def test_connections_are_bounded() -> None:
    owner = Owner()
    limits = TcpLimits(connections=2)
    async with (
        endpoint(owner, tcp_limits=limits) as b,
        peer_of(b) as first,
        peer_of(b) as second,
    ):
        for peer in (first, second):
            peer.send(wire(peer.address[1]))
            await peer.receive()
        async with peer_of(b) as third:
            assert await third.closed()
        assert b.connections == 2
        first.send(wire(3))
        await first.receive()


async def test_those_of_one_address_are_bounded_until_they_register() -> None:
    owner = Owner()
    async with endpoint(owner, tcp_limits=TcpLimits(per_address=1)) as b, peer_of(b) as first:
        first.send(wire(1))
        await first.receive()
        async with peer_of(b) as refused:
            assert await refused.closed()
        b.hold(owner.requests[0].flow)
        async with peer_of(b) as second:
            second.send(wire(2))
            await second.receive()
            b.release(owner.requests[0].flow)
            async with peer_of(b) as refused:
                assert await refused.closed()
    assert b._transport._tcp.refused == 2


async def test_a_silent_stranger_is_closed_and_a_registered_one_is_not() -> None:
    now = [0.0]
    owner = Owner()
    async with endpoint(owner) as b:
        b._transport._tcp.now = lambda: now[0]
        async with peer_of(b) as held, peer_of(b) as stranger, peer_of(b) as dripping:
            for n, peer in enumerate((held, stranger, dripping)):
                peer.send(wire(n))
                await peer.receive()
            b.hold(owner.requests[0].flow)
            now[0] = 59.0
            b._transport.sweep(now[0])
            dripping.send(b"\r\nMESSAGE")  # half a message is no sign of life
            await dripping.writer.drain()
            now[0] = 60.0
            b._transport.sweep(now[0])
            assert await stranger.closed()
            assert await dripping.closed()
            await owner.until(lambda: len(owner.closed) == 2)
            assert {reason for _, reason in owner.closed} == {CloseReason.IDLE}
            held.send(wire(9))
            await held.receive()


async def test_a_peer_that_does_not_read_is_cut_off() -> None:
    owner = Owner()
    owner.answer = lambda tx: tx.respond(200, body=bytes(500_000))
    limits = TcpLimits(write_bytes=1_000_000)
    async with endpoint(owner, tcp_limits=limits) as b, endpoint() as a:
        reader, writer = await asyncio.open_connection("127.0.0.1", b.bound[1], limit=1)
        try:
            for n in range(200):
                writer.write(wire(n))
                await asyncio.sleep(0)
                if owner.closed:
                    break
            await owner.until(lambda: owner.closed)
            assert owner.closed[0][1] == CloseReason.SLOW
            assert b.counters.server.unsent >= 1
        finally:
            writer.transport.abort()
        response = await a.request(message(a), a.udp_flow("127.0.0.1", b.bound[1]))
        assert response.status == 500  # too large for UDP, and the loop goes on
        del reader


async def test_closing_a_flow_sends_what_was_written() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(wire())
        await owner.until(lambda: owner.requests)
        b.close_flow(owner.requests[0].flow)
        assert isinstance(await peer.receive(), Response)
        assert await peer.closed()
        await owner.until(lambda: owner.closed)
        assert owner.closed[0][1] == CloseReason.CLOSED


async def test_shutdown_closes_connections() -> None:
    owner = Owner()
    async with endpoint(owner) as b, peer_of(b) as peer:
        peer.send(wire())
        await peer.receive()
        await b.aclose()
        assert await peer.closed()
        assert owner.closed == []  # the owner itself closes
