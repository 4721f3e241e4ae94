"""Recordings on a disk and the index of them, without a camera and a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gb28181.recording.archive import RecordedArchive
from gb28181.recording.storage import LocalStorage
from gb28181.store.recordings import GapRecord, SegmentRecord
from media.record.cutter import Cutter
from media.record.segment import SegmentsInfo
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, VideoFormat
from tests.unit.media.media_files import files_of

START = datetime(2026, 11, 21, tzinfo=UTC)


class FakeIndex:
    """Rows in memory."""

    def __init__(self) -> None:
        self.rows: list[SegmentRecord] = []

    async def segments(
        self, channel_id: str, start: datetime, end: datetime, limit: int = 10_000
    ) -> list[SegmentRecord]:
        return [
            one
            for one in self.rows
            if one.channel_id == channel_id
            and one.start_at < end
            and (one.end_at > start or one.state == "growing")
        ]

    async def segment(self, segment_id: str) -> SegmentRecord | None:
        return None

    async def gaps(self, channel_id: str, start: datetime, end: datetime) -> list[GapRecord]:
        return []

    async def protect(self, segment_ids: list[str], on: bool) -> None: ...
    async def delete_segment(self, segment_id: str) -> None: ...


class Shelf:
    """What was recorded of one channel."""

    def __init__(self, folder: Path, channel_id: str) -> None:
        self.folder = folder
        self.channel_id = channel_id
        self.index = FakeIndex()
        self.storage = LocalStorage(folder)
        self.infos: dict[str, SegmentsInfo] = {}
        self.archive = RecordedArchive(self.index, self.storage, lambda: self.infos)

    @property
    def rows(self) -> list[SegmentRecord]:
        return self.index.rows

    def put(
        self,
        units: tuple[AccessUnit, ...] | list[AccessUnit],
        video: VideoFormat | None,
        sound: AudioFormat | None = None,
        *,
        at_s: float = 0.0,
        length_s: float = 600.0,
        indexed: bool = True,
    ) -> None:
        """Record these as if the first of them had come `at_s` behind the start."""
        begins = START.timestamp() + at_s
        cutter = Cutter(length_s)
        outs = cutter.set_format(video, sound, begins)
        for unit in sorted(units, key=lambda one: (one.dts, not one.video)):
            outs += cutter.push(unit, begins + unit.dts / CLOCK_HZ)
        for file in files_of([*outs, *cutter.close(begins)]):
            number = len(self.rows)
            path = f"2026-11-21/{self.channel_id}/{number}.mp4"
            data = file.data if indexed else file.without_index
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)
            start = datetime.fromtimestamp(file.start, UTC)
            lasts = timedelta(seconds=file.end - file.start)
            record = SegmentRecord(f"s{number}", self.channel_id, path, start, start + lasts)
            record.size, record.state = len(data), "done"
            self.rows.append(record)
