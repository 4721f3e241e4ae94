"""What a server sends to an RTSP client: replies, and `$` frames with the media between them.

Bytes in, items out; what breaks a limit or the form gives one ``Broken``, and nothing is read
behind it. A request of the server (some announce an end so) is passed over.

RFC 2326 6 (responses), 10.12 (interleaving).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.rtsp.message import Frame

MAX_HEAD: Final = 16 * 1024
MAX_HEADERS: Final = 64
MAX_BODY: Final = 64 * 1024
"""Bytes of a description."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Names of headers are in lower case; those that come several times are kept in order."""

    status: int
    phrase: str
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    def get(self, name: str) -> str:
        """The first header of this name, or an empty text."""
        return self.headers.get(name, [""])[0]


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection cannot be read any further."""

    reason: str


Item = Reply | Frame | Broken


class ReplyReader:
    """One connection's bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken = False

    def feed(self, data: bytes) -> list[Item]:
        """What is complete with these bytes."""
        out: list[Item] = []
        if self._broken:
            return out
        buffer = self._buffer
        buffer += data
        at, size = 0, len(buffer)
        while at < size:
            if buffer[at] == 0x24:
                if size - at < 4:
                    break
                end = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
                if end > size:
                    break
                out.append(Frame(buffer[at + 1], bytes(buffer[at + 4 : end])))
                at = end
            elif buffer[at] in b"\r\n":
                at += 1
            else:
                item, end = self._reply(at)
                if end <= at:
                    break
                at = end
                if item is not None:
                    out.append(item)
                if isinstance(item, Broken):
                    self._broken = True
                    at = size
        del buffer[:at]
        return out

    def _reply(self, at: int) -> tuple[Reply | Broken | None, int]:
        """The message at `at` and where it ends; there itself while it is not complete."""
        buffer = self._buffer
        found = [
            (end, len(mark))
            for mark in (b"\n\r\n", b"\n\n")
            if (end := buffer.find(mark, at, at + MAX_HEAD)) >= 0
        ]
        if not found:
            if len(buffer) - at > MAX_HEAD:
                return Broken("the head is too long"), at + 1
            return None, at
        end, size = min(found)
        head = _head(bytes(buffer[at:end]).decode("utf-8", "replace"))
        if isinstance(head, Broken):
            return head, at + 1
        told = head.get("content-length") or "0"
        if not (told.isascii() and told.isdecimal()) or len(told) > 9 or int(told) > MAX_BODY:
            return Broken("the body's length is wrong or too large"), at + 1
        begin = end + size
        if len(buffer) < begin + int(told):
            return None, at
        after = begin + int(told)
        if not head.status:
            return None, after
        return Reply(head.status, head.phrase, head.headers, bytes(buffer[begin:after])), after


def _head(text: str) -> Reply | Broken:
    """Status 0 stands for a request."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    words = lines[0].split(None, 2)
    if len(lines) > MAX_HEADERS:
        return Broken("too many headers")
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon and name.strip():
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    if len(words) >= 2 and words[0].upper().startswith("RTSP/1"):
        status = words[1]
        if len(status) == 3 and status.isascii() and status.isdecimal() and status[0] != "0":
            return Reply(int(status), words[2][:200] if len(words) > 2 else "", headers)
    elif len(words) == 3 and words[2].upper().startswith("RTSP/1"):
        return Reply(0, "", headers)
    return Broken("no RTSP")
