"""A receiver without packets: the platform gives it units that are whole already."""

from __future__ import annotations

from collections.abc import Callable

from media.feeding import Fed
from media.receive.pipeline import Pipeline
from media.unit import AccessUnit, FormatChanged


class FedReceiver:
    """Counts what it is given and hands it on."""

    def __init__(
        self, pipeline: Pipeline, deliver: Callable[[Fed], None], on_end: Callable[[], None]
    ) -> None:
        self.last_at = 0.0
        self.source: tuple[str, int] | None = None
        self.foreign = 0
        self.foreign_source: tuple[str, int] | None = None
        self._stats = pipeline.stats
        self._deliver = deliver
        self._on_end = on_end
        self._key_dts: int | None = None
        self._since_key = 0

    def feed(self, outs: Fed, now: float) -> None:
        """Take what follows; nothing at all is the end."""
        if not outs:
            self._on_end()
            return
        self.last_at = self._stats.last_packet_at = now
        for out in outs:
            if not isinstance(out, FormatChanged):
                self._count(out)
        self._deliver(outs)

    def tick(self, now: float) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is held."""

    def _count(self, unit: AccessUnit) -> None:
        stats = self._stats
        stats.packets += 1
        stats.bytes += len(unit.data)
        if not unit.video:
            stats.audio_frames += 1
            return
        stats.frames += 1
        self._since_key += 1
        if unit.key:
            stats.key_frames += 1
            stats.waiting_key = False
            if self._key_dts is not None:
                stats.gop_frames, stats.gop_ticks = self._since_key, unit.dts - self._key_dts
            self._key_dts, self._since_key = unit.dts, 0
