"""Who looks at the streams of a node: a list of viewers with names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from media.viewer import ViewerCame, ViewerInfo, ViewerLeft, Who


class Looker(Protocol):
    """A viewer or a player, as far as the list needs it."""

    remote: str

    @property
    def bytes_out(self) -> int: ...
    @property
    def dropped_frames(self) -> int: ...
    @property
    def end_reason(self) -> str | None: ...
    def end(self, reason: str) -> None: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    viewer: Looker
    info: ViewerInfo

    def now(self) -> ViewerInfo:
        viewer = self.viewer
        return replace(self.info, bytes_out=viewer.bytes_out, dropped_frames=viewer.dropped_frames)


class Lookers:
    """All viewers of one node."""

    def __init__(
        self,
        name: str,
        emit: Callable[[ViewerCame | ViewerLeft], None],
        clock: Callable[[], float],
    ) -> None:
        """`clock` is the time of day."""
        self._name = name
        self._emit = emit
        self._clock = clock
        self._numbers = count(1)
        self._by_stream: dict[str, dict[str, _Entry]] = {}

    def enter(self, viewer: Looker, stream_id: str, who: Who) -> None:
        """A viewer was opened."""
        viewer.remote = who.remote
        info = ViewerInfo(f"{self._name}-v{next(self._numbers)}", stream_id, who, self._clock())
        self._by_stream.setdefault(stream_id, {})[info.viewer_id] = _Entry(viewer, info)
        self._emit(ViewerCame(info))

    def sweep(self, stream_id: str) -> None:
        """The viewers of a stream became fewer: those that ended are told."""
        entries = self._by_stream.get(stream_id, {})
        for viewer_id, entry in list(entries.items()):
            reason = entry.viewer.end_reason
            if reason is not None:
                del entries[viewer_id]
                self._emit(ViewerLeft(entry.now(), reason))
        if not entries:
            self._by_stream.pop(stream_id, None)

    def all(self, stream_id: str | None = None) -> list[ViewerInfo]:
        """Those who look now."""
        groups = (
            self._by_stream.values() if stream_id is None else [self._by_stream.get(stream_id, {})]
        )
        return [entry.now() for group in groups for entry in group.values()]

    async def end(self, viewer_id: str, reason: str) -> bool:
        """Hang up on one; False when there is none of this id."""
        for entries in self._by_stream.values():
            entry = entries.get(viewer_id)
            if entry is not None:
                entry.viewer.end(reason)
                await entry.viewer.aclose()
                return True
        return False
