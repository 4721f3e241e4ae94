"""Segment files as a disk would hold them, made of what the cutter gives."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import av

from media.record.cutter import Closed, Opened, Out, Written

from .samples import Judged, judge


@dataclass
class File:
    """One file."""

    start: float
    video: str
    audio: str
    data: bytes
    end: float = 0.0
    pictures: int = 0
    reason: str = ""
    without_index: bytes = b""


def files_of(outs: list[Out]) -> list[File]:
    """The files that were begun and ended."""
    files: list[File] = []
    for out in outs:
        match out:
            case Opened():
                assert not files or files[-1].reason, "the one before is not closed"
                video = "" if out.video is None else f"{out.video.width}x{out.video.height}"
                audio = "" if out.audio is None else out.audio.codec.value
                files.append(File(out.start, video, audio, out.data))
            case Written():
                files[-1].data += out.data
                files[-1].end = out.end
                files[-1].pictures += out.pictures
            case Closed():
                file = files[-1]
                file.without_index = file.data
                file.data = file.data[: out.at] + out.index + file.data[out.at + len(out.index) :]
                assert file.end == out.end
                file.reason = out.reason
    assert all(file.reason for file in files)
    return files


def judged(data: bytes, *, strict: bool = True) -> Judged:
    """What FFmpeg reads; not `strict` for a file whose end is cut off."""
    if strict:
        return judge(data, "mp4")
    with av.open(io.BytesIO(data), format="mp4") as container:
        decoded = 0
        with contextlib.suppress(av.FFmpegError):  # the packet that is cut
            for _ in container.decode(video=0):
                decoded += 1
    return Judged({}, {}, 0, 0, decoded)
