"""All pushes of a node, whatever they speak."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from media.errors import LocalError, MediaConnectFailed
from media.pushing import PushEnded, PushInfo, PushSpec, PushStatistics
from media.reaching import CONNECT_S, address_of
from media.rtmp.pusher import RtmpPusher
from media.rtmp.target import RTMP_PORT
from media.rtsp.pusher import RTSP_PORT, RtspPusher
from media.send.forward import Look
from media.send.pusher import MakePusher, Pusher

MAKERS: Final[Mapping[str, MakePusher]] = {"rtsp": RtspPusher, "rtmp": RtmpPusher}
"""By the scheme of the address."""
PORTS: Final[Mapping[str, int]] = {"rtsp": RTSP_PORT, "rtmp": RTMP_PORT}


class Pushes:
    """Those of one node, by id; see `media.pushing.PushNode`."""

    def __init__(self, name: str, tell: Callable[[PushEnded], None], look: Look) -> None:
        self._name = name
        self._tell = tell
        self._look = look
        self._open: dict[str, tuple[PushInfo, Pusher]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = count(1)

    def __repr__(self) -> str:
        return f"<Pushes {self._name} {len(self._open)}>"

    async def open(self, spec: PushSpec) -> PushInfo:
        make = MAKERS.get(_scheme(spec))
        if make is None:
            raise LocalError(f"nothing is pushed by {_scheme(spec)!r}")
        pusher = make(spec, partial(self._look, spec.stream_id))
        await pusher.open()
        info = PushInfo(f"{self._name}-p{next(self._numbers)}", spec.stream_id, pusher.remote)
        self._open[info.push_id] = info, pusher
        task = asyncio.get_running_loop().create_task(self._run(info, pusher))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return info

    async def reach(self, spec: PushSpec) -> None:
        host, port = await address_of(spec.url, PORTS.get(_scheme(spec), 0), spec.allow)
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            raise MediaConnectFailed(host, port, str(error) or "no connection in time") from None
        writer.close()

    async def close(self, push_id: str) -> None:
        found = self._open.pop(push_id, None)
        if found is not None:
            found[1].close()

    def infos(self) -> list[PushInfo]:
        return [info for info, _ in self._open.values()]

    def statistics(self, push_id: str) -> PushStatistics | None:
        found = self._open.get(push_id)
        if found is None:
            return None
        return PushStatistics(push_id, found[1].bytes_out, found[1].dropped_frames)

    def aclose(self) -> None:
        """End all of them."""
        for _, pusher in self._open.values():
            pusher.close()
        self._open.clear()

    async def _run(self, info: PushInfo, pusher: Pusher) -> None:
        reason = await pusher.run()
        if info.push_id in self._open:
            self._tell(PushEnded(info.stream_id, info.push_id, reason))


def _scheme(spec: PushSpec) -> str:
    return urlsplit(spec.url).scheme
