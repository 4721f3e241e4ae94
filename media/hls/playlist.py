"""The media playlist of a live stream, with parts for players of low latency.

RFC 8216 4.3 and 6.2; RFC 8216bis (draft) 4.4.3.7 (PART-INF), 4.4.3.8 (SERVER-CONTROL), 4.4.4.9
(PART), 4.4.5.3 (PRELOAD-HINT), 6.2.5.2 (blocking reload).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.hls.segments import Segment, Segmenter
from media.unit import CLOCK_HZ

PART_SLACK: Final = CLOCK_HZ // 20
"""A part may last this much longer than it is cut for: a picture can be late."""
HOLD_PARTS: Final = 3
"""PART-HOLD-BACK in parts, HOLD-BACK in target durations."""
PARTS_BACK: Final = 3
"""Target durations from the end in which parts are named."""
MOST_AHEAD: Final = 2
"""Segments behind the newest a reload may wait for."""


def playlist(stream: Segmenter, prefix: str, suffix: str, stamp: Callable[[int], str]) -> str:
    """What is there now; a whole segment must be.

    `prefix` and `suffix` are put around every address; `stamp` tells the time of day of a decoding
    time.
    """
    listed = stream.listed()
    target = stream.target_s or 1
    part = (stream.part_target + PART_SLACK) / CLOCK_HZ
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES"
        f",PART-HOLD-BACK={HOLD_PARTS * part:.3f},HOLD-BACK={HOLD_PARTS * target}",
        f"#EXT-X-PART-INF:PART-TARGET={part:.3f}",
        f"#EXT-X-MEDIA-SEQUENCE:{listed[0].number}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{stream.breaks_gone}",
    ]
    remains = sum(segment.duration for segment in listed)
    init = None
    for segment in listed:
        if segment.broken:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.init != init:
            init = segment.init
            lines.append(f'#EXT-X-MAP:URI="{prefix}init{init}.mp4{suffix}"')
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{stamp(segment.begins)}")
        if remains <= PARTS_BACK * target * CLOCK_HZ or not segment.complete:
            lines += _parts(segment, prefix, suffix)
        remains -= segment.duration
        if segment.complete:
            lines.append(f"#EXTINF:{segment.duration / CLOCK_HZ:.5f},")
            lines.append(f"{prefix}segment{segment.number}.m4s{suffix}")
    number, index = stream.next_part
    hint = f"{prefix}part{number}.{index}.m4s{suffix}"
    lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{hint}"')
    return "\n".join(lines) + "\n"


def has(stream: Segmenter, number: int, part: int | None) -> bool:
    """Whether the playlist has come to this segment, or to this part of it.

    A part behind the last one of a whole segment is the first of the next (6.2.5.2).
    """
    if not any(segment.complete for segment in stream.segments):
        return False
    segment = stream.find(number)
    if segment is None:
        return stream.segments[-1].number > number
    if part is None or len(segment.parts) > part:
        return segment.complete or part is not None
    return segment.complete and has(stream, number + 1, 0)


def is_far(stream: Segmenter, number: int) -> bool:
    """Whether nobody who read the playlist can be waiting for this segment yet."""
    return number > stream.next_part[0] + MOST_AHEAD


def _parts(segment: Segment, prefix: str, suffix: str) -> list[str]:
    return [
        f"#EXT-X-PART:DURATION={part.duration / CLOCK_HZ:.5f}"
        f',URI="{prefix}part{segment.number}.{index}.m4s{suffix}"'
        + (",INDEPENDENT=YES" if part.independent else "")
        for index, part in enumerate(segment.parts)
    ]
