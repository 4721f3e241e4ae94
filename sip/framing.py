"""TCP bytes to messages (RFC 3261 clause 18.3): a decoder, `feed(data) -> messages and errors`.

A stream has no message borders but Content-Length, so a wrong one is worse here than in a
datagram. What happens then:

* a head that cannot be read, but whose Content-Length can: one ParseError, its body is skipped;
* bytes that are no head: one ParseError, and reading goes on at the next line that is a start
  line, which is how a sender that miscounted its body is understood again;
* no way to know where the next message begins (a broken, contradicting or far too large length,
  a head without an end, `max_garbage` bytes of nonsense): one ParseError, and `broken` is set.
  The owner closes the connection; further bytes are ignored.

Line ends between messages (RFC 5626 keep-alives) are swallowed. What comes out depends on the bytes
only, never on how they were cut; the cost is linear, also when they come one by one.
"""

from __future__ import annotations

import re

from sip.errors import MessageTooLarge, ParseError
from sip.message import Request, Response
from sip.parser import DEFAULT_LIMITS, Limits, content_length, parse_head

_HEAD_END = re.compile(rb"\n\r?\n")
_START_LINE = re.compile(
    rb"^(?:SIP/2\.0 [1-6][0-9][0-9]|[A-Z]{1,32} [a-zA-Z][a-zA-Z0-9+.\-]*:[^ \r\n]+ SIP/2\.0\r?$)",
    re.MULTILINE,
)
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?$", re.I | re.M)

Framed = Request | Response | ParseError


class StreamFramer:
    """One direction of one connection."""

    def __init__(
        self,
        max_header: int = DEFAULT_LIMITS.header_bytes,
        max_body: int = DEFAULT_LIMITS.body_bytes,
        max_garbage: int = 65_536,
    ) -> None:
        self._limits = Limits(header_bytes=max_header, body_bytes=max_body)
        self._max_garbage = max_garbage
        self._buffer = bytearray()
        self._scanned = 0
        self._skip = 0
        self._waiting: Request | Response | None = None
        self._needed = 0
        self._garbage = 0
        self.broken = False
        """Set for good when the border of the next message is lost; `feed` then returns nothing."""

    @property
    def pending(self) -> int:
        """Bytes held back because a message is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Framed]:
        """All messages and errors that are complete with these bytes."""
        out: list[Framed] = []
        if self.broken:
            return out
        self._buffer += data
        while self._step(out):
            pass
        return out

    def _step(self, out: list[Framed]) -> bool:
        """Take one unit from the front of the buffer; False when that is not possible (yet)."""
        if self._waiting is not None:
            return self._take_body(out)
        if self._skip:
            return self._drop_skipped()
        if not self._scanned:
            self._swallow_line_ends()
        return self._take_head(out)

    def _take_body(self, out: list[Framed]) -> bool:
        if len(self._buffer) < self._needed or self._waiting is None:
            return False
        message, self._waiting = self._waiting, None
        message.body = bytes(self._buffer[: self._needed])
        self._cut(self._needed)
        out.append(message)
        return True

    def _drop_skipped(self) -> bool:
        count = min(self._skip, len(self._buffer))
        self._skip -= count
        self._cut(count)
        return not self._skip

    def _swallow_line_ends(self) -> None:
        buffer = self._buffer
        at = 0
        while at < len(buffer) and buffer[at] in b"\r\n":
            at += 1
        if at:
            self._cut(at)

    def _take_head(self, out: list[Framed]) -> bool:
        buffer = self._buffer
        limit = self._limits.header_bytes
        found = _HEAD_END.search(buffer, self._scanned, limit + 3)
        if found is None:
            if len(buffer) >= limit + 3:
                sample = bytes(buffer[:64])
                self._break(out, MessageTooLarge("header block without an end", sample=sample))
                return False
            # The three bytes of the mark may arrive one by one.
            self._scanned = max(0, len(buffer) - 2)
            return False
        head = bytes(buffer[: found.start()]).removesuffix(b"\r")
        try:
            message = parse_head(head, self._limits)
        except ParseError as error:
            self._after_bad_head(out, error, head, found.end())
            return not self.broken
        self._cut(found.end())
        self._garbage = 0
        self._expect_body(out, message)
        return not self.broken

    def _expect_body(self, out: list[Framed], message: Request | Response) -> None:
        try:
            length = content_length(message) or 0
        except ParseError as error:
            error.message = message
            self._break(out, error)
            return
        if length > self._limits.body_bytes:
            big = MessageTooLarge("body too large", status_hint=513, message=message)
            self._break(out, big)
        elif length:
            self._waiting, self._needed = message, length
        else:
            out.append(message)

    def _after_bad_head(self, out: list[Framed], error: ParseError, head: bytes, end: int) -> None:
        """Decide where to go on behind a head that could not be read."""
        if error.message is None:
            restart = _START_LINE.search(head, 1)
            if restart is not None:
                self._note_garbage(out, error, restart.start())
                return
        lengths = {int(value) for value in _LENGTH.findall(head)}
        if len(lengths) == 1 and max(lengths) <= self._limits.body_bytes:
            self._skip = max(lengths)
        self._note_garbage(out, error, end)

    def _note_garbage(self, out: list[Framed], error: ParseError, count: int) -> None:
        first = not self._garbage
        self._garbage += count
        if self._garbage > self._max_garbage:
            self._break(out, error)
            return
        # One report for a run of nonsense, and one for each message that can be answered.
        if first or error.message is not None:
            out.append(error)
        self._cut(count)

    def _break(self, out: list[Framed], error: ParseError) -> None:
        self.broken = True
        out.append(error)
        self._cut(len(self._buffer))

    def _cut(self, count: int) -> None:
        del self._buffer[:count]
        self._scanned = 0
