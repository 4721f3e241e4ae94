"""Tickets that are taken back before their time: single ones, and all a viewer was given.

A refusal is kept until every ticket it could concern is over; so the list stays short, and goes
whole to each process that checks tickets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.tickets import Ticket

MOST: Final = 10_000
"""Refusals kept at one time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One ticket, or all of a user, taken back."""

    ticket_id: str
    """Empty: all of the user's."""
    user: str
    at: float
    """Tickets given later are good."""
    until: float
    """UNIX seconds: by then nothing it concerns is good any more."""


class RefusalsFull(Exception):
    """As many refusals as may be are kept already."""


class Revoked:
    """The refusals of one moment."""

    def __init__(self, refusals: Iterable[Refusal] = ()) -> None:
        self._by_ticket: dict[str, Refusal] = {}
        self._by_user: dict[str, Refusal] = {}
        for refusal in refusals:
            self._enter(refusal)

    def __len__(self) -> int:
        return len(self._by_ticket) + len(self._by_user)

    def add(self, refusal: Refusal, now: float) -> None:
        """Take back from now on; those that are over are forgotten.  Raises RefusalsFull."""
        for known in (self._by_ticket, self._by_user):
            for key in [key for key, one in known.items() if one.until <= now]:
                del known[key]
        if len(self) >= MOST:
            raise RefusalsFull(f"{MOST} refusals are kept already")
        self._enter(refusal)

    def concerns(self, ticket: Ticket) -> bool:
        """Whether this ticket was taken back."""
        if ticket.ticket_id in self._by_ticket:
            return True
        refusal = self._by_user.get(ticket.user)
        return refusal is not None and ticket.issued_at <= refusal.at

    def all(self) -> tuple[Refusal, ...]:
        """What has to be kept, and told to others."""
        return (*self._by_ticket.values(), *self._by_user.values())

    def _enter(self, refusal: Refusal) -> None:
        if refusal.ticket_id:
            self._by_ticket[refusal.ticket_id] = refusal
        else:
            self._by_user[refusal.user] = refusal
