"""Who may open which stream: what the servers of this package ask of the rest of the platform.

An RTSP connection knows an address and credentials, and nothing of devices or users. Behind the
door somebody checks them, starts the pull and says which stream it became, or why not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from media.errors import MediaError


@dataclass(frozen=True, slots=True)
class Wish:
    """What a player asks for, and what it shows for it."""

    kind: str
    """`live`, or `play` for a recording that is being played."""
    name: str
    """The stream's name in the address: a channel, or the stream of a recording."""
    stream: str
    """`main` or `sub`."""
    ticket: str | None
    authorization: str
    """The header as it came; empty when there was none."""
    address: str
    """The host the player speaks from."""


class Refused(MediaError):
    """The door stays shut; ``status`` is the HTTP status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Admission:
    """What a wish became."""

    stream_id: str
    user: str = ""
    ticket_id: str = ""


class Door(Protocol):
    """Checks a wish and has the stream pulled."""

    async def open(self, wish: Wish) -> Admission:
        """The stream, once media runs, within 15 s. Raises Refused.

        Nothing is sent to a device for a wish whose credentials are wrong.
        """
        ...
