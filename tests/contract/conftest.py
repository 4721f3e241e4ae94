"""The media nodes the contract tests run on: one more implementation is one more parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from media.inprocess import InProcessNode, NodeOptions
from media.worker.node import WorkerNode

from .media_bench import Bench, MakeBench
from .media_cameras import HOST

KINDS = {"inprocess": InProcessNode, "worker": WorkerNode}


@pytest.fixture(params=KINDS)
async def make_bench(request: pytest.FixtureRequest) -> AsyncIterator[MakeBench]:
    """Makes a started node of the kind under test."""
    async with AsyncExitStack() as stack:

        async def build(**options: Any) -> Bench:
            base = NodeOptions(name="n1", bind_host=HOST, first_port=31000, last_port=31999)
            node = KINDS[request.param](replace(base, **options))
            await node.start()
            stack.push_async_callback(node.aclose)
            return Bench(node, stack)

        yield build


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench()
