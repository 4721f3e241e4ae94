"""Collects the answer to one question: a machine without clock and network.

An answer is one message, or pages that together hold `SumNum` items (GB/T 28181-2022 9.5.3, annex
M), or one message per asked part (ConfigDownload); `enough` may tell the last case. Pages come in
any order and twice. It ends when all is there, when nothing more came for `quiet_s`, or at the
latest after `longest_s`; what came is kept in every case. A page without SumNum (2016 presets) is
the whole answer.

Not here: who asked, and matching by SN (`query.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from gb28181.manscdp.command import Message

MOST_PAGES = 20_000
MOST_ITEMS = 1_000_000
MOST_PROBLEMS = 100

Enough = Callable[[Sequence[Message]], bool]
Key = Callable[[Any], Hashable]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    first_s: float = 10.0
    """For the first message of the answer, from the question on."""
    quiet_s: float = 5.0
    """For the next one, from the one before on."""
    longest_s: float = 120.0
    """For all of it."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What came until everything was there or patience ended."""

    pages: tuple[Message, ...] = ()
    items: tuple[Any, ...] = ()
    """Distinct items of all pages, in the order they came."""
    expected: int | None = None
    """`SumNum` as last told."""
    complete: bool = False
    problems: tuple[str, ...] = ()
    """What was wrong with fields, of all pages."""

    @property
    def first(self) -> Message:
        """The only message of an answer that has one."""
        return self.pages[0]


def _itself(item: Any) -> Hashable:
    hashable: Hashable = item
    return hashable


class Collector:
    """Feed it messages; `deadline` tells when to feed it the time."""

    def __init__(
        self, now: float, patience: Patience, enough: Enough | None = None, key: Key | None = None
    ) -> None:
        self._patience = patience
        self._end = now + patience.longest_s
        self._enough = enough
        self._key = key or _itself
        self._pages: list[Message] = []
        self._items: dict[Hashable, Any] = {}
        self._counted = 0
        self._expected: int | None = None
        self._over = False
        self._complete = False
        self._deadline = now + patience.first_s

    def __repr__(self) -> str:
        return f"<Collector pages={len(self._pages)} items={len(self._items)} {self._expected}>"

    @property
    def over(self) -> bool:
        """Nothing more is taken."""
        return self._over

    @property
    def heard(self) -> bool:
        """At least one message came."""
        return bool(self._pages)

    @property
    def deadline(self) -> float:
        return self._deadline

    def take(self, message: Message, now: float) -> bool:
        """One message of the answer; True when that was all of it."""
        if self._over:
            return True
        if message not in self._pages[-8:] or self._enough is not None:
            self._add(message)
        self._complete = self._is_complete(message)
        self._over = self._complete or len(self._pages) >= MOST_PAGES
        self._deadline = min(now + self._patience.quiet_s, self._end)
        return self._over

    def _add(self, message: Message) -> None:
        self._pages.append(message)
        items: Sequence[Any] = getattr(message, "items", ())
        told: int | None = getattr(message, "sum_num", None)
        if told is not None:
            self._expected = told
        before = len(self._items)
        for item in items:
            if len(self._items) < MOST_ITEMS:
                self._items.setdefault(self._key(item), item)
        # A page that brings nothing new is a repeated one; two equal items in one page are two.
        if len(self._items) > before:
            self._counted += len(items) + getattr(message, "unusable", 0)
        elif not items:
            self._counted += getattr(message, "unusable", 0)

    def _is_complete(self, message: Message) -> bool:
        if self._enough is not None:
            return self._enough(self._pages)
        if not hasattr(message, "items") or self._expected is None:
            return True
        return max(len(self._items), self._counted) >= self._expected

    def expire(self, now: float) -> bool:
        """The time is `now`; True when the waiting is over."""
        if not self._over and now >= self._deadline:
            self._over = True
        return self._over

    def result(self) -> Collected:
        """What there is so far."""
        problems: list[str] = []
        for page in self._pages:
            problems.extend(getattr(page, "problems", ()))
        return Collected(
            tuple(self._pages),
            tuple(self._items.values()),
            self._expected,
            self._complete,
            tuple(dict.fromkeys(problems))[:MOST_PROBLEMS],
        )
