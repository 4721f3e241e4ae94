"""Play tickets of this platform: given, checked, and taken back.

Checking asks nobody. What was taken back is kept in the store, so that a restart does not give it
back, and is told to whoever checks tickets elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Protocol

from gb28181.telemetry import events_viewer as ev
from gb28181.telemetry.logs import get_logger
from media.revoked import Refusal, Revoked
from media.tickets import ANY, Ticket, Tickets

KEPT_AS = "revoked_tickets"
"""Name of the list in the vault."""
LONGEST_S = 86_400.0
"""No ticket is good for longer; so long a refusal is kept."""

log = get_logger("viewer")


class Vault(Protocol):
    """Where the list lasts: `gb28181.store.vault.Vault`."""

    async def get(self, key: str) -> str | None: ...
    async def put(self, key: str, value: str) -> None: ...


def _nobody(_: tuple[Refusal, ...]) -> None:
    """Nobody checks tickets elsewhere."""


class TicketOffice:
    """Everything about tickets of one node."""

    def __init__(
        self,
        tickets: Tickets,
        vault: Vault,
        lifetime_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lifetime_s = lifetime_s
        self.revoked = Revoked()
        self.on_revoked: Callable[[tuple[Refusal, ...]], None] = _nobody
        """Called with all refusals when one was added."""
        self._tickets = tickets
        self._vault = vault
        self._clock = clock

    async def start(self) -> None:
        """Know again what was taken back in the run before."""
        kept = await self._vault.get(KEPT_AS)
        now = self._clock()
        for one in json.loads(kept) if kept else ():
            refusal = Refusal(**one)
            if refusal.until > now:
                self.revoked.add(refusal, now)

    def give(
        self,
        user: str,
        scope: str = ANY,
        outputs: Iterable[str] = (),
        *,
        lifetime_s: float | None = None,
        ticket_id: str | None = None,
    ) -> str:
        """A ticket for one stream id, `events`, or everything; see `media.tickets.Tickets.make`."""
        lifetime_s = min(lifetime_s or self.lifetime_s, LONGEST_S)
        return self._tickets.make(user, scope, self._clock(), lifetime_s, outputs, ticket_id)

    def read(self, text: str) -> Ticket | None:
        """What a ticket says; None when it opens nothing (any more)."""
        ticket = self._tickets.read(text, self._clock())
        return None if ticket is None or self.revoked.concerns(ticket) else ticket

    def opens(self, text: str, scope: str, output: str | None = None) -> Ticket | None:
        """The ticket, if it opens this by this way out."""
        ticket = self.read(text)
        return ticket if ticket is not None and ticket.opens(scope, output) else None

    async def revoke(self, *, ticket_id: str = "", user: str = "") -> Refusal:
        """Take back one ticket, or all that a user was given until now.  Raises RefusalsFull."""
        now = self._clock()
        refusal = Refusal(ticket_id, user, now, now + LONGEST_S)
        self.revoked.add(refusal, now)
        log.event(ev.VIEWER_TICKET_REVOKED, ticket_id=ticket_id or None, user=user or None)
        self.on_revoked(self.revoked.all())
        await self._vault.put(KEPT_AS, json.dumps([asdict(one) for one in self.revoked.all()]))
        return refusal
