"""One thread with a selector and timers, on which any number of cameras live.

Not asyncio on purpose: tests stay plain functions, and a camera can be called from any thread.
Everything a camera owns is touched only inside this thread; `run` carries a call into it.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Timer:
    """A call in the future that can be taken back."""

    __slots__ = ("action", "cancelled", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop(threading.Thread):
    """A selector loop in a daemon thread."""

    def __init__(self) -> None:
        super().__init__(name="test-cameras", daemon=True)
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._counter = itertools.count()
        self._queue: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wake)
        self._stopping = False
        self.errors: list[BaseException] = []
        self.start()

    # -- from any thread -------------------------------------------------------------------

    def call_soon(self, action: Callable[[], None]) -> None:
        self._queue.append(action)
        if threading.current_thread() is not self:
            with contextlib.suppress(BlockingIOError, OSError):
                self._wake_out.send(b"w")

    def run_in(self, action: Callable[[], Any], timeout: float = 10.0) -> Any:
        """Do `action` inside the thread and return its result."""
        if threading.current_thread() is self:
            return action()
        future: Future[Any] = Future()

        def task() -> None:
            try:
                future.set_result(action())
            except BaseException as error:
                future.set_exception(error)

        self.call_soon(task)
        return future.result(timeout)

    def stop(self) -> None:
        self._stopping = True
        self.call_soon(lambda: None)
        self.join(5)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # -- inside the thread -----------------------------------------------------------------

    def later(self, delay: float, action: Callable[[], None]) -> Timer:
        return self.at(time.monotonic() + delay, action)

    def at(self, due: float, action: Callable[[], None]) -> Timer:
        timer = Timer(due, action)
        heapq.heappush(self._timers, (due, next(self._counter), timer))
        return timer

    def watch(self, sock: socket.socket, events: int, action: Callable[[int], None]) -> None:
        try:
            self._selector.modify(sock, events, action)
        except KeyError:
            self._selector.register(sock, events, action)

    def unwatch(self, sock: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select(self._patience()):
                self._guard(lambda key=key, events=events: key.data(events))  # type: ignore[misc]
            while self._queue:
                self._guard(self._queue.popleft())
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                timer = heapq.heappop(self._timers)[2]
                if not timer.cancelled:
                    self._guard(timer.action)

    def _patience(self) -> float | None:
        if self._queue:
            return 0
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return 0.5
        return min(0.5, max(0.0, self._timers[0][0] - time.monotonic()))

    def _guard(self, action: Callable[[], None]) -> None:
        # A bug in a camera must fail the test that owns it, not end the thread of all of them.
        try:
            action()
        except Exception as error:
            self.errors.append(error)

    def _drain_wake(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_in.recv(4096):
                pass


_shared: Loop | None = None
_shared_lock = threading.Lock()


def shared_loop() -> Loop:
    """The loop all cameras of this process use unless they bring their own."""
    global _shared
    with _shared_lock:
        if _shared is None or not _shared.is_alive():
            _shared = Loop()
        return _shared
