"""What is particular to the in-process node: its ports, its timer, its listeners."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator

import pytest

from media import sockets
from media.errors import PortsExhausted
from media.inprocess import InProcessNode
from media.node import MediaSilent, NodeEvent, ReceiverFailed, ReceiverSpec, SilenceReason
from media.options import NodeOptions

HOST = "127.0.0.1"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def node(clock: Clock) -> AsyncIterator[InProcessNode]:
    options = NodeOptions(
        bind_host=HOST, announce_host="198.51.100.7", first_port=35000, last_port=35999
    )
    node = InProcessNode(options, clock=clock)
    yield node
    await node.aclose()


async def test_the_announced_host_is_not_the_bound_one(node: InProcessNode) -> None:
    info = await node.open_receiver(ReceiverSpec("s", "udp"))
    assert info.host == "198.51.100.7"
    assert (info.receiver_id, info.port) == ("local-1", 35000)
    assert repr(node).startswith("<InProcessNode local streams=1 receivers=1 <PortPool 35000-")


@pytest.mark.parametrize("mode", ["udp", "tcp-passive"])
async def test_a_port_rests_and_nothing_listens_on_it(
    node: InProcessNode, clock: Clock, mode: str
) -> None:
    kind = socket.SOCK_DGRAM if mode == "udp" else socket.SOCK_STREAM
    info = await node.open_receiver(ReceiverSpec("s", mode))  # type: ignore[arg-type]
    assert node.ports.leased == {info.port}
    await node.close_receiver(info.receiver_id)
    assert node.ports.leased == frozenset()
    everything = node.options.last_port - node.options.first_port + 1
    assert node.ports.free_count(clock.now + 29.9) == everything - 1
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, info.port))
    assert node.ports.free_count(clock.now + 30.0) == everything


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_without_descriptors_no_port_is_blamed(
    node: InProcessNode, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(host: str, port: int) -> socket.socket:
        raise OSError(number, "too many open files")

    monkeypatch.setattr(sockets, "open_udp_socket", refuse)
    with pytest.raises(PortsExhausted, match="no socket"):
        await node.open_receiver(ReceiverSpec("s", "udp"))
    assert node.ports.refused == 0
    assert node.ports.leased == frozenset()
    assert node.streams() == []


async def test_a_failing_listener_harms_neither_the_others_nor_the_stream(
    node: InProcessNode, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[NodeEvent] = []

    def broken(event: NodeEvent) -> None:
        raise RuntimeError("a defect")

    node.listen(broken)
    node.listen(heard.append)
    await node.open_receiver(ReceiverSpec("s", "udp"))
    clock.now += 10.0
    node.tick(clock.now)
    assert [type(e) for e in heard] == [MediaSilent]
    assert "a listener of local failed" in caplog.text


async def test_silence_on_a_fake_clock(node: InProcessNode, clock: Clock) -> None:
    heard: list[NodeEvent] = []
    node.listen(heard.append)
    info = await node.open_receiver(ReceiverSpec("s", "udp"))
    for now in (101.0, 109.9):
        node.tick(now)
    assert heard == []
    for now in (110.0, 111.0, 200.0):
        node.tick(now)
    assert heard == [MediaSilent("s", info.receiver_id, 10.0, SilenceReason.NEVER)]


async def test_a_dead_socket_is_told_and_the_receiver_can_be_closed(node: InProcessNode) -> None:
    heard: list[NodeEvent] = []
    node.listen(heard.append)
    info = await node.open_receiver(ReceiverSpec("s", "udp"))
    receiver = node._streams["s"].receiver
    assert receiver is not None
    receiver.shell._fail(OSError(errno.EBADF, "bad"))  # type: ignore[union-attr]
    assert heard == [ReceiverFailed("s", info.receiver_id, "[Errno 9] bad")]
    await node.close_receiver(info.receiver_id)
    assert node.ports.leased == frozenset()


async def test_start_and_close_more_than_once(node: InProcessNode) -> None:
    await node.start()
    timer = node._timer
    await node.start()
    assert node._timer is timer
    await node.aclose()
    await node.aclose()
    assert node._timer is None
