"""The recordings of a node, by stream: spool files and segments. They outlive streams."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from media.node import (
    NodeEvent,
    RecordingBusy,
    RecordingFailed,
    RecordingImpossible,
    RecordingInfo,
)
from media.record.recorder import Recorder, told
from media.record.segment import SegmentsInfo, SegmentSpec
from media.record.segments import SegmentRecorder
from media.stream import Stream


class Recordings:
    """One thread writes them all."""

    def __init__(
        self, stream: Callable[[str], Stream | None], emit: Callable[[NodeEvent], None]
    ) -> None:
        self._stream = stream
        self._emit = emit
        self._recorders: dict[str, Recorder] = {}
        self._segments: dict[str, SegmentRecorder] = {}
        self._disk: ThreadPoolExecutor | None = None

    async def aclose(self) -> None:
        """End them, with all of it in the files."""
        for stream_id in list(self._recorders):
            await self.stop_recording(stream_id)
        for stream_id in list(self._segments):
            await self.stop_segments(stream_id)
        if self._disk is not None:
            self._disk.shutdown(wait=False)
            self._disk = None

    def attach(self, stream: Stream) -> None:
        """A stream begins (again): go on with what is wanted of it."""
        stream.record(self._recorders.get(stream.stream_id))
        stream.record_segments(self._segments.get(stream.stream_id))

    async def record(self, stream_id: str, path: str) -> None:
        if stream_id in self._recorders:
            raise RecordingBusy(stream_id)
        recorder = Recorder(
            path, self._disk_thread(), lambda reason: self._emit(RecordingFailed(stream_id, reason))
        )
        self._recorders[stream_id] = recorder
        try:
            await recorder.open()
        except OSError as error:
            del self._recorders[stream_id]
            raise RecordingImpossible(f"{path}: {error}") from error
        stream = self._stream(stream_id)
        if stream is not None:
            stream.record(recorder)

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        recorder = self._recorders.get(stream_id)
        if recorder is None:
            return None
        stream = self._stream(stream_id)
        if stream is not None:
            stream.record(None)
        await recorder.aclose()
        self._recorders.pop(stream_id, None)
        return told(stream_id, recorder)

    def recording(self, stream_id: str) -> RecordingInfo | None:
        recorder = self._recorders.get(stream_id)
        return None if recorder is None else told(stream_id, recorder)

    def recorded(self) -> list[str]:
        """Streams being recorded."""
        return list(self._recorders)

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        if stream_id in self._segments:
            raise RecordingBusy(stream_id)
        try:
            recorder = SegmentRecorder(stream_id, spec, self._disk_thread(), self._emit)
            self._segments[stream_id] = recorder
            await recorder.prepare()
        except (OSError, ValueError) as error:
            self._segments.pop(stream_id, None)
            raise RecordingImpossible(f"{spec.folder}: {error}") from error
        stream = self._stream(stream_id)
        if stream is not None:
            stream.record_segments(recorder)

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        recorder = self._segments.get(stream_id)
        if recorder is None:
            return None
        stream = self._stream(stream_id)
        if stream is not None and stream.segments is recorder:
            stream.record_segments(None)
        await recorder.aclose()
        self._segments.pop(stream_id, None)
        return recorder.info

    def segments(self, stream_id: str) -> SegmentsInfo | None:
        recorder = self._segments.get(stream_id)
        return None if recorder is None else recorder.info

    def segmented(self) -> list[str]:
        """Streams being recorded in segments."""
        return list(self._segments)

    def _disk_thread(self) -> ThreadPoolExecutor:
        if self._disk is None:
            self._disk = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        return self._disk
