"""What an operator reads about media: events of the node, and its counters once a second.

Packets are counted where they arrive; here the growth of a second becomes at most one line for
each stream and kind, however many packets it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.node import (
    FormatChangedEvent,
    MediaNode,
    MediaSilent,
    MediaStarted,
    MediaUnsupported,
    NodeEvent,
    ReceiverFailed,
    SoundUnavailable,
    StreamStatistics,
)
from media.unit import AudioFormat, VideoFormat

from .ssrc import format_ssrc

log = get_logger("media")

_COUNTED = ("packets", "bytes_in", "lost", "kernel_drops", "foreign", "frames")


@dataclass(slots=True)
class MediaCounters:
    """Of all streams since the start; grows once a second."""

    packets: int = 0
    bytes_in: int = 0
    lost: int = 0
    kernel_drops: int = 0
    foreign: int = 0
    frames: int = 0


class MediaWatch:
    """Writes the lines; holds the figures of the last second."""

    def __init__(self, node: MediaNode) -> None:
        self._node = node
        self.counters = MediaCounters()
        self._last: dict[str, StreamStatistics] = {}

    def heard(self, event: NodeEvent) -> None:
        """Something happened to a stream or its receiver."""
        match event:
            case MediaStarted():
                found = self._node.statistics(event.stream_id)
                log.event(
                    ev.MEDIA_STREAM_OPENED,
                    stream_id=event.stream_id,
                    remote=_address(found.source) if found else None,
                    ssrc=format_ssrc(found.ssrc) if found and found.ssrc is not None else None,
                    video=_words(event.video),
                    audio=_words(event.audio),
                )
            case MediaSilent():
                log.event(
                    ev.MEDIA_SILENT,
                    stream_id=event.stream_id,
                    seconds=round(event.seconds, 1),
                    reason=event.reason.value,
                )
            case MediaUnsupported():
                log.event(ev.MEDIA_UNSUPPORTED, stream_id=event.stream_id, codec=event.codec)
            case ReceiverFailed():
                log.event(ev.MEDIA_RECEIVER_FAILED, stream_id=event.stream_id, reason=event.reason)
            case SoundUnavailable():
                log.event(ev.MEDIA_NO_SOUND, stream_id=event.stream_id, reason=event.reason)
            case FormatChangedEvent():
                log.event(
                    ev.MEDIA_FORMAT_CHANGED,
                    stream_id=event.stream_id,
                    video=_words(event.video),
                    audio=_words(event.audio),
                )
            case _:
                pass  # viewers come and go without a line

    def look(self, stream_ids: Iterable[str]) -> None:
        """Compare every stream with what it was a second ago."""
        for stream_id in stream_ids:
            now = self._node.statistics(stream_id)
            if now is None:
                continue
            before = self._last.get(stream_id)
            self._last[stream_id] = now
            self._count(before, now)
            if before is not None:
                _compare(stream_id, before, now)

    def last(self) -> list[StreamStatistics]:
        """Every stream as it was a second ago at most."""
        return list(self._last.values())

    def _count(self, before: StreamStatistics | None, now: StreamStatistics) -> None:
        if before is not None and now.packets < before.packets:
            before = None  # made anew since
        for name in _COUNTED:
            grown = getattr(now, name) - (getattr(before, name) if before is not None else 0)
            setattr(self.counters, name, getattr(self.counters, name) + max(0, grown))

    def closed(self, stream_id: str, reason: str) -> None:
        """The stream is over."""
        last = self._node.statistics(stream_id) or self._last.get(stream_id)
        self._last.pop(stream_id, None)
        if last is not None:
            log.event(
                ev.MEDIA_STREAM_CLOSED,
                stream_id=stream_id,
                reason=reason,
                packets=last.packets,
                lost=last.lost,
            )


def _compare(stream_id: str, before: StreamStatistics, now: StreamStatistics) -> None:
    lost, drops = now.lost - before.lost, now.kernel_drops - before.kernel_drops
    if lost > 0 or drops > 0:
        log.event(ev.MEDIA_PACKETS_LOST, stream_id=stream_id, lost=lost, dropped_by_kernel=drops)
    if now.foreign > before.foreign:
        log.event(
            ev.MEDIA_FOREIGN_SOURCE,
            stream_id=stream_id,
            remote=_address(now.foreign_source),
            count=now.foreign - before.foreign,
        )
    if now.dropped_frames > before.dropped_frames:
        log.event(
            ev.MEDIA_READER_DROPPED,
            stream_id=stream_id,
            count=now.dropped_frames - before.dropped_frames,
        )
    if now.ssrc is not None and before.ssrc is not None and now.ssrc != before.ssrc:
        log.event(
            ev.MEDIA_SSRC_CHANGED,
            stream_id=stream_id,
            ssrc=format_ssrc(now.ssrc),
            previous=format_ssrc(before.ssrc),
        )


def _words(found: VideoFormat | AudioFormat | None) -> str | None:
    if found is None:
        return None
    if isinstance(found, VideoFormat):
        return f"{found.codec.value} {found.width}x{found.height}"
    return f"{found.codec.value} {found.sample_rate} Hz"


def _address(source: tuple[str, int] | None) -> str | None:
    return None if source is None else f"{source[0]}:{source[1]}"
