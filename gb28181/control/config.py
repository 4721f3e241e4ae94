"""Settings of devices: read, change, and make sure. GB/T 28181-2022 9.3.2, A.2.3.2, A.2.4.7.

A change is read-modify-write, one at a time per device: the block is fetched, the caller's values
are put over it, what only the device tells and every secret is taken out, and the block is sent.
BasicParam is sent with nothing but the caller's values, because a device may take what is missing
there for "leave it", and must not be told its own server again. When that changes its heartbeat,
the device's own setting here follows, or it would soon be called offline.

Some devices answer the query with one message per type, some name the block otherwise than asked
(it is then taken when only one is missing), some answer DeviceConfig with nothing but the SIP 200:
then the block is read again and compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gb28181.control.query import Queries
from gb28181.control.target import Target
from gb28181.device.service import DeviceService
from gb28181.errors import BadInput, DeviceRefused, DeviceTimeout, NotSupported
from gb28181.manscdp import Message, table
from gb28181.manscdp.blocks import (
    BLOCKS,
    OF_2016,
    READ_ONLY,
    BasicParam,
    Block,
    BlockType,
    read_block,
    to_send,
    type_of,
)
from gb28181.manscdp.commands.device_config import (
    ConfigQuery,
    ConfigResponse,
    DeviceConfig,
    DeviceConfigResponse,
)

QUIET_S = 2.0
LEAST_HEARTBEAT_S, MOST_HEARTBEAT_S = 5, 3600
MOST_MISSED = 20


@dataclass(frozen=True, slots=True)
class ConfigRead:
    """What a device told of itself."""

    blocks: Mapping[BlockType, Block]
    missing: tuple[BlockType, ...]
    """Asked for and not told."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """What was sent, and how it is known that it arrived."""

    block: Block
    confirmed: str
    """`response`: the device said OK; `readback`: it said nothing, but holds the new values."""


class Configs:
    """One per node."""

    def __init__(self, devices: DeviceService, queries: Queries, *, answer_s: float) -> None:
        self._devices = devices
        self._queries = queries
        self._answer_s = answer_s
        self._turns: dict[str, asyncio.Lock] = {}

    async def read(
        self, target: Target, types: Iterable[BlockType] = (), *, force: bool = False
    ) -> ConfigRead:
        """The blocks asked for; none: all the device's edition knows. Raises DeviceRefused when
        it says ERROR and tells nothing, DeviceTimeout, NotSupported, LegFailed(device_offline)."""
        asked = tuple(dict.fromkeys(types)) or _all_of(target)
        newer = [kind for kind in asked if kind not in OF_2016]
        if newer:
            target.require_2022(", ".join(newer), force=force)
        answer = await self._queries.ask(
            target.device_id,
            ConfigQuery("", target.code, asked),
            timeout=self._answer_s,
            quiet=QUIET_S,
            enough=lambda pages: _enough(pages, asked),
        )
        read = _gather(answer.pages, asked, answer.problems)
        if not read.blocks and any(_says_error(page) for page in answer.pages):
            raise DeviceRefused(
                f"device {target.device_id} says ERROR", sip_status=200, detail={"result": "ERROR"}
            )
        return read

    async def change(
        self,
        target: Target,
        kind: BlockType,
        changes: Mapping[str, Any],
        *,
        force: bool = False,
    ) -> ConfigChanged:
        """Put the caller's values into a block. Raises BadInput, and what `read` raises."""
        if kind in READ_ONLY:
            raise NotSupported(f"{kind} can be read and not be set", block=kind.value)
        if not changes:
            raise BadInput("nothing to change")
        if kind not in OF_2016:
            target.require_2022(kind.value, force=force)
        turn = self._turns.setdefault(target.device_id, asyncio.Lock())
        async with turn:
            base = await self._base(target, kind)
            wanted = to_send(table.merged(base, changes))
            if isinstance(wanted, BasicParam):
                _check_heartbeat(wanted)
            confirmed = await self._write(target, wanted)
            if isinstance(wanted, BasicParam) and not target.channel_id:
                await self._follow(target.device_id, wanted)
            return ConfigChanged(wanted, confirmed)

    async def _follow(self, device_id: str, block: BasicParam) -> None:
        """The device keeps another rhythm from now on, so we wait by that one as well."""
        told = {
            "keepalive_interval": block.heart_beat_interval,
            "keepalive_count": block.heart_beat_count,
        }
        changes = {name: value for name, value in told.items() if value is not None}
        if changes:
            await self._devices.update(device_id, changes)

    async def _base(self, target: Target, kind: BlockType) -> Block:
        """What the changes are put over."""
        empty: Block = BLOCKS[kind]()
        if isinstance(empty, BasicParam):
            return empty
        found = await self.read(target, (kind,), force=True)
        return found.blocks.get(kind, empty)

    async def _write(self, target: Target, block: Block) -> str:
        message = DeviceConfig("", target.code, (block,))
        try:
            answer = await self._queries.ask(target.device_id, message, timeout=self._answer_s)
        except DeviceTimeout as silence:
            if silence.sip_status is None:
                raise
            if await self._holds(target, block):
                return "readback"
            raise
        response = answer.first
        if isinstance(response, DeviceConfigResponse) and not response.ok:
            raise DeviceRefused(
                f"device {target.device_id} says ERROR", sip_status=200, detail={"result": "ERROR"}
            )
        return "response"

    async def _holds(self, target: Target, block: Block) -> bool:
        """Whether the device tells the values it was sent."""
        kind = type_of(block)
        try:
            found = (await self.read(target, (kind,), force=True)).blocks.get(kind)
        except (DeviceTimeout, DeviceRefused):
            return False
        if found is None:
            return False
        sent, told = table.shown(block), table.shown(to_send(found))
        return all(told[name] == value for name, value in sent.items() if value not in (None, ""))


