"""Permissions to bring pictures: a machine without clock and network.

A device that is asked for a picture gets an address with a secret of its own. That secret is all
that opens the upload, for so many pictures and so long; what is brought belongs to the channel it
was made for. GB/T 28181-2022 9.14.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MOST_TICKETS = 10_000
FILE_ID: Final = re.compile(r"(?<!\d)\d{41}(?!\d)")


@dataclass(slots=True)
class Ticket:
    """One request for pictures."""

    secret: str
    session_id: str
    """Named to the device; its UploadSnapShotFinished repeats it."""
    channel_id: str
    device_id: str
    wanted: int
    until: float
    taken: list[str] = field(default_factory=list)
    """Ids of the pictures that were brought and are sound."""
    digests: set[bytes] = field(default_factory=set)
    finished: tuple[str, ...] | None = None
    """File ids the device says it brought."""
    changed: Callable[[], None] = field(default=lambda: None)

    @property
    def complete(self) -> bool:
        """Nothing more is to be expected."""
        told = self.wanted if self.finished is None else min(self.wanted, len(self.finished))
        return len(self.taken) >= told


class Uploads:
    """Open permissions by secret and by session."""

    def __init__(self) -> None:
        self._by_secret: OrderedDict[str, Ticket] = OrderedDict()
        self._by_session: dict[tuple[str, str], Ticket] = {}

    def __len__(self) -> int:
        return len(self._by_secret)

    def add(self, ticket: Ticket, now: float) -> None:
        self.expire(now)
        while len(self._by_secret) >= MOST_TICKETS:
            self._forget(next(iter(self._by_secret.values())))
        self._by_secret[ticket.secret] = ticket
        self._by_session[ticket.device_id, ticket.session_id] = ticket

    def open(self, secret: str, now: float) -> Ticket | None:
        """The permission, unless it is used up, over or none."""
        ticket = self._by_secret.get(secret)
        if ticket is None or ticket.until <= now or len(ticket.taken) >= ticket.wanted:
            return None
        return ticket

    def finished(self, device_id: str, session_id: str, files: tuple[str, ...]) -> bool:
        """The device says it is done; False when nobody asked."""
        ticket = self._by_session.get((device_id, session_id))
        if ticket is None:
            return False
        ticket.finished = files
        ticket.changed()
        return True

    def expire(self, now: float) -> None:
        for ticket in [one for one in self._by_secret.values() if one.until <= now]:
            self._forget(ticket)

    def _forget(self, ticket: Ticket) -> None:
        self._by_secret.pop(ticket.secret, None)
        self._by_session.pop((ticket.device_id, ticket.session_id), None)


def file_id_of(name: str) -> str:
    """The 41 digits of a file name, or nothing (2022 9.14, table 4)."""
    found = FILE_ID.search(name)
    return found.group() if found else ""


def time_of(file_id: str) -> datetime | None:
    """The local time in a file id: device 20, `02`, YYYYMMDDhhmmssSSS, serial 2."""
    try:
        return datetime.strptime(file_id[22:36], "%Y%m%d%H%M%S").replace(
            microsecond=int(file_id[36:39]) * 1000
        )
    except ValueError:
        return None
