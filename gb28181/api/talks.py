"""Speech to devices: talks, the microphone that speaks in one, and recorded speech.

The microphone is a WebSocket, because browsers can set no headers there: it takes Bearer, API key
or the ticket that stands in the talk's own address, never a ticket of a viewer. Browsers give their
microphone to pages loaded over https (or from localhost) only.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field

from gb28181.cluster.bus import Subscription
from gb28181.errors import BadInput, LegFailed, PlatformError, Unauthorised
from gb28181.session.model import StreamKey
from gb28181.talk.conversation import Source, TalkState
from gb28181.talk.leg import Step
from gb28181.talk.microphone import Microphone
from gb28181.talk.service import Order, refusal
from gb28181.talk.talk import Mode, Talk
from gb28181.talk.targets import Wish
from gb28181.talk.voices import MOST_NAME

from .errors import error_response
from .guard import Operator, Viewer, identify
from .multipart import first_file
from .paging import Limit, Offset, Page, page_of
from .platform import Here, Platform, platform_of

router = APIRouter(tags=["talks"])

VOICES_PATH = "/api/v1/voices"
ANSWER_S = 14.8
"""Longest wait for a single target: the API answers within 15 s in every case."""
EVENT_QUEUE = 100


class SpeechIn(BaseModel):
    """How a single channel or device is spoken to."""

    mode: Mode = Field(
        Mode.BROADCAST,
        description="`broadcast`: speech to the device (both editions). `talk`: the same, and the "
        "live picture of the channel is begun for its sound. `talk-2016`: one dialog with speech "
        "both ways (`s=Talk`), for devices of 2016 that know it.",
    )
    source: Source = Source.MICROPHONE
    voice_id: str | None = Field(None, description="of recorded speech, for source `file`")
    loop: bool = Field(False, description="play it again and again")
    voice_output: str = Field(
        "", max_length=20, description="code of the loudspeaker (137), where it has to be named"
    )


class TargetIn(BaseModel):
    """A channel or a device."""

    channel_id: str = Field("", max_length=64)
    device_id: str = Field("", max_length=64)
    voice_output: str = Field("", max_length=20)


class TalkIn(BaseModel):
    """Speech to many."""

    targets: Annotated[list[TargetIn], Field(min_length=1, max_length=10_000)]
    mode: Mode = Mode.BROADCAST
    source: Source = Source.MICROPHONE
    voice_id: str | None = None
    loop: bool = False


class TargetOut(BaseModel):
    """One target: where it stands, and why it does not hear."""

    model_config = ConfigDict(from_attributes=True)

    target_id: str
    channel_id: str
    device_id: str
    voice_output: str = Field(description="the code the device was asked with")
    state: Step
    reason: str | None
    leg: str | None
    message: str | None
    message_zh: str | None
    sip_status: int | None
    session_id: str | None
    transport: str | None
    remote: str | None
    packets: int = Field(description="sent so far, 50 a second")
    running_at: datetime | None
    ended_at: datetime | None


class ListenOut(BaseModel):
    """The live picture of mode `talk`: its sound is what the device hears."""

    stream_id: str
    state: Literal["running", "failed"]
    leg: str | None = None
    message: str | None = None


class TalkOut(BaseModel):
    """A talk."""

    model_config = ConfigDict(from_attributes=True)

    talk_id: str
    mode: Mode
    source: Source
    voice_id: str | None
    loop: bool
    state: TalkState
    reason: str | None
    speaking: bool
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    targets: list[TargetOut]
    microphone: str | None = Field(
        None, description="address of its microphone (WebSocket), with a ticket"
    )
    listen: ListenOut | None = None


class VoiceOut(BaseModel):
    """Recorded speech that is kept."""

    model_config = ConfigDict(from_attributes=True)

    voice_id: str
    name: str
    duration_s: float
    created_at: datetime


# --- talks -----------------------------------------------------------------------------------


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
        ticket = platform.tokens.ticket(user, _scope(talk.talk_id))
        base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
        secure, _, where = base.rstrip("/").partition("://")
        path = f"/api/v1/talks/{talk.talk_id}/microphone?ticket={ticket}"
        shown.microphone = f"{'wss' if secure == 'https' else 'ws'}://{where}{path}"
    return shown


def _scope(talk_id: str) -> str:
    return f"talk-{talk_id}"


# --- the microphone --------------------------------------------------------------------------


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
        return platform.tokens.ticket_is_for(ticket, _scope(talk_id))
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


# --- recorded speech -------------------------------------------------------------------------


@router.post(
    VOICES_PATH,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
async def keep(
    request: Request,
    platform: Here,
    _: Operator,
    name: Annotated[str, Query(max_length=MOST_NAME)] = "",
) -> VoiceOut:
    """Keep an audio file (WAV, MP3, AAC, M4A, FLAC, OGG ...; the raw body, or the file of a form)
    for talks of source `file`."""
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/"):
        part_name, body = first_file(kind, body)
        name = name or part_name
    voice = await platform.talks.voices.add(secrets.token_hex(8), name, body)
    return VoiceOut.model_validate(voice)


@router.get(VOICES_PATH)
async def voices(
    platform: Here, _: Viewer, limit: Limit = 50, offset: Offset = 0
) -> Page[VoiceOut]:
    """Recorded speech that is kept, newest first."""
    found = [VoiceOut.model_validate(voice) for voice in platform.talks.voices.all()]
    return page_of(found, limit, offset)


@router.delete(VOICES_PATH + "/{voice_id}", status_code=204)
async def forget(platform: Here, _: Operator, voice_id: str) -> Response:
    """Delete recorded speech; talks that play it go on."""
    await platform.talks.voices.delete(voice_id)
    return Response(status_code=204)
