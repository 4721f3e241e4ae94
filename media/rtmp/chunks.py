"""The chunk streams of RTMP: messages cut into chunks, and put together again.

What a stranger can make us hold is bounded: chunk streams, the size of a message, and the bytes
of all messages that have begun. Sizes of chunks and abandoned messages concern this layer alone
and are dealt with here.

Two habits are taken as they are. A chunk that repeats the header of the one before it stands at
the same time when that one named its time in full; and some senders do not repeat an extended
timestamp in the chunks that continue a message.

RTMP 1.0 (Adobe, 2012), sections 5.3 and 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FIRST_CHUNK: Final = 128
"""Bytes of a chunk until the sender says otherwise."""
LEAST_CHUNK: Final = 64
MAX_CHUNK_STREAMS: Final = 32
MAX_MESSAGE: Final = 4 << 20
"""Bytes of a message of somebody who may publish: more than a key frame of a 4K camera has."""
MAX_COMMAND: Final = 64 << 10
"""Bytes of a message of somebody who is not known yet."""
MOST_CHUNK: Final = 0x7FFFFFFF
EXTENDED: Final = 0xFFFFFF
CONTINUES: Final = 3
"""Form of a chunk that has no header of its own."""

SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL = 1, 2, 3, 4
WINDOW_SIZE, PEER_BANDWIDTH = 5, 6
AUDIO, VIDEO = 8, 9
DATA_AMF3, COMMAND_AMF3 = 15, 17
DATA, COMMAND = 18, 20
AGGREGATE: Final = 22

_HEADER_BYTES: Final = (11, 7, 3, 0)


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    kind: int
    """Message type id."""
    stream: int
    """Message stream id; 0 is the connection itself."""
    time: int
    """Milliseconds, 32 bits."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection cannot be read any further."""

    reason: str


class _ChunkStream:
    """What later chunks of one chunk stream refer to."""

    __slots__ = ("delta", "extended", "kind", "left", "length", "parts", "stream", "time")

    def __init__(self) -> None:
        self.time = 0
        self.delta = 0
        self.extended: bytes | None = None
        """The extended timestamp as it was written, where there is one."""
        self.length = 0
        self.kind = 0
        self.stream = 0
        self.left = 0
        """Bytes the message that has begun still lacks."""
        self.parts: list[bytes] = []


@dataclass(frozen=True, slots=True)
class _Head:
    """The headers of one chunk."""

    number: int
    form: int
    header: bytes
    extended: bytes | None
    end: int
    """Where its data begins."""

    @property
    def length(self) -> int:
        return int.from_bytes(self.header[3:6], "big")


