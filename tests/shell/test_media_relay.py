"""A relay and who calls it: strangers are hung up on, a lost platform leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.node import ReceiverFailed, ReceiverSpec, RecordingImpossible
from media.options import NodeOptions
from media.worker.messages import WorkerDown
from media.worker.relay import WAITING, Relay, RelayOptions
from media.worker.remote import RelayAddress, RelayNode
from media.worker.secret import HELLO, NONCE, PROOF
from tests.contract.media_bench import Events
from tests.support.ports import free_range

HOST = "127.0.0.1"
SECRET = b"s" * 32


class Told:
    """What a relay tells of its callers."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    def __call__(self, what: str, _host: str, reason: str) -> None:
        self.all.append((what, reason))
        self._more.set()

    async def wait(self, what: str, count: int = 1) -> str:
        async with asyncio.timeout(20):
            while sum(one == what for one, _ in self.all) < count:
                self._more.clear()
                await self._more.wait()
        return [reason for one, reason in self.all if one == what][count - 1]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def relay(told: Told) -> AsyncIterator[Relay]:
    first = free_range(20)
    made = Relay(RelayOptions(HOST, 0, SECRET, HOST, HOST, first, first + 19, HOST, 0, 0), told)
    await made.start()
    yield made
    await made.aclose()


def node_of(relay: Relay, secret: bytes = SECRET) -> RelayNode:
    return RelayNode(NodeOptions("far"), RelayAddress(HOST, relay.port, secret))


async def test_streams_come_and_go_with_the_platform(relay: Relay, told: Told) -> None:
    node, events = node_of(relay), Events()
    node.listen(events)
    await node.start()
    await told.wait("up")
    info = await node.open_receiver(ReceiverSpec("a", "udp"))
    assert info.host == HOST
    with pytest.raises(RecordingImpossible):
        await node.record("a", "/nowhere")
    await node.aclose()
    await told.wait("lost")
    again = node_of(relay)
    await again.start()
    await told.wait("up", 2)
    assert again.is_up
    assert (await again.open_receiver(ReceiverSpec("a", "udp"))).receiver_id
    await again.aclose()


async def test_a_platform_that_comes_anew_takes_over(relay: Relay, told: Told) -> None:
    """The old connection may be dead without anybody having noticed."""
    old, events = node_of(relay), Events()
    old.listen(events)
    await old.start()
    await old.open_receiver(ReceiverSpec("a", "udp"))
    new = node_of(relay)
    await new.start()
    assert (await events.wait(ReceiverFailed)).stream_id == "a"
    await new.open_receiver(ReceiverSpec("a", "udp"))
    await old.aclose()
    await new.aclose()


async def test_a_relay_that_is_away_is_down_and_comes_back(told: Told) -> None:
    first = free_range(20)
    options = RelayOptions(HOST, 0, SECRET, HOST, HOST, first, first + 19, HOST, 0, 0)
    relay = Relay(options, told)
    await relay.start()
    port = relay.port
    node, events = node_of(relay), Events()
    node.listen(events)
    await node.start()
    await node.open_receiver(ReceiverSpec("a", "udp"))
    await relay.aclose()
    assert (await events.wait(ReceiverFailed)).stream_id == "a"
    assert not node.is_up
    with pytest.raises(WorkerDown):
        await node.refresh()
    back = Relay(RelayOptions(HOST, port, SECRET, HOST, HOST, first, first + 19, HOST, 0, 0), told)
    await back.start()
    assert (await node.open_receiver(ReceiverSpec("a", "udp"))).stream_id == "a"
    await node.aclose()
    await back.aclose()


async def test_who_does_not_know_the_secret(relay: Relay, told: Told) -> None:
    node = node_of(relay, b"t" * 32)
    await node.start()
    assert not node.is_up
    assert "secret" in await told.wait("refused")
    await node.aclose()


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n" + bytes(100), bytes(NONCE + PROOF)]
)
async def test_strangers_are_hung_up_on(relay: Relay, told: Told, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(HOST, relay.port)
    assert (await reader.readexactly(len(HELLO) + NONCE)).startswith(HELLO)
    writer.write(said)
    if not said:
        writer.close()
    await told.wait("refused")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    writer.close()
    node = node_of(relay)
    await node.start()
    assert node.is_up
    await node.aclose()


async def test_silent_callers_are_bounded(relay: Relay, told: Told) -> None:
    callers = [await asyncio.open_connection(HOST, relay.port) for _ in range(WAITING + 1)]
    assert "too many" in await told.wait("refused")
    for _, writer in callers:
        writer.close()
    await told.wait("refused", WAITING + 1)
