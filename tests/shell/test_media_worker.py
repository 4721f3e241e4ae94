"""What only a media node with a process of its own can do wrong: dying, and being left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from media.errors import MediaError, StreamUnknown
from media.node import ReceiverFailed, ReceiverSpec, RecordingFailed, ViewersChanged
from media.options import NodeOptions
from media.worker.messages import WorkerDown
from media.worker.node import WorkerNode
from tests.contract.media_bench import Events
from tests.support.ports import free_range

HOST = "127.0.0.1"


@pytest.fixture
async def node() -> AsyncIterator[WorkerNode]:
    first = free_range(20)
    node = WorkerNode(NodeOptions("w1", HOST, first_port=first, last_port=first + 19))
    await node.start()
    yield node
    await node.aclose()


async def comes_up_again(node: WorkerNode) -> None:
    async with asyncio.timeout(20):
        while node.starts < 2:
            await asyncio.sleep(0.01)


def exists(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_a_worker_that_dies_is_told_and_replaced(node: WorkerNode, tmp_path: object) -> None:
    """Everything in it is told as failed, viewers end, and the next worker takes the stream."""
    events = Events()
    node.listen(events)
    info = await node.open_receiver(ReceiverSpec("a", "udp"))
    await node.record("a", f"{tmp_path}/a.spool")
    viewer = node.open_viewer("a", "flv")
    await events.wait(ViewersChanged)
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)
    assert [chunk async for chunk in viewer] == []
    assert viewer.end_reason == "worker_died"
    failed = await events.wait(ReceiverFailed)
    assert (failed.stream_id, failed.receiver_id) == ("a", info.receiver_id)
    assert events.of(RecordingFailed)[0].stream_id == "a"
    assert [event.count for event in events.of(ViewersChanged)] == [1, 0]
    assert (node.receivers(), node.streams(), node.statistics("a")) == ([], [], None)
    with pytest.raises(StreamUnknown):
        node.open_viewer("a", "flv")
    with pytest.raises(WorkerDown):
        await node.refresh()
    await node.close_receiver(info.receiver_id)
    again = await node.open_receiver(ReceiverSpec("a", "udp"))
    assert node.starts == 2
    assert [one.receiver_id for one in node.receivers()] == [again.receiver_id]
    await node.refresh()
    assert node.statistics("a") is not None


async def test_a_call_under_way_ends_with_the_worker(node: WorkerNode) -> None:
    info = await node.open_receiver(ReceiverSpec("a", "tcp-active"))
    connecting = asyncio.create_task(node.connect(info.receiver_id, "192.0.2.1", 9))
    await node.refresh()
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)
    with pytest.raises(MediaError):
        await connecting
    await comes_up_again(node)


async def test_closing_leaves_no_process(node: WorkerNode) -> None:
    await node.open_receiver(ReceiverSpec("a", "udp"))
    viewer = node.open_viewer("a", "flv")
    pid = node.pid
    assert pid is not None
    await node.aclose()
    assert not exists(pid)
    assert viewer.end_reason == "node_closed"
    with pytest.raises(WorkerDown):
        await node.refresh()


async def test_receiver_ids_of_two_workers_differ(node: WorkerNode) -> None:
    """A late close of a dead worker's receiver must not hit one of the next."""
    before = await node.open_receiver(ReceiverSpec("a", "udp"))
    assert node.pid is not None
    os.kill(node.pid, signal.SIGKILL)
    await comes_up_again(node)
    after = await node.open_receiver(ReceiverSpec("a", "udp"))
    assert before.receiver_id != after.receiver_id
    assert before.port != after.port, "its port rests"


PARENT = f"""
import asyncio
from media.options import NodeOptions
from media.worker.node import WorkerNode

async def main():
    node = WorkerNode(NodeOptions("w1", "{HOST}"))
    await node.start()
    print(node.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_worker_does_not_outlive_its_node(stopped: bool) -> None:
    """Killed without a word, even while the worker has no turn to notice: gone within 2 s."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 2.0
    while exists(pid) and not is_dead(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_dead(pid)


def is_dead(pid: int) -> bool:
    """Gone, or waiting for somebody to read its exit code."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
