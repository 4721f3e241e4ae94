"""The worker process: the node of `media.inprocess` at the far end of a link.

It lives as long as the link does. When the signalling process dies, however it dies, the kernel
closes the socket, and the worker ends with it; should its loop be busy at that moment, the kernel
ends it outright (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from media.errors import MediaError
from media.inprocess import InProcessNode
from media.node import NodeEvent, ViewersChanged

from . import messages as m
from .link import Link
from .secret import Seal
from .serving import Serving
from .viewing import Viewing

SEEN_S = 0.5
"""How often the node is told how everything stands, in seconds."""

_PR_SET_PDEATHSIG = 1

log = logging.getLogger("gb28181.media.worker")

_CALLS = frozenset(
    {
        "hls",
        "refresh",
        "open_receiver",
        "connect",
        "pull",
        "feed",
        "update_receiver",
        "close_receiver",
        "close_stream",
        "key_frame",
        "record",
        "stop_recording",
        "record_segments",
        "stop_segments",
        "open_voice",
        "feed_voice",
        "play_voice",
        "close_voice",
        "open_sender",
        "aim_sender",
        "close_sender",
        "end_viewer",
        "aclose",
        "open_forward",
        "aim_forward",
        "close_forward",
        "push.open",
        "push.reach",
        "push.close",
    }
)


class Child:
    """Everything of one worker process."""

    def __init__(self, at_home: Callable[[m.Begin], m.Begin] | None = None) -> None:
        """`at_home` puts in what only this host knows: its addresses and ports."""
        self._at_home = at_home
        self._link = Link(self._heard, self._lost)
        self._node: InProcessNode | None = None
        self._viewing: Viewing | None = None
        self._serving: Serving | None = None
        self._gone = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told_some = False

    async def run(self, sock: socket.socket, seal: Seal | None = None) -> None:
        """Serve until the link ends."""
        upwards = _Upwards(self._link)
        if self._at_home is None:  # a relay has a log of its own
            logging.getLogger("gb28181").addHandler(upwards)
        await self._link.open(sock, seal)
        try:
            await self._gone.wait()
        finally:
            logging.getLogger("gb28181").removeHandler(upwards)
            await self._let_go()
            self._link.abort()
            await self._gone.wait()

    def hang_up(self) -> None:
        """End the link, and with it everything."""
        self._link.abort()

    async def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._node is not None:
            await self._node.aclose()
        if self._serving is not None:
            await self._serving.aclose()

    def _lost(self, _reason: str) -> None:
        self._gone.set()

    def _heard(self, value: object) -> None:
        match value:
            case m.Begin() if self._node is None:
                self._spawn(self._begin(value))
            case m.Refuse() if self._serving is not None:
                self._serving.refuse(value.refusals)
            case m.Refuse():
                pass  # nobody shows it a ticket
            case m.Call():
                self._call(value)
            case m.Watch() if self._viewing is not None:
                self._viewing.open(value)
            case m.More() if self._viewing is not None:
                self._viewing.more(value)
            case m.Leave() if self._viewing is not None:
                self._viewing.leave(value)
            case _:
                log.error("the worker was told %s, which it does not know", type(value).__name__)

    async def _begin(self, begin: m.Begin) -> None:
        host = None
        if self._at_home is not None:
            begin = self._at_home(begin)
            host = begin.options.announce_host
        node = InProcessNode(begin.options)
        node.listen(self._told)
        await node.start()
        self._node, self._viewing = node, Viewing(node, self._link)
        port = 0
        if begin.http is not None:
            self._serving = serving = Serving(node, begin.http)
            serving.refuse(begin.refusals)
            port = await serving.start()
        secure = begin.http is not None and begin.http.cert_file is not None
        self._link.send(m.Ready(os.getpid(), port, host, secure))
        self._look()

    # --- calls -------------------------------------------------------------------------------

    def _call(self, call: m.Call) -> None:
        if call.method not in _CALLS:
            self._answer(m.Raised(call.number, "LocalError", f"no method {call.method}", {}))
        elif not call.number:
            # Sound of a microphone: in the order it came, and nobody waits for it.
            getattr(self._node, call.method)(*call.arguments, **call.options)
        else:
            self._spawn(self._perform(call))

    async def _perform(self, call: m.Call) -> None:
        options = dict(call.options)
        if options.pop("hears", False):
            options["on_heard"] = self._hears(call)
        target: object = self._viewing if call.method == "hls" else self._node
        name = call.method
        if name.startswith("push."):
            target, name = self._node and self._node.pushing, name.removeprefix("push.")
        try:
            value = await getattr(target, name)(*call.arguments, **options)
        except MediaError as error:
            self._answer(m.raised(call.number, error))
        except Exception as error:
            log.exception("%s failed", call.method)
            self._answer(m.Raised(call.number, "MediaError", f"{call.method}: {error!r}", {}))
        else:
            if target is self._node and call.method != "feed":  # some 50 times a second
                self._look()
            self._answer(m.Done(call.number, value))

    def _answer(self, answer: m.Done | m.Raised) -> None:
        if answer.number:
            self._link.send(answer)

    def _hears(self, call: m.Call) -> Any:
        def heard(samples: bytes) -> None:
            self._link.send(m.Heard(call.number, samples))

        return heard

    # --- telling -----------------------------------------------------------------------------

    def _told(self, event: NodeEvent) -> None:
        stream_id = getattr(event, "stream_id", "")
        found = self._node.statistics(stream_id) if self._node and stream_id else None
        if found is not None:
            self._link.send(m.Seen(None, (found,)))
        if isinstance(event, ViewersChanged) and self._viewing is not None:
            self._viewing.ended()
        self._link.send(m.Told(event))

    def _look(self) -> None:
        """Tell how everything stands, now and again after a while."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(SEEN_S, self._look)
        node = self._node
        if node is None:
            return
        seen = m.Seen(
            node.totals(),
            _some(node.statistics(one) for one in node.streams()),
            _some(node.recording(one) for one in node.recordings()),
            _some(node.voice_statistics(one) for one in node.voices()),
            _some(node.sender_statistics(one.sender_id) for one in node.senders()),
            _some(node.segments(one) for one in node.segmented()),
            _some(node.forward_statistics(one.forward_id) for one in node.forwards()),
            _some(node.pushing.statistics(one.push_id) for one in node.pushing.infos()),
            self._viewing.dropped() if self._viewing is not None else (),
            tuple((one.viewer_id, one.bytes_out, one.dropped_frames) for one in node.viewers()),
        )
        if seen.streams or seen.recordings or seen.segments or seen.voices or self._told_some:
            self._told_some = bool(seen.streams)
            self._link.send(seen)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _some(found: Any) -> tuple[Any, ...]:
    return tuple(one for one in found if one is not None)


class _Upwards(logging.Handler):
    """The worker's log goes to the node's, which knows where to write."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # a line that cannot be told must not break a stream
            text = logging.Formatter("%(message)s").format(record)
            self._link.send(m.Logged(record.name, record.levelno, text))


def main(fd: int) -> None:
    """Run the worker on the socket that was inherited as `fd`."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it died before the kernel was told
    # Ctrl-C reaches the whole group: the node decides when its worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    uvloop.run(_run(sock))


async def _run(sock: socket.socket) -> None:
    await Child().run(sock)
