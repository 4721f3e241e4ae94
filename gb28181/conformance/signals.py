"""The desk's hands for messages: ask, tell, configure, subscribe, wait. All of it is noted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from gb28181.control.collect import Collected, Key
from gb28181.control.target import Target
from gb28181.device.model import GB_2022, Device
from gb28181.device.trial import Heartbeats, Trial
from gb28181.errors import DeviceTimeout, PlatformError
from gb28181.manscdp import Message, ptz
from gb28181.manscdp.actions import Action, PtzCmd
from gb28181.manscdp.blocks import BlockType
from gb28181.manscdp.commands.device_control import DeviceControl
from gb28181.manscdp.commands.ptz_position_query import PtzPositionResponse
from gb28181.manscdp.ptz import Instruction
from gb28181.store.records import utc_now
from gb28181.subscribe.kinds import Kind
from sip.subscription import Restart

from .desk import Patience
from .evidence import Act, Evidence, Seen
from .model import Edition
from .tools import Tools
from .wire import Wire

T = TypeVar("T")


class Signals:
    """One per run; `begin` gives it the evidence of the next item."""

    def __init__(
        self, tools: Tools, device: Device, channel_id: str, patience: Patience, wire: Wire
    ) -> None:
        self._tools = tools
        self._device = device
        self._channel_id = channel_id
        self._patience = patience
        self._wire = wire
        self._memory: dict[str, Any] = {}
        self._first = 0
        """Number of the item's first message."""
        self._evidence = Evidence(self.edition, device.device_id, tools.server_id)
        channel = tools.devices.channel(channel_id) if channel_id else None
        self._code = device.device_id if channel is None else channel.reported_id
        self._movable = channel is None or channel.ptz_type not in FIXED

    def begin(self) -> Evidence:
        """A fresh sheet for the next item."""
        self._first = len(self._wire.messages())
        code = self._code if self._channel_id else ""
        self._evidence = Evidence(self.edition, self.device_id, self._tools.server_id, code)
        self._evidence.facts["ptz"] = self._movable
        self._evidence.facts["retry"] = self._patience.retry_s
        return self._evidence

    # --- who --------------------------------------------------------------------------------

    @property
    def edition(self) -> Edition:
        return Edition.OF_2022 if self._device.version >= GB_2022 else Edition.OF_2016

    @property
    def patience(self) -> Patience:
        return self._patience

    @property
    def device_id(self) -> str:
        return self._device.device_id

    @property
    def code(self) -> str:
        return self._code

    @property
    def heartbeat_s(self) -> float:
        return float(self._device.policy.keepalive_interval)

    @property
    def heartbeats(self) -> int:
        return self._device.policy.keepalive_count

    def civil(self) -> datetime:
        return utc_now()

    def note(self, name: str, value: Any) -> None:
        self._evidence.facts[name] = value

    def known(self, name: str) -> Any:
        return self._memory.get(name)

    def remember(self, name: str, value: Any) -> None:
        self._memory[name] = value

    # --- asking and telling -----------------------------------------------------------------

    async def ask(
        self, what: str, message: Message, *, command: str = "", key: Key | None = None
    ) -> Collected | None:
        return await self._do(
            what,
            self._tools.control.queries.ask(
                self.device_id,
                message,
                timeout=self._patience.answer_s,
                quiet=self._patience.answer_s / 2,
                longest=6 * self._patience.answer_s,
                key=key,
                command=command,
            ),
        )

    async def info(self) -> None:
        await self._do("DeviceInfo", self._info())

    async def _info(self) -> object:
        said = await self._tools.devices.query_device_info(self.device_id)
        if said is None:
            raise DeviceTimeout(f"device {self.device_id} sent no DeviceInfo in time")
        return said

    async def catalog(self) -> None:
        await self._do("Catalog", self._catalog())

    async def _catalog(self) -> object:
        result = await self._tools.devices.query_catalog(self.device_id, 60.0)
        if not result.complete and not result.received:
            raise DeviceTimeout(f"device {self.device_id} sent no Catalog in time")
        return result

    async def tell(self, what: str, action: Action, *, whole: bool = False) -> bool:
        target = self._target(whole)
        if isinstance(action, PtzCmd):
            message = DeviceControl("", target.code, action)
            work: Awaitable[object] = self._tools.control.queries.tell(
                self.device_id, message, timeout=self._patience.answer_s
            )
        else:
            work = self._tools.control.commands.do(target, action)
        return await self._do(what, work) is not None

    async def ptz(self, what: str, instruction: Instruction, address: int = 1) -> bool:
        return await self.tell(what, PtzCmd(ptz.encode(instruction, address)))

    async def position(self) -> tuple[float, float, float] | None:
        if self.edition is not Edition.OF_2022:
            return None
        said = await self._do("PTZPosition", self._tools.control.ptz_position(self._target(False)))
        if not isinstance(said, PtzPositionResponse) or said.pan is None:
            return None
        return said.pan, said.tilt or 0.0, said.zoom or 1.0

    async def read_config(self, kinds: tuple[BlockType, ...]) -> Mapping[BlockType, Any]:
        read = await self._do(
            "ConfigDownload", self._tools.control.configs.read(self._target(True), kinds)
        )
        return {} if read is None else read.blocks

    async def change_config(self, kind: BlockType, changes: Mapping[str, Any]) -> bool:
        work = self._tools.control.configs.change(self._target(True), kind, changes)
        return await self._do(f"DeviceConfig {kind}", work) is not None

    async def subscribe(self, kind: str) -> bool:
        wanted = Kind(kind)
        entry = self._tools.subscriber.entry(self.device_id, wanted)
        ours = entry is None or not self._tools.subscriber.wanted(self._device, wanted)
        if ours:
            settings = {"expires": self._patience.subscription_s}
            begun = self._tools.wishes.subscribe(self.device_id, wanted, settings)
            if await self._do(f"SUBSCRIBE {kind}", begun) is None:
                return False
        else:
            self._evidence.acts.append(Act(f"SUBSCRIBE {kind}", message="in force already"))
        await self._do(f"refresh {kind}", self._refresh(wanted))
        if ours:
            ended = self._tools.wishes.unsubscribe(self.device_id, wanted)
            await self._do(f"end {kind}", self._and_true(ended))
        else:
            self._evidence.acts.append(Act(f"end {kind}", message="it is wanted, and stays"))
        return True

    async def _refresh(self, kind: Kind) -> bool:
        """At once instead of shortly before its end."""
        entry = self._tools.subscriber.entry(self.device_id, kind)
        assert entry is not None
        begin = len(self._wire.messages())
        self._tools.subscriber.feed(entry, Restart(dialog=True))
        if not await self._wire.wait(_is_agreed, self._patience.answer_s, 1, begin):
            raise DeviceTimeout("the refresh was not answered 200")
        return True

    @staticmethod
    async def _and_true(work: Awaitable[None]) -> bool:
        await work
        return True

    # --- waiting ----------------------------------------------------------------------------

    async def wait(
        self,
        what: str,
        test: Callable[[Seen], bool],
        seconds: float,
        *,
        count: int = 1,
        since_begin: bool = False,
    ) -> bool:
        begun = _now()
        came = await self._wire.wait(test, seconds, count, self._first if since_begin else None)
        error = "" if came else "device_timeout"
        message = "" if came else f"it did not come within {seconds:.0f} s"
        self._evidence.acts.append(Act(what, error, message, None, _now() - begun))
        return came

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def treat(
        self, *, heartbeat: str = "", register: int = 0, grant_s: int = 0
    ) -> AsyncIterator[None]:
        self._device.trial = Trial(Heartbeats(heartbeat), register, grant_s)
        try:
            yield
        finally:
            self._device.trial = None

    # --- noting -----------------------------------------------------------------------------

    def _target(self, whole: bool) -> Target:
        return Target(self._device, self.device_id if whole else self._code)

    async def _do(self, what: str, work: Awaitable[T]) -> T | None:
        """Do it and note how it ended; None when it failed."""
        begun = _now()
        try:
            value = await work
        except PlatformError as error:
            status, took = error.sip_status, _now() - begun
            self._evidence.acts.append(Act(what, error.code, error.message, status, took))
            return None
        self._evidence.acts.append(Act(what, seconds=_now() - begun, value=value))
        return value


FIXED = (3, 6, 7)
"""PTZType of what cannot be moved: bullet, stitched and split channels (A.2.1.9)."""


def _is_agreed(message: Seen) -> bool:
    return message.incoming and message.method == "SUBSCRIBE" and message.status == 200


def _now() -> float:
    return asyncio.get_running_loop().time()
