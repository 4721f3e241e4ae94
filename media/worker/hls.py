"""A player of a worker's stream by HLS as the node's side sees it; see `media.node.HlsViewer`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from media.errors import StreamUnknown

Ask = Callable[..., Awaitable[Any]]


class WorkerHls:
    """Every request goes to the worker, where the player is counted and timed."""

    def __init__(
        self, number: int, stream_id: str, ask: Ask, leave: Callable[[WorkerHls], None]
    ) -> None:
        self.number = number
        self.remote = ""
        self.bytes_out = 0
        self.dropped_frames = 0
        """Always: a player takes what it wants."""
        self.end_reason: str | None = None
        self._stream_id = stream_id
        self._ask = ask
        self._leave = leave

    async def playlist(self, prefix: str, suffix: str, number: int | None, part: int | None) -> str:
        text: str = await self._get("playlist", prefix, suffix, number, part)
        return text

    async def init(self, number: int) -> bytes:
        data: bytes = await self._get("init", number)
        return data

    async def segment(self, number: int) -> bytes:
        data: bytes = await self._get("segment", number)
        return data

    async def part(self, number: int, index: int) -> bytes:
        data: bytes = await self._get("part", number, index)
        return data

    def end(self, reason: str, *, discard: bool = False) -> None:
        """The player gets nothing more."""
        if self.end_reason is None:
            self.end_reason = reason

    async def aclose(self) -> None:
        """Stop looking. Idempotent."""
        if self.end_reason is None:
            self.end("closed")
            self._leave(self)

    async def _get(self, method: str, *arguments: Any) -> Any:
        if self.end_reason is not None:
            raise StreamUnknown(self._stream_id)
        found = await self._ask("hls", self.number, method, *arguments)
        self.bytes_out += len(found)
        return found