class ChunkReader:
    """One connection's bytes behind the handshake."""

    def __init__(self) -> None:
        self.most = MAX_COMMAND
        """Bytes of all messages that have begun."""
        self.chunk_size = FIRST_CHUNK
        self._buffer = bytearray()
        self._streams: dict[int, _ChunkStream] = {}
        self._begun = 0
        self._broken = False

    @property
    def held(self) -> int:
        """Bytes that are kept, or will have to be, for messages that are not complete."""
        return len(self._buffer) + self._begun

    def feed(self, data: bytes) -> Iterator[Message | Broken]:
        """What is complete with these bytes, read while it is taken; nothing behind a `Broken`.

        So what one message changes (`most`) counts for the next one in the same bytes.
        """
        if self._broken:
            return
        self._buffer += data
        at = 0
        while (head := self._head(at)) is not None:
            end, item = (at, head) if isinstance(head, Broken) else self._chunk(head, at)
            if isinstance(item, Broken):
                self._broken = True
                self._buffer.clear()
                self._streams.clear()
                self._begun = 0
                yield item
                return
            if item is not None:
                yield item
            if end == at:
                break
            at = end
        del self._buffer[:at]

    def _head(self, at: int) -> _Head | Broken | None:
        """The headers of the chunk at ``at``; None while they are not complete."""
        buffer, size = self._buffer, len(self._buffer)
        if at >= size:
            return None
        form, number, after = buffer[at] >> 6, buffer[at] & 0x3F, at + 1
        if number < 2:
            after += number + 1
            number = int.from_bytes(buffer[at + 1 : after], "little") + 64
        end = after + _HEADER_BYTES[form]
        if end > size:
            return None
        stream = self._streams.get(number)
        if stream is None and form == CONTINUES:
            return Broken("a chunk continues nothing")
        if stream is None and len(self._streams) >= MAX_CHUNK_STREAMS:
            return Broken("too many chunk streams")
        header = bytes(buffer[after:end])
        if form == CONTINUES:
            expected = stream.extended if stream is not None else None
        else:
            expected = b"" if header.startswith(b"\xff\xff\xff") else None
        if expected is None:
            return _Head(number, form, header, None, end)
        if end + 4 > size:
            return None
        written = bytes(buffer[end : end + 4])
        if expected and written != expected:
            return _Head(number, form, header, None, end)
        return _Head(number, form, header, written, end + 4)

    def _chunk(self, head: _Head, at: int) -> tuple[int, Message | Broken | None]:
        """Where the chunk ends (``at`` while it is not complete), and what it gave."""
        stream = self._streams.get(head.number) or _ChunkStream()
        length = head.length if head.form < 2 else stream.length
        if stream.left and length != stream.length:
            return at, Broken("a message changes its length")
        if not stream.left and self._begun + length > self.most:
            return at, Broken(f"a message of {length} bytes")
        take = min(stream.left or length, self.chunk_size)
        end = head.end + take
        if end > len(self._buffer):
            return at, None
        self._streams[head.number] = stream
        if not stream.left:
            _begin(stream, head)
            self._begun += length
        stream.parts.append(bytes(self._buffer[head.end : end]))
        stream.left -= take
        return end, None if stream.left else self._complete(stream)

    def _complete(self, stream: _ChunkStream) -> Message | Broken | None:
        self._begun -= stream.length
        data = stream.parts[0] if len(stream.parts) == 1 else b"".join(stream.parts)
        stream.parts.clear()
        if stream.kind == SET_CHUNK_SIZE:
            wanted = int.from_bytes(data[:4], "big")
            if len(data) < 4 or not LEAST_CHUNK <= wanted <= MOST_CHUNK:
                return Broken(f"chunks of {wanted} bytes")
            self.chunk_size = wanted
            return None
        if stream.kind == ABORT:
            self._abandon(int.from_bytes(data[:4], "big"))
            return None
        return Message(stream.kind, stream.stream, stream.time, data)

    def _abandon(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None and stream.left:
            self._begun -= stream.length
            stream.parts.clear()
            stream.left = 0


def _begin(stream: _ChunkStream, head: _Head) -> None:
    """The first chunk of a message."""
    form, header = head.form, head.header
    if form != CONTINUES:
        stream.extended = head.extended
        told = int.from_bytes(header[:3] if head.extended is None else head.extended, "big")
        if form == 0:
            stream.time, stream.delta = told, 0
        else:
            stream.delta = told
    if form < 2:
        stream.length = head.length
        stream.kind = header[6]
    if form == 0:
        stream.stream = int.from_bytes(header[7:11], "little")
    else:
        stream.time = (stream.time + stream.delta) & 0xFFFFFFFF
    stream.left = stream.length


class ChunkWriter:
    """Messages of our side as bytes; each begins with a full header."""

    def __init__(self) -> None:
        self.chunk_size = FIRST_CHUNK

    def write(self, message: Message, number: int = 3) -> bytes:
        """``number``: the chunk stream, 2 to 63."""
        data, size = message.data, self.chunk_size
        time = message.time & 0xFFFFFFFF
        extended = time.to_bytes(4, "big") if time >= EXTENDED else b""
        head = (
            bytes((number,))
            + min(time, EXTENDED).to_bytes(3, "big")
            + len(data).to_bytes(3, "big")
            + bytes((message.kind,))
            + message.stream.to_bytes(4, "little")
            + extended
        )
        if len(data) <= size:
            return head + data
        again = bytes((0xC0 | number,)) + extended
        parts = [head, data[:size]]
        for at in range(size, len(data), size):
            parts += (again, data[at : at + size])
        return b"".join(parts)

    def resize(self, size: int) -> bytes:
        """Say that chunks have another size from here on."""
        said = self.write(Message(SET_CHUNK_SIZE, 0, 0, size.to_bytes(4, "big")), 2)
        self.chunk_size = size
        return said
