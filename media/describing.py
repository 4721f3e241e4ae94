"""What a running stream holds, asked by looking at its beginning.

A description cannot be taken back, so it waits, as every viewer does, until the stream can be begun
and its sound had half a second to appear.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from media.errors import MediaTimeout, StreamUnknown
from media.node import MediaNode, Who
from media.rtp.pack import read_preface, unbundle
from media.unit import AudioFormat, VideoFormat

BEGIN_S = 5.0
"""A stream that runs shows a key frame within this time, or is not described."""


@dataclass(frozen=True, slots=True)
class Described:
    """The tracks of a stream."""

    video: VideoFormat | None
    audio: AudioFormat | None
    reordered: bool
    """Pictures are decoded in another order than they are shown in (B frames)."""


async def describe_stream(node: MediaNode, stream_id: str, remote: str) -> Described:
    """The tracks of a stream. Raises StreamUnknown, ViewersExhausted, MediaTimeout."""
    viewer = node.open_viewer(stream_id, "rtp", audio="raw", who=Who(remote=remote))
    try:
        chunk = await asyncio.wait_for(anext(viewer), BEGIN_S)
    except TimeoutError:
        raise MediaTimeout("first", BEGIN_S) from None
    except StopAsyncIteration:
        raise StreamUnknown(stream_id) from None
    finally:
        await viewer.aclose()
    found = read_preface(chunk)
    if found is None:
        raise StreamUnknown(stream_id)
    reordered = any(not unit.audio and unit.pts != unit.dts for unit in unbundle(chunk))
    return Described(found.video, found.audio, reordered)
