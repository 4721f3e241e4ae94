"""The life of a worker as its node sees it: started, kept up, asked, missed.

When the worker dies everything in it is told as failed, viewers end, and a new worker starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Protocol

from media.errors import MediaError
from media.node import NodeEvent, ServedAt
from media.options import NodeOptions
from media.revoked import Refusal

from . import messages as m
from .audience import Audience
from .known import Known
from .link import Link
from .process import WorkerProcess
from .pushes import WorkerPushes
from .secret import Seal
from .serving import HttpOptions
from .wire import WireError

START_S = 10.0
"""A worker that has not come up by then is started again."""
WAIT_S = 5.0
"""So long a stream waits for a worker that is being replaced."""
PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
"""Between two starts; doubled each time until one holds."""

log = logging.getLogger("gb28181.media.worker")


class Worker(Protocol):
    """Who does the work: a process of this host, or another host."""

    @property
    def pid(self) -> int: ...
    async def end(self) -> None:
        """Wait until it is gone; the link is closed already."""
        ...


class WorkerLife:
    """One worker process and what is known of it."""

    def __init__(self, options: NodeOptions, http: HttpOptions | None = None) -> None:
        """With `http` the worker serves viewers itself, at a port of its own."""
        self.options = options
        self.own: ServedAt | None = None
        """Where the worker serves viewers itself, if it does."""
        self._http = http
        self._refusals: tuple[Refusal, ...] = ()
        self.name = options.name
        self.starts = 0
        """How often a worker came up."""
        self.on_up: Callable[[int], None] = _nobody
        """A worker came up, as this process."""
        self.on_lost: Callable[[int, str], None] = _nobody
        """The worker that was this process is gone, and why."""
        self._known = Known()
        self.pushing = WorkerPushes(lambda: self._known, self._ask)
        self._resting: tuple[int, ...] = ()
        self._audience = Audience(options, self._send)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: list[Callable[[NodeEvent], None]] = []
        self._numbers = count(1)
        self._link: Link | None = None
        self._process: Worker | None = None
        self._ready: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._closing = False
        self._hear: dict[type[Any], Callable[[Any], None]] = {
            m.Ready: self._came_up,
            m.Chunk: self._audience.chunk,
            m.Over: self._audience.over,
            m.Told: self._told,
            m.Seen: self._seen,
            m.Done: lambda done: self._settle(done.number, done.value, None),
            m.Raised: lambda raised: self._settle(raised.number, None, m.error_of(raised)),
            m.Heard: self._sound,
            m.Logged: self._log,
        }

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name} pid={self.pid} streams={len(self._known.streams)}>"
        )

    @property
    def is_up(self) -> bool:
        """Whether there is a worker to be asked."""
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._process.pid if self._process is not None else None

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring the worker up and keep it up; raises OSError, WorkerDown."""
        if self._keeper is None:
            await self._come_up()
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def aclose(self) -> None:
        """End the worker. Idempotent."""
        self._closing = True
        if self._link is not None:
            self._link.close()
        if self._keeper is not None:
            await self._keeper
            self._keeper = None

    async def _come_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._gone.clear()
        self._process, sock, seal = await self._reach()
        self._ready = loop.create_future()
        link = Link(self._heard, self._lost)
        await link.open(sock, seal)
        self._link = link
        # A name of its own: a late word about a receiver of the last worker must not meet another.
        name = f"{self.name}.{self.starts + 1}"
        options = replace(self.options, name=name, resting=self._resting)
        link.send(m.Begin(options, self._http, self._refusals))
        try:
            await asyncio.wait_for(self._ready, START_S)
        except TimeoutError:
            link.close()
            raise m.WorkerDown(f"{self.name} did not come up in {START_S:.0f} s") from None
        self.starts += 1
        self._up.set()
        self.on_up(self._process.pid)

    async def _reach(self) -> tuple[Worker, socket.socket, Seal | None]:
        """Somebody who does the work, and the connection to it; raises OSError, WorkerDown."""
        process, sock = await WorkerProcess.start()
        return process, sock, None

    async def _keep(self) -> None:
        """Start a worker again whenever one is gone."""
        pause_s = PAUSE_S
        while True:
            await self._gone.wait()
            if self._process is not None:
                await self._process.end()
            if self._closing:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._come_up()
            except (OSError, m.WorkerDown) as error:
                self._missed(error)
                self._gone.set()
            else:
                pause_s = PAUSE_S

    def _missed(self, error: Exception) -> None:
        """Nobody could be had to do the work; it is tried again."""
        log.error("%s: no worker: %s", self.name, error)

    def _lost(self, reason: str) -> None:
        """The link ended: tell what failed with it."""
        self._link = None
        self._up.clear()
        error = m.WorkerDown(f"{self.name}: the worker is gone")
        known, self._known = self._known, Known()
        self._resting = known.ports()
        waiting, self._waiting = self._waiting, {}
        for future in (*waiting.values(), self._ready):
            if future is not None and not future.done():
                future.set_exception(error)
        self._audience.end("node_closed" if self._closing else "worker_died")
        if not self._closing:
            self.on_lost(self.pid or 0, reason)
            for event in known.losses(str(error)):
                self._tell(event)
        self._gone.set()

    # --- the link ----------------------------------------------------------------------------

    def _heard(self, value: Any) -> None:
        handler = self._hear.get(type(value))
        if handler is None:
            raise WireError(f"{type(value).__name__} out of place")
        handler(value)

    def _came_up(self, ready: m.Ready) -> None:
        self.own = None
        if ready.http_port:
            self.own = ServedAt(ready.http_host, ready.http_port, ready.http_secure)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _seen(self, seen: m.Seen) -> None:
        self._known.see(seen)
        self._audience.dropped(seen.viewers)

    def _settle(self, number: int, value: Any, error: MediaError | None) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def _sound(self, heard: m.Heard) -> None:
        hearer = self._known.hearers.get(heard.number)
        if hearer is not None:
            hearer(heard.samples)

    def _log(self, line: m.Logged) -> None:
        logging.getLogger(line.name).log(line.level, "%s: %s", self.name, line.text)

    def _told(self, told: m.Told) -> None:
        self._known.hear(told.event)
        # After whoever waits for the answer that came in front of it.
        asyncio.get_running_loop().call_soon(self._tell, told.event)

    def _tell(self, event: NodeEvent) -> None:
        for callback in self._listeners:
            try:
                callback(event)
            except Exception:
                # A listener's defect must not stop the link that serves everybody else.
                log.exception("a listener of %s failed on %r", self.name, event)

    def _send(self, value: object) -> None:
        if self._link is not None:
            self._link.send(value)

    async def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        return await self._asked(m.Call(next(self._numbers), method, arguments, options))

    async def _asked(self, call: m.Call) -> Any:
        if self._link is None or not self._up.is_set():
            raise m.WorkerDown(f"{self.name}: there is no worker")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[call.number] = future
        try:
            self._link.send(call)
            return await future
        finally:
            self._waiting.pop(call.number, None)

    async def _next_worker(self) -> None:
        """What is opened anew while a worker is being replaced waits for the next one."""
        if not self._closing and not self._up.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._up.wait(), WAIT_S)


def _nobody(*_told: object) -> None:
    """Nobody wants to know."""
