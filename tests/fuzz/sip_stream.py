"""SIP on TCP: the same messages and errors however it is cut, and little is held back."""

from __future__ import annotations

from collections.abc import Callable

from sip.errors import ParseError
from sip.framing import StreamFramer
from tests.support.sip_reading import touch

from .cutting import however_cut
from .vectors import sip_messages

HEADER, BODY, GARBAGE = 2000, 1000, 3000
LONGEST = 1024


def seeds() -> list[bytes]:
    messages = sip_messages()
    return [*messages, b"\r\n\r\n".join(messages[:3]), messages[0][:200] + messages[1]]


def check(data: bytes) -> None:
    however_cut(_reader, data)


def _reader() -> Callable[[bytes], list[object]]:
    framer = StreamFramer(max_header=HEADER, max_body=BODY, max_garbage=GARBAGE)

    def feed(piece: bytes) -> list[object]:
        out: list[object] = []
        for item in framer.feed(piece):
            if isinstance(item, ParseError):
                out.append((type(item).__name__, item.status_hint, str(item)))
            else:
                touch(item)
                out.append(item.to_bytes())
        assert framer.pending <= HEADER + 3 + BODY + len(piece)
        return out

    return feed
