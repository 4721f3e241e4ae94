"""The shells run under both loops: a module with `BOTH_LOOPS = True` is run once with each."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

_LEAK_GRACE_S = 1.0


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.new_event_loop
    }
    module = item.getparent(pytest.Module)
    if module is not None and getattr(module.module, "BOTH_LOOPS", False):
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest_asyncio.fixture
async def leak_watch() -> AsyncIterator[None]:
    """As the one for all tests, but blind to Unix sockets.

    uvloop makes a new pair of them for signals whenever it runs, so fixture and test see others.
    """
    loop = asyncio.get_running_loop()
    tasks, sockets = asyncio.all_tasks(), _internet_sockets()
    yield
    deadline = loop.time() + _LEAK_GRACE_S
    while left := _left(tasks, sockets):
        if loop.time() > deadline:
            pytest.fail(f"left behind by the test: {left}", pytrace=False)
        gc.collect(0)
        await asyncio.sleep(0.01)


def _left(tasks: set[asyncio.Task[object]], sockets: set[str]) -> list[str]:
    now = {t for t in asyncio.all_tasks() if t is not asyncio.current_task() and not t.done()}
    return [repr(task) for task in now - tasks] + sorted(_internet_sockets() - sockets)


def _internet_sockets() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
            if target.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as copy:
                    if copy.family != socket.AF_UNIX:
                        found.add(target)
        except OSError:
            continue
    return found
