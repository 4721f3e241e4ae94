"""Requests a camera sends and their answers: retransmission and matching, nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from .loop import Loop, Timer
from .text import Msg


class NoAnswer(AssertionError):
    """The platform did not answer a request of the camera in time."""


class Answer:
    """The final response to one request, to be waited for from the test's thread."""

    def __init__(self, what: str, ladder: Callable[[], str]) -> None:
        self._future: Future[Msg] = Future()
        self._what = what
        self._ladder = ladder

    def set(self, message: Msg) -> None:
        if not self._future.done():
            self._future.set_result(message)

    def fail(self) -> None:
        if not self._future.done():
            self._future.set_exception(NoAnswer(f"{self._what}: no final response"))

    def then(self, action: Callable[[Msg | None], None]) -> None:
        """Call `action` in the loop's thread with the response, or with None."""

        def done(future: Future[Msg]) -> None:
            action(None if future.exception() else future.result())

        self._future.add_done_callback(done)

    def wait(self, timeout: float = 5.0) -> Msg:
        try:
            return self._future.result(timeout)
        except FutureTimeout:
            text = f"{self._what}: no final response in {timeout} s\n{self._ladder()}"
            raise NoAnswer(text) from None


class Exchange:
    """Client transactions by branch. Over UDP a request is repeated at T1, 2 T1, 4 T1 ..."""

    def __init__(self, loop: Loop, t1: float = 0.5) -> None:
        self._loop = loop
        self._t1 = t1
        self._pending: dict[tuple[str, str], Answer] = {}

    def open(
        self, key: tuple[str, str], answer: Answer, send: Callable[[], None], *, repeat: bool
    ) -> None:
        self._pending[key] = answer
        send()
        end = time.monotonic() + 64 * self._t1
        if repeat:
            self._again(key, send, self._t1, end)
        self._loop.at(end, lambda: self._give_up(key))

    def handle(self, response: Msg) -> bool:
        """True when it was the answer to something we asked."""
        key = (response.branch, response.method)
        answer = self._pending.get(key)
        if answer is None:
            return False
        if response.status >= 200:
            del self._pending[key]
            answer.set(response)
        return True

    def _again(
        self, key: tuple[str, str], send: Callable[[], None], gap: float, end: float
    ) -> Timer:
        def fire() -> None:
            if key in self._pending and time.monotonic() < end:
                send()
                self._again(key, send, min(2 * gap, 8 * self._t1), end)

        return self._loop.later(gap, fire)

    def _give_up(self, key: tuple[str, str]) -> None:
        answer = self._pending.pop(key, None)
        if answer is not None:
            answer.fail()
