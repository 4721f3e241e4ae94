"""Pushes of several media nodes as one: each runs where its stream is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from media.errors import StreamUnknown
from media.pushing import PushInfo, PushNode, PushSpec, PushStatistics

if TYPE_CHECKING:
    from media.node import MediaNode


class PoolPushes:
    """See `media.pushing.PushNode`."""

    def __init__(self, nodes: Sequence[MediaNode]) -> None:
        self._nodes = nodes

    async def open(self, spec: PushSpec) -> PushInfo:
        for node in self._nodes:
            if spec.stream_id in node.streams():
                return await node.pushing.open(spec)
        raise StreamUnknown(spec.stream_id)

    async def reach(self, spec: PushSpec) -> None:
        """From the first node that can be asked: where the stream will be nobody knows yet."""
        up = [node for node in self._nodes if getattr(node, "is_up", True)]
        await (up or self._nodes)[0].pushing.reach(spec)

    async def close(self, push_id: str) -> None:
        pushing = self._of(push_id)
        if pushing is not None:
            await pushing.close(push_id)

    def infos(self) -> list[PushInfo]:
        return [info for node in self._nodes for info in node.pushing.infos()]

    def statistics(self, push_id: str) -> PushStatistics | None:
        pushing = self._of(push_id)
        return None if pushing is None else pushing.statistics(push_id)

    def _of(self, push_id: str) -> PushNode | None:
        for node in self._nodes:
            if any(info.push_id == push_id for info in node.pushing.infos()):
                return node.pushing
        return None
