"""The media nodes the contract tests run on: one more implementation is one more parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from media.inprocess import InProcessNode
from media.node import MediaNode
from media.options import NodeOptions
from media.worker.node import WorkerNode
from media.worker.relay import Relay, RelayOptions
from media.worker.remote import RelayAddress, RelayNode

from .media_bench import Bench, MakeBench
from .media_cameras import HOST

KINDS = ("inprocess", "worker", "relay")
SECRET = b"a secret of thirty-two bytes, or more"


class OnThisHost(RelayNode):
    """A relay whose files are ours, because it is on the same host."""

    record = WorkerNode.record
    record_segments = WorkerNode.record_segments


async def made(kind: str, options: NodeOptions, stack: AsyncExitStack) -> MediaNode:
    """A node of this kind."""
    if kind == "inprocess":
        return InProcessNode(options)
    if kind == "worker":
        return WorkerNode(options)
    here = RelayOptions(
        HOST,
        0,
        SECRET,
        options.bind_host,
        options.announce_host or options.bind_host,
        options.first_port,
        options.last_port,
        HOST,
        0,
        0,
        single_port=options.single_port,
    )
    relay = Relay(here, lambda *_: None)
    await relay.start()
    stack.push_async_callback(relay.aclose)
    return OnThisHost(options, RelayAddress(HOST, relay.port, SECRET))


@pytest.fixture(params=KINDS)
async def make_bench(request: pytest.FixtureRequest) -> AsyncIterator[MakeBench]:
    """Makes a started node of the kind under test."""
    async with AsyncExitStack() as stack:

        async def build(**options: Any) -> Bench:
            base = NodeOptions(name="n1", bind_host=HOST, first_port=31000, last_port=31999)
            node = await made(request.param, replace(base, **options), stack)
            await node.start()
            stack.push_async_callback(node.aclose)
            return Bench(node, stack)

        yield build


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench()
