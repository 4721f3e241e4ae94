"""Threads that may hang without keeping the process from ending: they wait for another machine.

Those of `concurrent.futures` are waited for when the interpreter ends.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LooseThreads(Executor):
    """At most so many, begun when they are needed."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._open = 0
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError after `shutdown`."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("no more work after shutdown")
            self._open += 1
            if self._open > self._threads < self._most:
                self._threads += 1
                Thread(target=self._run, name=self._name, daemon=True).start()
        self._work.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more work; nobody is waited for, whatever is said. Idempotent."""
        with self._lock:
            threads = 0 if self._closed else self._threads
            self._closed = True
        for _ in range(threads):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # it is whose work it was
                    future.set_exception(error)
            with self._lock:
                self._open -= 1
            del work, future, call
