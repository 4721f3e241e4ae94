"""Who looks at a worker's streams, on the node's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from media.errors import ViewersExhausted
from media.node import InitSegment
from media.options import NodeOptions

from . import messages as m
from .hls import Ask, WorkerHls
from .viewer import WorkerViewer

Anybody = WorkerViewer | WorkerHls


class Audience:
    """All viewers of one worker node."""

    def __init__(self, options: NodeOptions, send: Callable[[object], None]) -> None:
        self._options = options
        self._send = send
        self._numbers = count(1)
        self._viewers: dict[int, tuple[Anybody, str]] = {}
        self._looking: Counter[str] = Counter()

    def open(self, stream_id: str, kind: str, options: dict[str, Any]) -> WorkerViewer:
        """A viewer of a stream that is there; raises ViewersExhausted."""
        number = self._admit(stream_id)
        viewer = WorkerViewer(
            number,
            m.credit_of(self._options) // 4,
            lambda size: self._send(m.More(number, size)),
            self._leave,
        )
        self._enter(viewer, stream_id, kind, options)
        return viewer

    def open_hls(self, stream_id: str, options: dict[str, Any], ask: Ask) -> WorkerHls:
        """A player by HLS of a stream that is there; raises ViewersExhausted."""
        player = WorkerHls(self._admit(stream_id), stream_id, ask, self._leave)
        self._enter(player, stream_id, "hls", options)
        return player

    def _admit(self, stream_id: str) -> int:
        if len(self._viewers) >= self._options.viewers:
            raise ViewersExhausted(f"{self._options.name}: {len(self._viewers)} viewers")
        if self._looking[stream_id] >= self._options.limits.viewers:
            raise ViewersExhausted(f"{stream_id}: {self._looking[stream_id]} viewers")
        return next(self._numbers)

    def _enter(self, viewer: Anybody, stream_id: str, kind: str, options: dict[str, Any]) -> None:
        self._viewers[viewer.number] = viewer, stream_id
        self._looking[stream_id] += 1
        self._send(m.Watch(viewer.number, stream_id, kind, options))

    def chunk(self, chunk: m.Chunk) -> None:
        """Bytes came for one of them."""
        viewer, _ = self._viewers.get(chunk.viewer, (None, ""))
        if isinstance(viewer, WorkerViewer):
            viewer.push(InitSegment.of(chunk.data, chunk.mime) if chunk.mime else chunk.data)

    def dropped(self, viewers: tuple[tuple[int, int], ...]) -> None:
        """How many frames some of them were too slow for."""
        for number, frames in viewers:
            found = self._viewers.get(number)
            if found is not None:
                found[0].dropped_frames = frames

    def over(self, over: m.Over) -> None:
        """One of them gets nothing more."""
        viewer = self._drop(over.viewer)
        if viewer is not None:
            viewer.dropped_frames = max(viewer.dropped_frames, over.dropped)
            viewer.end(over.reason, discard=over.discard)

    def end(self, reason: str) -> None:
        """Nobody gets anything more."""
        for number in list(self._viewers):
            self.over(m.Over(number, reason))

    def _leave(self, viewer: Anybody) -> None:
        if self._drop(viewer.number) is not None:
            self._send(m.Leave(viewer.number))

    def _drop(self, number: int) -> Anybody | None:
        viewer, stream_id = self._viewers.pop(number, (None, ""))
        if viewer is not None:
            self._looking[stream_id] -= 1
            if not self._looking[stream_id]:
                del self._looking[stream_id]
        return viewer
