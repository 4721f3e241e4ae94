"""One catalog query: from the first page to a verdict. A machine; time comes in as `now`.

Theory. A device answers a query with pages that share its SN, each with the total `SumNum`. Over
UDP pages come doubled, shuffled or not at all, and SumNum lies. The machine counts *distinct*
codes (an id twice within one page is two entries, the same page twice is one) and ends in one of
these ways:

- the count equals SumNum: complete. If channels known before are missing from it, it waits one
quiet time first:
  a device whose SumNum is only that of the page would otherwise wipe its own catalog;
- no page for a while, more entries than SumNum, no SumNum at all, too long in all: incomplete.

The result does not depend on the order of pages. Only a complete result may remove a channel;
anything else adds and updates (`merged`). A page of another SN, or one after the end, is a
partial update and never counts.

    ASKED -> COLLECTING -> SETTLING -> DONE       every state can end by deadline or Abandon

Clauses: GB/T 28181-2022 annex M. *Not* here: sending the query, and what a result changes
(`diff.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from catalog.model import CatalogItem


class State(StrEnum):
    """Where a sync stands."""

    ASKED = "asked"
    COLLECTING = "collecting"
    SETTLING = "settling"
    DONE = "done"


class Outcome(StrEnum):
    """Why a sync ended."""

    COMPLETE = "complete"
    NO_ANSWER = "no_answer"
    PAGES_MISSING = "pages_missing"
    SUM_TOO_SMALL = "sum_too_small"
    SUM_UNKNOWN = "sum_unknown"
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Page:
    """One Response of a catalog."""

    sn: str
    sum_num: int | None
    items: tuple[CatalogItem, ...]
    unusable: int = 0
    """Entries without a usable id; they count against SumNum."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """The query failed, or the device went away."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Items of this query that are new or differ from what it had: show them at once."""

    items: tuple[CatalogItem, ...]


@dataclass(frozen=True, slots=True)
class Unasked:
    """Items of another SN, or after the end: add or update, never remove."""

    items: tuple[CatalogItem, ...]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a query brought."""

    expected: int | None
    """The largest SumNum seen; None when no page had one."""
    received: int
    """Entries counted against it."""
    complete: bool
    items: tuple[CatalogItem, ...]
    """One per code, in the order of codes."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Finished:
    """The end, exactly once."""

    result: SyncResult


Input = Page | Tick | Abandon
Effect = Arrived | Unasked | Finished


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Times and bounds of one query."""

    first_s: float = 30.0
    """Wait for the first page."""
    quiet_s: float = 5.0
    """Wait between pages."""
    total_s: float = 600.0
    """Longest life, however pages drip in."""
    most_items: int = 200_000


DEFAULT_OPTIONS = SyncOptions()


class CatalogSync:
    """The machine of one query."""

    def __init__(
        self,
        sn: str,
        now: float,
        known: Iterable[str] = (),
        options: SyncOptions = DEFAULT_OPTIONS,
    ) -> None:
        """`known` are the codes a complete result would remove if they were missing from it."""
        self.sn = sn
        self.state = State.ASKED
        self.deadline: float | None = now + options.first_s
        self.expected: int | None = None
        self.received = 0
        self._known = frozenset(known)
        self._options = options
        self._end_at = now + options.total_s
        self._items: dict[str, CatalogItem] = {}
        self._copies: dict[str, int] = {}
        self._unusable_pages: set[tuple[int, tuple[str, ...]]] = set()

    def __repr__(self) -> str:
        return f"<CatalogSync {self.sn} {self.state} {self.received}/{self.expected}>"

    def handle(self, given: Input, now: float) -> list[Effect]:
        """Advance the machine."""
        match given:
            case Page():
                if self.state is State.DONE or given.sn != self.sn:
                    return [Unasked(given.items)] if given.items else []
                return self._page(given, now)
            case Tick():
                if self.deadline is None or now < self.deadline:
                    return []
                return [self._finish(self._outcome_of_silence(now))]
            case Abandon():
                return [] if self.state is State.DONE else [self._finish(Outcome.ABANDONED)]
            case _:
                assert_never(given)

    def _page(self, page: Page, now: float) -> list[Effect]:
        fresh = tuple(item for item in page.items if self._items.get(item.device_id) != item)
        effects: list[Effect] = [Arrived(fresh)] if fresh else []
        self._account(page)
        if self.received > self._options.most_items:
            return [*effects, self._finish(Outcome.TOO_MANY)]
        if self.received != self.expected:
            self.state = State.COLLECTING
        elif self._known <= self._items.keys():
            return [*effects, self._finish(Outcome.COMPLETE)]
        else:
            self.state = State.SETTLING
        self.deadline = min(now + self._options.quiet_s, self._end_at)
        return effects

    def _account(self, page: Page) -> None:
        """Count the entries of a page: each code as often as the fullest page has it."""
        for code, copies in Counter(item.device_id for item in page.items).items():
            had = self._copies.get(code, 0)
            if copies > had:
                self._copies[code] = copies
                self.received += copies - had
        self._items.update((item.device_id, item) for item in page.items)
        mark = (page.unusable, tuple(item.device_id for item in page.items))
        if page.unusable and mark not in self._unusable_pages:
            self._unusable_pages.add(mark)
            self.received += page.unusable
        if page.sum_num is not None and page.sum_num > (self.expected or -1):
            self.expected = page.sum_num

    def _outcome_of_silence(self, now: float) -> Outcome:
        if self.state is State.ASKED:
            return Outcome.NO_ANSWER
        if self.state is State.SETTLING:
            return Outcome.COMPLETE
        if now >= self._end_at:
            return Outcome.TOO_LONG
        if self.expected is None:
            return Outcome.SUM_UNKNOWN
        return Outcome.SUM_TOO_SMALL if self.received > self.expected else Outcome.PAGES_MISSING

    def _finish(self, outcome: Outcome) -> Finished:
        self.state = State.DONE
        self.deadline = None
        items = tuple(self._items[code] for code in sorted(self._items))
        complete = outcome is Outcome.COMPLETE
        return Finished(SyncResult(self.expected, self.received, complete, items, outcome))


def merged(known: Mapping[str, CatalogItem], result: SyncResult) -> dict[str, CatalogItem]:
    """A device's items after a sync: replaced by a complete result, added to by any other."""
    reported = {item.device_id: item for item in result.items}
    return reported if result.complete else {**known, **reported}
