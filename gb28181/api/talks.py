"""Talks: speech to the loudspeakers of one device or of many."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Query, Request, Response

from gb28181.errors import LegFailed
from gb28181.session.model import StreamKey
from gb28181.talk.conversation import Source
from gb28181.talk.service import Order, refusal
from gb28181.talk.talk import Mode, Talk
from gb28181.talk.targets import Wish

from .guard import Operator, Viewer
from .microphones import scope
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform
from .talk_models import ListenOut, SpeechIn, TalkIn, TalkOut

router = APIRouter(tags=["talks"])

ANSWER_S = 14.8
"""Longest wait for a single target: the API answers within 15 s in every case."""


@router.post("/api/v1/channels/{channel_id}/talk")
async def talk_to_channel(
    request: Request,
    platform: Here,
    user: Operator,
    channel_id: str,
    wanted: SpeechIn | None = None,
) -> TalkOut:
    """Speak to the loudspeaker of a channel; answered when it hears, or with the reason why not."""
    wish = Wish(channel_id=channel_id, voice_output=(wanted or SpeechIn()).voice_output)
    return await _single(request, platform, user.name, wish, wanted or SpeechIn())


@router.post("/api/v1/devices/{device_id}/talk")
async def talk_to_device(
    request: Request,
    platform: Here,
    user: Operator,
    device_id: str,
    wanted: SpeechIn | None = None,
) -> TalkOut:
    """Speak to all loudspeakers of a device; answered when it hears, or with the reason why not."""
    wish = Wish(device_id=device_id, voice_output=(wanted or SpeechIn()).voice_output)
    return await _single(request, platform, user.name, wish, wanted or SpeechIn())


@router.post("/api/v1/talks")
async def talk_to_many(request: Request, platform: Here, user: Operator, wanted: TalkIn) -> TalkOut:
    """Speak to many channels and devices at once. Answered at once; each target has its own state
    and reason, told by GET and by the events `talk.changed`. Recorded speech begins when all
    targets are settled."""
    wishes = [
        Wish(target.channel_id, target.device_id, target.voice_output) for target in wanted.targets
    ]
    order = Order(wishes, wanted.mode, wanted.source, wanted.voice_id, wanted.loop, by=user.name)
    return _shown(request, platform, await platform.talks.begin(order), user.name)


@router.get("/api/v1/talks")
async def talks(
    platform: Here,
    _: Viewer,
    ended: bool = Query(False, description="the last ones that ended, instead of the open ones"),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[TalkOut]:
    """Talks, newest first; without ``ended`` those that are not over."""
    views = platform.talks.views(ended=ended)
    return page_of([TalkOut.model_validate(view) for view in views], limit, offset)


@router.get("/api/v1/talks/{talk_id}")
async def talk(platform: Here, _: Viewer, talk_id: str) -> TalkOut:
    """One talk with all its targets; ended ones are known for a while."""
    return TalkOut.model_validate(platform.talks.talk(talk_id).view())


@router.delete("/api/v1/talks/{talk_id}", status_code=204)
async def end(platform: Here, _: Operator, talk_id: str) -> Response:
    """End a talk: BYE to every device that hears."""
    platform.talks.end(talk_id)
    return Response(status_code=204)


async def _single(
    request: Request, platform: Platform, user: str, wish: Wish, wanted: SpeechIn
) -> TalkOut:
    order = Order([wish], wanted.mode, wanted.source, wanted.voice_id, wanted.loop, by=user)
    begun = await platform.talks.begin(order)
    listening = asyncio.ensure_future(_listen(platform, wish, wanted.mode))
    try:
        async with asyncio.timeout(ANSWER_S):
            await begun.settled.wait()
    except TimeoutError:
        platform.talks.end(begun.talk_id)
    except asyncio.CancelledError:
        platform.talks.end(begun.talk_id)  # whoever asked has gone
        listening.cancel()
        raise
    error = refusal(begun)
    if error is not None:
        listening.cancel()
        raise error
    shown = _shown(request, platform, begun, user)
    shown.listen = await listening
    return shown


async def _listen(platform: Platform, wish: Wish, mode: Mode) -> ListenOut | None:
    """The other direction of a talk is an ordinary live pull (9.12.2); its failure is no failure
    of the talk."""
    if mode is not Mode.TALK:
        return None
    stream_id = StreamKey(wish.channel_id).stream_id
    try:
        await platform.sessions.live(wish.channel_id)
    except LegFailed as error:
        return ListenOut(stream_id=stream_id, state="failed", leg=error.code, message=error.message)
    return ListenOut(stream_id=stream_id, state="running")


def _shown(request: Request, platform: Platform, talk: Talk, user: str) -> TalkOut:
    shown = TalkOut.model_validate(talk.view())
    if shown.source is Source.MICROPHONE:
        ticket = platform.tickets.give(user, scope(talk.talk_id))
        base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
        secure, _, where = base.rstrip("/").partition("://")
        path = f"/api/v1/talks/{talk.talk_id}/microphone?ticket={ticket}"
        shown.microphone = f"{'wss' if secure == 'https' else 'ws'}://{where}{path}"
    return shown
