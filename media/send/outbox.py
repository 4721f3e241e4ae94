"""What waits for a TCP connection to take it: whole RTP packets in RFC 4571 frames, bounded.

A device that does not read must not make speech late: when more packets wait than fit into 200 ms,
the oldest go. A frame of which a part has left is never cut, because the framing would be lost
with it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from media.rtp.packet import frame_for_tcp

MOST_PACKETS: Final = 10
"""Of 20 ms each."""


class Outbox:
    """The frames of one connection."""

    def __init__(self, most: int = MOST_PACKETS) -> None:
        self.dropped = 0
        """Packets that were too old to be sent."""
        self._most = most
        self._frames: deque[bytes] = deque()
        self._sent = 0
        """Bytes of the first frame that have left."""

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, packet: bytes) -> None:
        """One more packet to be sent."""
        self._frames.append(frame_for_tcp(packet))
        while len(self._frames) > self._most:
            del self._frames[1 if self._sent else 0]
            self.dropped += 1

    def waiting(self) -> bytes:
        """All that is to be written now."""
        if not self._frames:
            return b""
        return b"".join((self._frames[0][self._sent :], *list(self._frames)[1:]))

    def sent(self, size: int) -> None:
        """So many bytes were taken by the connection."""
        size += self._sent
        while self._frames and size >= len(self._frames[0]):
            size -= len(self._frames.popleft())
        self._sent = size if self._frames else 0
