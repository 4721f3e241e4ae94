"""Every SIP message a camera saw or sent, with its time, to assert on and to wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .text import Msg

Match = Callable[[Msg], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message; `at` is time.monotonic()."""

    at: float
    way: Literal["in", "out"]
    transport: str
    peer: tuple[str, int]
    msg: Msg

    def __str__(self) -> str:
        arrow = "<-" if self.way == "in" else "->"
        return f"{self.at:.3f} {arrow} {self.transport} {self.peer[0]}:{self.peer[1]} {self.msg!r}"


class History:
    """Append-only, safe to read from any thread."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = threading.Condition()

    def add(
        self, way: Literal["in", "out"], transport: str, peer: tuple[str, int], msg: Msg
    ) -> None:
        with self._changed:
            self._entries.append(Entry(time.monotonic(), way, transport, peer, msg))
            self._changed.notify_all()

    def all(self) -> list[Entry]:
        with self._changed:
            return list(self._entries)

    def find(
        self,
        way: Literal["in", "out"],
        method: str = "",
        status: int | None = None,
        match: Match | None = None,
    ) -> list[Entry]:
        """Requests named `method` (status None), or responses to it with `status` (0 = any)."""
        return [entry for entry in self.all() if _fits(entry, way, method, status, match)]

    def wait(
        self,
        way: Literal["in", "out"],
        method: str = "",
        status: int | None = None,
        match: Match | None = None,
        *,
        count: int = 1,
        timeout: float = 10.0,
    ) -> Entry:
        """The `count`-th such message; an AssertionError with the whole ladder otherwise."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [e for e in self._entries if _fits(e, way, method, status, match)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        wanted = f"{way} {method} {'' if status is None else status}"
        raise AssertionError(
            f"no {wanted} (number {count}) within {timeout} s; the camera saw:\n{self.ladder()}"
        )

    def ladder(self, last: int = 40) -> str:
        return "\n".join(str(entry) for entry in self.all()[-last:]) or "(nothing)"


def _fits(entry: Entry, way: str, method: str, status: int | None, match: Match | None) -> bool:
    msg = entry.msg
    if entry.way != way or (method and msg.method != method):
        return False
    if msg.is_request != (status is None):
        return False
    if status and msg.status != status:
        return False
    return match is None or match(msg)


def cmd(name: str) -> Match:
    """A MESSAGE whose CmdType is `name`."""
    return lambda msg: msg.xml("CmdType") == name
