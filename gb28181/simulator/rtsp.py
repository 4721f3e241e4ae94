"""MANSRTSP from the device's side: the orders in an INFO, and the answers. GB/T 28181-2022 annex B.

Not here: what becomes of an order (`showing.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CONTENT_TYPE: Final = "Application/MANSRTSP"
_FIRST: Final = re.compile(r"\s*(PLAY|PAUSE|TEARDOWN)\b[^\r\n]*RTSP/1\.[01]", re.IGNORECASE)
_CSEQ: Final = re.compile(r"^CSeq:[ \t]*(\d{1,9})", re.IGNORECASE | re.MULTILINE)
_SCALE: Final = re.compile(r"^Scale:[ \t]*(-?\d{1,3}(?:\.\d{1,6})?)", re.IGNORECASE | re.MULTILINE)
_RANGE: Final = re.compile(
    r"^Range:[ \t]*npt=[ \t]*(now|\d{1,9}(?:\.\d{1,6})?)[ \t]*-[ \t]*(\d{1,9}(?:\.\d{1,6})?)?",
    re.IGNORECASE | re.MULTILINE,
)
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    454: "Session Not Found",
    551: "Option not supported",
}


@dataclass(frozen=True, slots=True)
class Order:
    method: str
    """PLAY, PAUSE or TEARDOWN."""
    cseq: str = ""
    scale: float | None = None
    npt: float | None = None
    """Seconds from the start of `t=`; None for `now` and where there is no Range."""


def read(body: bytes) -> Order | None:
    """The order in a body; None for none."""
    text = body.decode("latin-1").replace("\r", "")
    first = _FIRST.match(text)
    if first is None:
        return None
    cseq, scale, span = _CSEQ.search(text), _SCALE.search(text), _RANGE.search(text)
    place = span.group(1) if span is not None else "now"
    return Order(
        first.group(1).upper(),
        cseq.group(1) if cseq else "",
        float(scale.group(1)) if scale else None,
        None if place.lower() == "now" else float(place),
    )


def write(status: int, cseq: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    lines = [f"RTSP/1.0 {status} {_REASONS.get(status, '')}".rstrip()]
    if cseq:
        lines.append(f"CSeq: {cseq}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join((*lines, "", "")).encode("ascii")
