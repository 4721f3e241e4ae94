"""The RTMP handshake: three packets each way before the first message.

The simple form, without digests: the version we name in ours is 0, and everybody who knows the
digests (FFmpeg, hardware encoders) goes on without them then.

RTMP 1.0 (Adobe, 2012), section 5.2.
"""

from __future__ import annotations

from typing import Final

from media.errors import StreamFormatError

VERSION: Final = 3
PACKET: Final = 1536
RANDOM: Final = PACKET - 8


class ServerHandshake:
    """Our side when somebody connects."""

    def __init__(self, random: bytes) -> None:
        """``random``: `RANDOM` bytes."""
        self._own = bytes(8) + random
        self._buffer = bytearray()
        self._answered = False
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """What to answer; whatever is behind the handshake is kept for `rest`.

        Raises StreamFormatError.
        """
        self._buffer += data
        answer = b""
        if self._buffer and self._buffer[0] != VERSION and not self._answered:
            raise StreamFormatError("no RTMP")
        if not self._answered and len(self._buffer) > PACKET:
            theirs = bytes(self._buffer[1 : PACKET + 1])
            del self._buffer[: PACKET + 1]
            answer = bytes((VERSION,)) + self._own + theirs
            self._answered = True
        if self._answered and len(self._buffer) >= PACKET:
            # What they echo is not compared: some encoders echo it wrongly, and nothing is proved.
            del self._buffer[:PACKET]
            self.done = True
        return answer

    def rest(self) -> bytes:
        """Bytes that came behind the handshake; once."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


class ClientHandshake:
    """Our side when we connect."""

    def __init__(self, random: bytes) -> None:
        """``random``: `RANDOM` bytes."""
        self._own = bytes(8) + random
        self._buffer = bytearray()
        self.done = False

    def start(self) -> bytes:
        """What to send first."""
        return bytes((VERSION,)) + self._own

    def feed(self, data: bytes) -> bytes:
        """What to answer.  Raises StreamFormatError."""
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            raise StreamFormatError("no RTMP")
        if self.done or len(self._buffer) <= 2 * PACKET:
            return b""
        theirs = bytes(self._buffer[1 : PACKET + 1])
        del self._buffer[: 2 * PACKET + 1]
        self.done = True
        return theirs

    def rest(self) -> bytes:
        """Bytes that came behind the handshake; once."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest
