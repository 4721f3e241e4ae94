"""Key frames that viewers ask for, asked of the camera: seldom, and never twice at one time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from gb28181.control.service import ControlService
from gb28181.errors import PlatformError
from gb28181.session.service import SessionService

PAUSE_S = 2.0
"""A camera is asked for a key frame at most this often, whoever asks."""

MOST = 10_000
"""Streams whose last request is remembered."""


class KeyFrames:
    """Callable with a stream's id, in the loop; whether the camera obeys shows in the stream."""

    def __init__(self, sessions: SessionService, control: ControlService) -> None:
        self._sessions = sessions
        self._control = control
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._asking: set[asyncio.Task[None]] = set()

    def __call__(self, stream_id: str) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        session = self._sessions.running(stream_id)
        if (
            session is None
            or session.key.name
            or now - self._asked.get(stream_id, -PAUSE_S) < PAUSE_S
        ):
            return
        self._asked[stream_id] = now
        self._asked.move_to_end(stream_id)
        if len(self._asked) > MOST:
            self._asked.popitem(last=False)
        task = loop.create_task(self._ask(session.key.channel_id))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, channel_id: str) -> None:
        try:
            await self._control.commands.key_frame(self._control.channel(channel_id))
        except PlatformError:
            return  # offline, or it does not know the command: its next key frame comes anyway
