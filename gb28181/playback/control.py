"""Control of a recording that is being sent: MANSRTSP inside INFO (GB/T 28181-2022 annex B).

A codec: actions in, bodies out, and what the device says to them. The rules that devices insist
on: speed sends ``Scale`` alone, seek sends ``Range`` alone, resume sends neither a time nor a
scale. The CSeq of MANSRTSP counts for itself, apart from SIP's.

Reverse is ``Scale: -1.0`` or faster, where the device can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

CONTENT_TYPE = "Application/MANSRTSP"
SLOWEST = 0.25
FASTEST = 8.0
_STATUS = re.compile(rb"\s*(?:RTSP|MANSRTSP)/1\.[01][ \t]+(\d{3})", re.IGNORECASE)
_SCALE = re.compile(rb"^Scale:[ \t]*(-?\d{1,3}(?:\.\d{1,6})?)[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Action(StrEnum):
    """What can be asked of a running playback."""

    PAUSE = "pause"
    RESUME = "resume"
    SEEK = "seek"
    SPEED = "speed"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the device said to an INFO."""

    status: int
    """Of MANSRTSP where there is one, else of SIP."""
    scale: float | None = None
    """The speed it really took; a device that only runs backwards at -1 answers -1."""

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Writer:
    """The requests of one dialog."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def pause(self) -> bytes:
        return self._write("PAUSE", "PauseTime: now")

    def resume(self) -> bytes:
        """At the former speed."""
        return self._write("PLAY", "Range: npt=now-")

    def seek(self, seconds: float) -> bytes:
        """To so many seconds behind the start of the call's ``t=``."""
        return self._write("PLAY", f"Range: npt={_number(max(0.0, seconds))}-")

    def scale(self, scale: float) -> bytes:
        """Run so many times faster; below 0: backwards."""
        return self._write("PLAY", f"Scale: {scale:.6f}".rstrip("0") + _tail(scale))

    def teardown(self) -> bytes:
        return self._write("TEARDOWN")

    def _write(self, method: str, *headers: str) -> bytes:
        lines = [f"{method} RTSP/1.0", f"CSeq: {next(self._numbers)}", *headers, "", ""]
        return "\r\n".join(lines).encode("ascii")


def possible_scale(scale: float) -> bool:
    """Forwards 0.25 to 8, backwards the same."""
    return SLOWEST <= abs(scale) <= FASTEST


def read_answer(status: int, body: bytes) -> Verdict:
    """What the device's answer to INFO means. Many answer 200 without a body, which is a yes; one
    that carries a refusal in a SIP 200 means the refusal."""
    if not 200 <= status < 300:
        return Verdict(status)
    found = _STATUS.match(body)
    told = _SCALE.search(body.replace(b"\r", b""))
    scale = float(told.group(1)) if told else None
    return Verdict(int(found.group(1)) if found else status, scale)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}".rstrip("0")


def _tail(scale: float) -> str:
    """`2.` is written `2.0`."""
    return "0" if scale == int(scale) else ""