def _check_heartbeat(block: BasicParam) -> None:
    """Values we could not follow would make the device look offline."""
    interval, count = block.heart_beat_interval, block.heart_beat_count
    if interval is not None and not LEAST_HEARTBEAT_S <= interval <= MOST_HEARTBEAT_S:
        raise BadInput(f"heart_beat_interval is {LEAST_HEARTBEAT_S} to {MOST_HEARTBEAT_S} s")
    if count is not None and not 1 <= count <= MOST_MISSED:
        raise BadInput(f"heart_beat_count is 1 to {MOST_MISSED}")


def _all_of(target: Target) -> tuple[BlockType, ...]:
    return tuple(kind for kind in BlockType if target.of_2022 or kind in OF_2016)


def _enough(pages: Sequence[Message], asked: Sequence[BlockType]) -> bool:
    """Every asked block came, or as many messages as could be."""
    found = {type_of(block) for page in pages for block in _blocks_of(page)}
    distinct = sum(page not in pages[:at] for at, page in enumerate(pages))
    return set(asked) <= found or distinct >= len(asked)


def _blocks_of(page: Message) -> tuple[Block, ...]:
    return page.blocks if isinstance(page, ConfigResponse) else ()


def _says_error(page: Message) -> bool:
    return isinstance(page, ConfigResponse) and not page.ok


def _gather(
    pages: Sequence[Message], asked: Sequence[BlockType], problems: Sequence[str]
) -> ConfigRead:
    blocks: dict[BlockType, Block] = {}
    flaws = list(problems)
    for page in pages:
        for block in _blocks_of(page):
            blocks.setdefault(type_of(block), block)
    missing = [kind for kind in asked if kind not in blocks]
    others = [one for page in pages if isinstance(page, ConfigResponse) for one in page.others]
    if len(missing) == 1 and len(others) == 1:
        (name, element), kind = others[0], missing[0]
        flaws.append(f"{kind} is called {name[:64]}")
        blocks[kind] = read_block(kind, element, flaws)
        missing = []
    return ConfigRead(blocks, tuple(missing), tuple(flaws))
