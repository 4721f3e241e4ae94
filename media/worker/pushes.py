"""Pushes of a worker as the node's side sees them; see `media.pushing.PushNode`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from media.pushing import PushInfo, PushSpec, PushStatistics

from .known import Known

Ask = Callable[..., Awaitable[Any]]


class WorkerPushes:
    """They run in the worker; what is asked without waiting is answered from what was told."""

    def __init__(self, known: Callable[[], Known], ask: Ask) -> None:
        """`known` gives what is known of the worker there is now."""
        self._known = known
        self._ask = ask

    async def open(self, spec: PushSpec) -> PushInfo:
        known = self._known()
        info: PushInfo = await self._ask("push.open", spec)
        known.pushes[info.push_id] = info
        return info

    async def reach(self, spec: PushSpec) -> None:
        await self._ask("push.reach", spec)

    async def close(self, push_id: str) -> None:
        if self._known().pushes.pop(push_id, None) is not None:
            await self._ask("push.close", push_id)

    def infos(self) -> list[PushInfo]:
        return list(self._known().pushes.values())

    def statistics(self, push_id: str) -> PushStatistics | None:
        return self._known().push(push_id)
