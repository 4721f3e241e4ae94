"""What holds for every test: hypothesis profiles, and no task or socket is left behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

LEAK_GRACE_S = 1.0

RERUNS = int(os.environ.get("TEST_RERUNS", "0"))
"""Further runs of a failed test that watches real sockets and clocks; `make test` sets it."""
ALONE = ("unit", "property", "fuzz", "rules")
"""Folders whose tests depend on nothing outside: they have one run, always."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not RERUNS:
        return
    for item in items:
        if item.path.relative_to(config.rootpath / "tests").parts[0] not in ALONE:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> None:
    """Watches asynchronous tests only: a loop for each plain test would cost more than it."""
    function = getattr(request.node, "obj", None)
    if inspect.iscoroutinefunction(getattr(function, "__wrapped__", function)) or _is_async(
        function
    ):
        request.getfixturevalue("leak_watch")


def _is_async(function: object) -> bool:
    inner = getattr(function, "hypothesis", None)
    return inspect.iscoroutinefunction(getattr(inner, "inner_test", None))


@pytest_asyncio.fixture
async def leak_watch() -> AsyncIterator[None]:
    """Fails the test whose tasks or sockets outlive it; closing transports get a moment."""
    tasks_before = asyncio.all_tasks()
    sockets_before = _open_sockets()
    yield
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LEAK_GRACE_S
    while (left := _left_over(tasks_before, sockets_before)) and loop.time() < deadline:
        gc.collect(0)
        await asyncio.sleep(0.01)
    if left:
        pytest.fail("left behind by the test: " + "; ".join(left), pytrace=False)


def _left_over(tasks_before: set[asyncio.Task[object]], sockets_before: set[str]) -> list[str]:
    current = asyncio.current_task()
    tasks = [
        f"task {task.get_name()} {task.get_coro()!r}"
        for task in asyncio.all_tasks()
        if task not in tasks_before and task is not current and not task.done()
    ]
    return tasks + [f"open {name}" for name in sorted(_open_sockets() - sockets_before)]


def _open_sockets() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found
