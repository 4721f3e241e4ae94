"""The microphone that speaks in a talk.

It is a WebSocket, because browsers can set no headers there: it takes Bearer, API key or the ticket
that stands in the talk's own address, never a ticket of a viewer. Browsers give their microphone to
pages loaded over https (or from localhost) only.
"""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from gb28181.cluster.bus import Subscription
from gb28181.errors import BadInput, PlatformError, Unauthorised
from gb28181.talk.microphone import Microphone

from .errors import error_response
from .guard import identify
from .platform import Platform, platform_of
from .talk_models import TalkOut

router = APIRouter(tags=["talks"])

EVENT_QUEUE = 100


def scope(talk_id: str) -> str:
    """What the ticket of its microphone is good for."""
    return f"talk-{talk_id}"


@router.websocket("/api/v1/talks/{talk_id}/microphone")
async def microphone(websocket: WebSocket, talk_id: str, rate: int = 8000) -> None:
    """Binary messages: signed 16-bit little-endian samples of one channel at `rate`. Text messages
    to the speaker: the talk as it changes. Binary messages to the speaker (mode `talk-2016`): what
    the device says, in the same form at 8 kHz."""
    platform = platform_of(websocket)
    try:
        if not await _may_speak(websocket, platform, talk_id):
            raise Unauthorised("the ticket of this talk, or a token of an operator is needed")
        opened = platform.talks.microphone(talk_id, rate)
    except PlatformError as error:
        await websocket.send_denial_response(error_response(websocket, error))
        return
    subscription = platform.bus.subscribe(EVENT_QUEUE)
    try:
        await websocket.accept()
        await _serve(websocket, platform, talk_id, opened, subscription)
    finally:
        subscription.close()
        opened.close()


async def _may_speak(websocket: WebSocket, platform: Platform, talk_id: str) -> bool:
    ticket = websocket.query_params.get("ticket")
    if ticket is not None:
        # One for everything, which any viewer may have, does not open what only operators may do.
        found = platform.tickets.read(ticket)
        return found is not None and found.scope == scope(talk_id)
    principal = await identify(websocket)
    return principal is not None and principal.may("operator")


async def _serve(
    websocket: WebSocket,
    platform: Platform,
    talk_id: str,
    opened: Microphone,
    subscription: Subscription,
) -> None:
    """Until the speaker leaves, or the talk is over."""
    out = _Out(websocket)
    tasks = {
        asyncio.create_task(_tell(out, platform, talk_id, subscription)),
        asyncio.create_task(_let_hear(out, opened)),
        asyncio.create_task(_listen_to(websocket, opened)),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    code, reason = 1000, "the talk is over"
    for error in results:
        if isinstance(error, BadInput):
            code, reason = 1008, error.message
        elif isinstance(error, Exception) and not isinstance(error, _GONE):
            raise error
    with contextlib.suppress(*_GONE):
        # The microphone is closed with its talk: how that ended has not been told yet.
        await out.send(_told(platform, talk_id))
        await websocket.close(code, reason[:120])


class _Out:
    """One sender at a time: messages of a WebSocket may not interleave."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._turn = asyncio.Lock()

    async def send(self, data: str | bytes) -> None:
        async with self._turn:
            if isinstance(data, str):
                await self._websocket.send_text(data)
            else:
                await self._websocket.send_bytes(data)


_GONE = (WebSocketDisconnect, RuntimeError)
"""What is raised when the other end has left meanwhile."""


async def _tell(out: _Out, platform: Platform, talk_id: str, subscription: Subscription) -> None:
    """The talk as it stands, and again with every change; ends when the talk is over."""
    found = platform.talks.talk(talk_id)
    await out.send(_told(platform, talk_id))
    async for event in subscription:
        if not found.open:
            return
        if event.type == "events.lost" or event.data.get("talk_id") == talk_id:
            await out.send(_told(platform, talk_id))


def _told(platform: Platform, talk_id: str) -> str:
    return TalkOut.model_validate(platform.talks.talk(talk_id).view()).model_dump_json()


async def _let_hear(out: _Out, opened: Microphone) -> None:
    """What the device says; ends when the microphone is closed."""
    while heard := await opened.heard():
        await out.send(heard)


async def _listen_to(websocket: WebSocket, opened: Microphone) -> None:
    """What the speaker says; ends when he leaves. Raises BadInput."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        opened.feed(message.get("bytes") or b"")
