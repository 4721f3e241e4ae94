"""The viewers of a stream who take the same container.

A viewer begins at a key frame: at once when one is cached, otherwise with the next, in the very
call that brings it.  A player cannot add a track it was not told of in the first header.  So a
viewer who wants sound waits up to half a second of stream time for the sound's format (nothing is
lost, the pictures are cached).
"""

from __future__ import annotations

from collections.abc import Iterator

from media.output.container import Output
from media.output.viewers import StreamViewer, ViewerState
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat

AUDIO_WAIT = CLOCK_HZ // 2


class Audience:
    """Viewers and the output they share."""

    __slots__ = ("_output", "_viewers")

    def __init__(self, output: Output) -> None:
        self._output = output
        self._viewers: dict[StreamViewer, AudioFormat | None] = {}  # the value: the sound sent

    def __len__(self) -> int:
        return len(self._viewers)

    def __iter__(self) -> Iterator[StreamViewer]:
        return iter(list(self._viewers))

    def __contains__(self, viewer: object) -> bool:
        return viewer in self._viewers

    @property
    def listens(self) -> bool:
        """Whether somebody wants AAC, whatever the camera sends."""
        return any(viewer.audio == "aac" for viewer in self._viewers)

    def add(self, viewer: StreamViewer) -> None:
        self._viewers[viewer] = None

    def remove(self, viewer: StreamViewer) -> None:
        del self._viewers[viewer]
        if not self._viewers:
            self._output.forget()

    def forget(self) -> None:
        """What is cached was emptied."""
        self._output.forget()

    def set_format(
        self, video: VideoFormat | None, raw: AudioFormat | None, aac: AudioFormat | None
    ) -> None:
        """New formats: viewers are told what concerns them, and nothing else."""
        output = self._output
        old_video, old_version = output.video, output.version
        output.set_format(video, raw, aac)
        for viewer, sound in self._viewers.items():
            queue = viewer.queue
            if queue.state is ViewerState.WAITING:
                continue
            told = sound is not None or output.adds_tracks
            new = output.track(viewer.audio) if told else None
            if old_video != video or new != sound:
                self._viewers[viewer] = new
                if queue.state is ViewerState.LIVE and (change := output.change(new)):
                    queue.offer_format(change, output.version)
            elif queue.format_version == old_version:
                queue.format_version = output.version

    def publish(self, unit: AccessUnit, begins: bool, sound_due: bool) -> None:
        """A unit that was just put into the cache.

        `begins`: a viewer may go on here.  `sound_due`: nobody waits for a sound's format.
        """
        chunk = self._output.chunk(unit)
        if not chunk:
            return
        video, codec = unit.video, unit.codec
        for viewer, sound in self._viewers.items():
            queue = viewer.queue
            state = queue.state
            if state is ViewerState.WAITING:
                self.start(viewer, chunk, sound_due)
            elif not (video or (sound is not None and sound.codec is codec)):
                continue
            elif state is ViewerState.LIVE and queue.offer(chunk):
                viewer.wake()
            elif begins:
                self._rejoin(viewer, sound, chunk, sound_due)
            else:
                queue.dropped += 1

    def start(self, viewer: StreamViewer, chunk: bytes | None, sound_due: bool) -> None:
        """Let a waiting viewer begin, if the stream can be begun; `chunk` is already cached."""
        output = self._output
        sound = output.track(viewer.audio)
        if sound is None and viewer.audio != "off" and not sound_due:
            return
        if output.video is None:  # sound alone
            if sound is None:
                return
            burst = [chunk] if chunk else []
        else:
            burst = output.burst(sound)
            if not burst:
                return
        head = output.head(sound)
        if not head:
            return  # the parameter sets do not suffice (yet)
        self._viewers[viewer] = sound
        viewer.queue.start(head, burst, output.version)
        viewer.wake()

    def _rejoin(
        self, viewer: StreamViewer, sound: AudioFormat | None, chunk: bytes, sound_due: bool
    ) -> None:
        queue = viewer.queue
        queue.discard()
        if queue.state is ViewerState.WAITING:
            self.start(viewer, chunk, sound_due)
            return
        stale = queue.format_version != self._output.version
        head = self._output.change(sound) if stale else b""
        queue.start(head, (chunk,), self._output.version)
        viewer.wake()
