"""Viewers of a worker's streams: their bytes go up the link, against credit."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from media.errors import MediaError, StreamUnknown
from media.inprocess import InProcessNode
from media.node import HlsViewer, Viewer
from media.viewer import HUNG_UP

from . import messages as m
from .link import Link

_HLS = frozenset({"playlist", "init", "segment", "part"})


@dataclass(slots=True, eq=False)
class _Pump:
    viewer: Viewer
    credit: int
    wake: asyncio.Event
    task: asyncio.Task[None] | None = None


class Viewing:
    """All viewers of one worker."""

    def __init__(self, node: InProcessNode, link: Link) -> None:
        self._node = node
        self._link = link
        self._credit = m.credit_of(node.options)
        self._pumps: dict[int, _Pump] = {}
        self._players: dict[int, HlsViewer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def open(self, watch: m.Watch) -> None:
        """Begin to send a stream to a viewer."""
        try:
            if watch.kind == "hls":
                player = self._node.open_hls(watch.stream_id, **watch.options)
                self._players[watch.viewer] = player
                return
            viewer = self._node.open_viewer(
                watch.stream_id,
                watch.kind,  # type: ignore[arg-type]
                **watch.options,
            )
        except MediaError as error:
            self._link.send(m.Over(watch.viewer, str(error)))
            return
        pump = _Pump(viewer, self._credit, asyncio.Event())
        self._pumps[watch.viewer] = pump
        pump.task = asyncio.get_running_loop().create_task(self._run(watch.viewer, pump))

    def more(self, more: m.More) -> None:
        """The viewer has read."""
        pump = self._pumps.get(more.viewer)
        if pump is not None:
            pump.credit += more.size
            pump.wake.set()

    def leave(self, leave: m.Leave) -> None:
        """The viewer is gone."""
        pump = self._pumps.get(leave.viewer)
        if pump is not None and pump.task is not None:
            # Not left to that task: cancelled before its first turn, it closes nothing.
            pump.task.cancel()
            self._close(pump.viewer)
            self._over(leave.viewer, pump)
        player = self._players.pop(leave.viewer, None)
        if player is not None:
            self._close(player)

    def _close(self, viewer: Viewer | HlsViewer) -> None:
        closing = asyncio.get_running_loop().create_task(viewer.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def hls(self, number: int, method: str, *arguments: Any) -> Any:
        """What a player by HLS asks for; raises what it raises."""
        player = self._players.get(number)
        if player is None or method not in _HLS:
            raise StreamUnknown(str(number))
        return await getattr(player, method)(*arguments)

    def ended(self) -> None:
        """Hang up on those the stream has given up, whatever they have not read yet."""
        for number, player in list(self._players.items()):
            if player.end_reason is not None:
                del self._players[number]
                self._link.send(m.Over(number, player.end_reason))
        for number, pump in list(self._pumps.items()):
            if pump.viewer.end_reason in HUNG_UP and pump.task is not None:
                self._over(number, pump)
                pump.task.cancel()

    def dropped(self) -> tuple[tuple[int, int], ...]:
        """Viewers that were too slow, and for how many frames."""
        return tuple(
            (number, pump.viewer.dropped_frames)
            for number, pump in self._pumps.items()
            if pump.viewer.dropped_frames
        )

    async def _run(self, number: int, pump: _Pump) -> None:
        viewer = pump.viewer
        try:
            async for chunk in viewer:
                pump.credit -= len(chunk)
                self._link.send(m.Chunk(number, chunk, getattr(chunk, "mime", "")))
                while pump.credit <= 0:
                    pump.wake.clear()
                    await pump.wake.wait()
                await self._link.room()
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await viewer.aclose()
            self._over(number, pump)

    def _over(self, number: int, pump: _Pump) -> None:
        """Told once."""
        if self._pumps.pop(number, None) is not None:
            reason, dropped = pump.viewer.end_reason or "closed", pump.viewer.dropped_frames
            self._link.send(m.Over(number, reason, dropped, discard=reason in HUNG_UP))
