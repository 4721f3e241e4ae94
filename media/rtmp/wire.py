"""One RTMP connection below the commands: handshake, chunks, acknowledgements, pings.

Both ends of a connection need the same here. What has to be sent gathers in `outgoing`.

RTMP 1.0 (Adobe, 2012), sections 5.2 to 5.4 and 7.1.7 (user control messages).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from media.errors import StreamFormatError
from media.rtmp.chunks import (
    ACKNOWLEDGEMENT,
    PEER_BANDWIDTH,
    USER_CONTROL,
    WINDOW_SIZE,
    Broken,
    ChunkReader,
    ChunkWriter,
    Message,
)
from media.rtmp.handshake import ClientHandshake, ServerHandshake

CONTROL: Final = 2
"""The chunk stream of everything that concerns the connection."""
PING_REQUEST, PING_RESPONSE = 6, 7
LEAST_WINDOW: Final = 4096
"""Bytes between two acknowledgements, whatever the other side asks for."""
MOST_PINGS: Final = 16
"""Pings answered for one read."""


class Wire:
    """Bytes in, messages out."""

    def __init__(self, handshake: ServerHandshake | ClientHandshake) -> None:
        self.reader = ChunkReader()
        self.writer = ChunkWriter()
        self._handshake = handshake
        self._outgoing = bytearray()
        self._received = 0
        self._acknowledged = 0
        self._window = 0

    @property
    def greeted(self) -> bool:
        """The handshake is over."""
        return self._handshake.done

    def take(self) -> bytes:
        """What is to be sent now; once."""
        found = bytes(self._outgoing)
        self._outgoing.clear()
        return found

    def put(self, message: Message, number: int = 3) -> None:
        """Send a message in this chunk stream."""
        self._outgoing += self.writer.write(message, number)

    def resize(self, size: int) -> None:
        """Send chunks of another size from here on."""
        self._outgoing += self.writer.resize(size)

    def say(self, data: bytes) -> None:
        """Send bytes that belong to no message."""
        self._outgoing += data

    def feed(self, data: bytes) -> Iterator[Message | Broken]:
        """Messages that concern commands and media; what concerns the connection is done.

        They are read while they are taken: all have to be.
        """
        self._received += len(data)
        if not self._handshake.done:
            try:
                self._outgoing += self._handshake.feed(data)
            except StreamFormatError as error:
                yield Broken(str(error))
                return
            data = self._handshake.rest() if self._handshake.done else b""
        pings = 0
        for item in self.reader.feed(data):
            if isinstance(item, Message) and item.kind in _OF_CONNECTION:
                pings += item.kind == USER_CONTROL
                if pings <= MOST_PINGS:
                    self._control(item)
            else:
                yield item
        self._acknowledge()

    def _control(self, message: Message) -> None:
        data = message.data
        if message.kind == WINDOW_SIZE and len(data) >= 4:
            self._window = max(int.from_bytes(data[:4], "big"), LEAST_WINDOW)
        elif message.kind == USER_CONTROL and data[:2] == PING_REQUEST.to_bytes(2, "big"):
            answer = PING_RESPONSE.to_bytes(2, "big") + data[2:6]
            self.put(Message(USER_CONTROL, 0, 0, answer), CONTROL)

    def _acknowledge(self) -> None:
        if self._window and self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            told = (self._received & 0xFFFFFFFF).to_bytes(4, "big")
            self.put(Message(ACKNOWLEDGEMENT, 0, 0, told), CONTROL)


_OF_CONNECTION: Final = frozenset({ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH})
