"""Every change as it happens, over one WebSocket: ``{"type", "time", "data"}`` as JSON text."""

from __future__ import annotations

import asyncio
import contextlib
import json

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from gb28181.cluster.bus import Event, Subscription
from gb28181.errors import Unauthorised

from .errors import error_response
from .guard import opens
from .platform import platform_of

router = APIRouter(tags=["events"])


@router.websocket("/api/v1/events")
async def events(websocket: WebSocket) -> None:
    """Bearer or ``?ticket=``; ``?types=device,session`` keeps only these nouns."""
    platform = platform_of(websocket)
    if await opens(websocket, platform, "events") is None:
        refusal = Unauthorised("a ticket or a token is needed to read events")
        await websocket.send_denial_response(error_response(websocket, refusal))
        return
    wanted = frozenset(filter(None, websocket.query_params.get("types", "").split(",")))
    # Subscribed before the upgrade is answered: whoever is connected misses nothing.
    subscription = platform.bus.subscribe(platform.settings.http.event_queue)
    try:
        await websocket.accept()
        await _serve(websocket, subscription, wanted)
    finally:
        subscription.close()


async def _serve(websocket: WebSocket, subscription: Subscription, wanted: frozenset[str]) -> None:
    async def leaves() -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await websocket.receive_text()
        subscription.close()

    leaving = asyncio.create_task(leaves())
    try:
        async for event in subscription:
            if not wanted or event.type.partition(".")[0] in wanted:
                await websocket.send_text(_json(event))
        if not leaving.done():
            await websocket.close(1001)
    except (WebSocketDisconnect, RuntimeError):
        pass  # the reader left between two events
    finally:
        leaving.cancel()


def _json(event: Event) -> str:
    return json.dumps(
        {"type": event.type, "time": event.time.isoformat(), "data": event.data},
        ensure_ascii=False,
        default=str,
    )
