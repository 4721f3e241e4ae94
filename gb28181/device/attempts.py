"""Who tried to register and was not let in: the last try of each id, for whoever asks why.

Half of all devices that "do not come" do come, with a wrong password or id. Bounded: a scanner that
invents ids pushes out the oldest of them, and ids the platform knows are kept apart from strangers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MOST_KNOWN: Final = 100_000
MOST_STRANGERS: Final = 2_000
CHALLENGED: Final = "challenged"
"""Asked for credentials; nothing came after that yet."""


@dataclass(slots=True)
class Attempt:
    """What became of the last try since the last success."""

    reason: str
    """`challenged`, or why it was refused (`wrong_password`, `username_differs`, ...)."""
    remote: str
    at: datetime
    tries: int = 1


class Attempts:
    """One per node."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Attempt] = OrderedDict()
        self._strangers: OrderedDict[str, Attempt] = OrderedDict()

    def note(self, device_id: str, reason: str, remote: str, at: datetime, *, known: bool) -> None:
        """A try that led to nothing (yet)."""
        shelf = self._known if known else self._strangers
        before = shelf.get(device_id)
        if before is None:
            shelf[device_id] = Attempt(reason, remote, at)
            if len(shelf) > (MOST_KNOWN if known else MOST_STRANGERS):
                shelf.popitem(last=False)
            return
        # Every try begins with a challenge: the refusal of the one before says more.
        refused = before.reason != CHALLENGED
        if reason != CHALLENGED or not refused:
            before.reason = reason
        before.remote, before.at = remote, at
        before.tries += reason == CHALLENGED
        shelf.move_to_end(device_id)

    def succeeded(self, device_id: str) -> None:
        """It is in: what was before does not matter any more."""
        if self._known or self._strangers:
            self._known.pop(device_id, None)
            self._strangers.pop(device_id, None)

    def of(self, device_id: str) -> Attempt | None:
        """The last try of an id, unless it is in."""
        return self._known.get(device_id) or self._strangers.get(device_id)
