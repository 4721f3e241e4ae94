"""One stream: units in, every viewer served, muxed once.

The hub keeps the pictures since the last key frame, knows when the stream has really begun and
what is in it, and hands each tag to every viewer as the same object.  A viewer begins at a key
frame: at once when one is cached, otherwise with the next, in the very call that brings it.

A player cannot add a track it was not told of in the first header.  So a viewer who wants sound
waits up to half a second of stream time for the sound's format (nothing is lost, the pictures
are cached), and one that began with sound only ends when pictures appear: it has to come again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from media.errors import ViewersExhausted
from media.flv_output import FlvOutput
from media.gop import GopCache
from media.spool import Break, Entry
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, FormatChanged, VideoFormat
from media.viewers import StreamViewer, ViewerState

AUDIO_WAIT = CLOCK_HZ // 2
AUDIO_ONLY_AFTER = CLOCK_HZ


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds of one stream."""

    gop_bytes: int = 4 << 20
    """Largest group of pictures held for new viewers."""
    gop_s: float = 12.0
    queue_bytes: int = 3 << 20
    """How far one viewer may fall behind, besides the first burst."""
    viewers: int = 256
    stall_s: float = 30.0
    """A viewer that reads nothing for so long, with something to read, is closed."""


class Hub:
    """A stream and its viewers."""

    __slots__ = (
        "_audio_only",
        "_bytes_gone",
        "_dropped_gone",
        "_first_audio",
        "_flv",
        "_gop",
        "_key_dts",
        "_limits",
        "_need_key",
        "_on_format",
        "_on_started",
        "_on_viewers",
        "_tap",
        "_viewers",
        "audio",
        "started",
        "stream_id",
        "video",
    )

    def __init__(
        self,
        stream_id: str,
        limits: HubLimits,
        *,
        on_started: Callable[[], None],
        on_format: Callable[[], None],
        on_viewers: Callable[[int], None],
    ) -> None:
        self.stream_id = stream_id
        self.video: VideoFormat | None = None
        self.audio: AudioFormat | None = None
        self.started = False
        """A decodable key frame came, or a second of sound without a picture."""
        self._limits = limits
        self._on_started = on_started
        self._on_format = on_format
        self._on_viewers = on_viewers
        self._gop = GopCache(limits.gop_bytes, limits.gop_s)
        self._flv = FlvOutput(self._gop)
        self._tap: Callable[[Entry], None] | None = None
        self._viewers: dict[StreamViewer, bool] = {}  # the value: sound is sent to it
        self._need_key = True
        self._audio_only = False
        self._first_audio: int | None = None
        self._key_dts = 0
        self._bytes_gone = 0
        self._dropped_gone = 0

    def __repr__(self) -> str:
        state = "started" if self.started else "waiting"
        return f"<Hub {self.stream_id} {state} viewers={len(self._viewers)} {self._gop!r}>"

    @property
    def viewer_count(self) -> int:
        return len(self._viewers)

    @property
    def bytes_out(self) -> int:
        return self._bytes_gone + sum(v.bytes_out for v in self._viewers)

    @property
    def dropped_frames(self) -> int:
        return self._dropped_gone + sum(v.dropped_frames for v in self._viewers)

    def feed(self, outs: Iterable[AccessUnit | FormatChanged]) -> None:
        """What the pipeline gave for one packet."""
        for out in outs:
            if isinstance(out, FormatChanged):
                self._set_format(out)
                if self._tap is not None:
                    self._tap(out)
                continue
            if self._need_key and not self._begins(out):
                continue
            self._gop.push(out)
            if self._tap is not None:
                self._tap(out)
            if self._viewers:
                self._publish(out)

    def interrupt(self) -> None:
        """A new sender takes the stream over: go on with its first key frame."""
        self._need_key = True
        self._audio_only = False
        self._first_audio = None
        self._gop.clear()
        self._flv.forget()
        if self._tap is not None:
            self._tap(Break())

    def tap(self, take: Callable[[Entry], None] | None) -> None:
        """Give every unit to a recording, beginning with the pictures since the last key frame."""
        self._tap = take
        if take is not None and (self.video is not None or self.audio is not None):
            take(FormatChanged(self.video, self.audio))
            if not self._need_key:
                for unit in self._gop:
                    take(unit)

    def _begins(self, unit: AccessUnit) -> bool:
        """Whether the stream (again) begins with this unit."""
        if unit.video:
            if not unit.key or self.video is None:
                return False
            self._key_dts = unit.dts
        else:
            if self._first_audio is None:
                self._first_audio = unit.dts
            if self.video is not None or unit.dts - self._first_audio < AUDIO_ONLY_AFTER:
                return False
            self._audio_only = True
        self._need_key = False
        if not self.started:
            self.started = True
            self._on_started()
        return True

    def _set_format(self, change: FormatChanged) -> None:
        old_video, old_audio = self.video, self.audio
        if (old_video, old_audio) == (change.video, change.audio):
            return
        self.video, self.audio = change.video, change.audio
        if old_audio is not None and old_audio != change.audio:
            self._gop.clear()  # cached sound would not fit the new header
            self._flv.forget()
        old_flv = (self._flv.video, self._flv.audio)
        old_version = self._flv.version
        self._flv.set_format(change.video, change.audio)
        if self._audio_only and change.video is not None:
            self._picture_appeared()
        for viewer, sound in self._viewers.items():
            self._tell_format(viewer, sound, old_flv, old_version)
        if self.started:
            self._on_format()

    def _tell_format(
        self,
        viewer: StreamViewer,
        sound: bool,
        old: tuple[VideoFormat | None, AudioFormat | None],
        old_version: int,
    ) -> None:
        queue = viewer.queue
        if queue.state is ViewerState.WAITING:
            return
        if old[0] != self._flv.video or (sound and old[1] != self._flv.audio):
            if queue.state is ViewerState.LIVE:
                queue.offer_format(self._flv.change(audio=sound), self._flv.version)
        elif queue.format_version == old_version:
            queue.format_version = self._flv.version

    def _picture_appeared(self) -> None:
        self._audio_only = False
        self._need_key = True
        for viewer in [v for v in self._viewers if v.queue.state is not ViewerState.WAITING]:
            viewer.end("format_changed")
            self._leave(viewer)

    def _publish(self, unit: AccessUnit) -> None:
        tag = self._flv.tag(unit)
        if not tag:
            return
        video = unit.video
        joins = (video and unit.key) or self._audio_only
        for viewer, sound in self._viewers.items():
            queue = viewer.queue
            state = queue.state
            if state is ViewerState.WAITING:
                self._start(viewer, tag, unit.dts)
            elif not (video or sound):
                continue
            elif state is ViewerState.LIVE and queue.offer(tag):
                viewer.wake()
            elif joins:
                self._rejoin(viewer, sound, tag, unit.dts)
            else:
                queue.dropped += 1

    def _start(self, viewer: StreamViewer, tag: bytes | None, dts: int) -> None:
        """Let a waiting viewer begin, if the stream can be begun; `tag` is already cached."""
        output = self._flv
        wants = viewer.audio
        if wants and self.audio is None and dts - self._key_dts < AUDIO_WAIT:
            return
        sound = wants and output.audio is not None
        if self._audio_only:
            if not sound:
                return
            burst = [tag] if tag else []
        else:
            burst = output.burst(audio=sound)
            if not burst:
                return
        self._viewers[viewer] = sound
        viewer.queue.start(output.head(audio=sound), burst, output.version)
        viewer.wake()

    def _rejoin(self, viewer: StreamViewer, sound: bool, tag: bytes, dts: int) -> None:
        queue = viewer.queue
        queue.discard()
        if queue.state is ViewerState.WAITING:
            self._start(viewer, tag, dts)
            return
        stale = queue.format_version != self._flv.version
        head = self._flv.change(audio=sound) if stale else b""
        queue.start(head, (tag,), self._flv.version)
        viewer.wake()

    def open_viewer(self, *, audio: bool) -> StreamViewer:
        """A new viewer, with the cached pictures already queued.  Raises ViewersExhausted."""
        if len(self._viewers) >= self._limits.viewers:
            raise ViewersExhausted(f"{self.stream_id}: {len(self._viewers)} viewers")
        viewer = StreamViewer(self._limits.queue_bytes, audio=audio, on_close=self._leave)
        self._viewers[viewer] = False
        if not self._need_key:
            last = max((unit.dts for unit in self._gop), default=self._key_dts)
            self._start(viewer, None, last)
        self._on_viewers(len(self._viewers))
        return viewer

    def _leave(self, viewer: StreamViewer) -> None:
        if viewer not in self._viewers:
            return
        del self._viewers[viewer]
        self._bytes_gone += viewer.bytes_out
        self._dropped_gone += viewer.dropped_frames
        if not self._viewers:
            self._flv.forget()
        self._on_viewers(len(self._viewers))

    def tick(self, now: float) -> None:
        """Once a second: close viewers that read nothing."""
        stall_s = self._limits.stall_s
        for viewer in [v for v in self._viewers if v.is_stalled(now, stall_s)]:
            viewer.queue.discard()
            viewer.end("stalled")
            self._leave(viewer)

    def close(self, reason: str) -> None:
        """End the stream; viewers read what is queued and then end with this reason."""
        for viewer in list(self._viewers):
            viewer.end(reason)
            self._leave(viewer)
        self._gop.clear()
