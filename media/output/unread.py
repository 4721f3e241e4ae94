"""Connections nobody reads from: the web server would wait for their sockets for ever.

A stream gives up a viewer that takes nothing, but the task that serves it waits until its socket
takes more, and a peer that is alive and does not read never does. The same holds for one whose
ticket was taken back. Such a connection is aborted: what waits in its socket is thrown away, its
descriptor is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from media.output.connection import ABORT
from media.viewer import HUNG_UP, Viewer

LOOK_S = 1.0


class Unread:
    """Viewers being served, looked at once a second while there are any."""

    def __init__(self) -> None:
        self._aborts: dict[Viewer, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._aborts)

    @contextmanager
    def watched(self, viewer: Viewer, connection: HTTPConnection) -> Iterator[None]:
        """While the viewer is served on this connection."""
        extension = connection.scope.get("extensions", {}).get(ABORT)
        if extension is None:  # another web server, in a test
            yield
            return
        self._aborts[viewer] = extension["call"]
        if self._timer is None:
            self._wait()
        try:
            yield
        finally:
            del self._aborts[viewer]
            if not self._aborts and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._wait()
        for viewer, abort in list(self._aborts.items()):
            if viewer.end_reason in HUNG_UP:
                abort()
