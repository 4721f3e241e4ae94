"""WHEP: a browser's offer, our answer, and the end of what came of it.

`POST` an SDP offer, get an SDP answer with everything in it; `DELETE` the `Location` to end it. The
id in the `Location` cannot be guessed, so whoever has it may end that peer without another ticket.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from config.schema import Settings
from gb28181.errors import BadInput, Busy, Leg, LegFailed, NotFound, PlatformError
from gb28181.session.model import StreamKey, StreamName
from media.whep.peers import WhepAsk, WhepRefused

from .outputs import Ready
from .platform import Here, Platform
from .streams import admit

router = APIRouter(tags=["streams"])

SDP_TYPE = "application/sdp"
MAX_OFFER = 64 * 1024
"""Bytes of an offer."""
ALLOW = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location"}
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-API-Key",
    "Access-Control-Max-Age": "86400",
}

_ANSWERED = {201: {"content": {SDP_TYPE: {}}, "description": "The answer, and its `Location`."}}
_OFFER = {"requestBody": {"required": True, "content": {SDP_TYPE: {"schema": {"type": "string"}}}}}


@router.post(
    "/live/{channel_id}/whep",
    status_code=201,
    response_class=Response,
    responses=_ANSWERED,  # type: ignore[arg-type]
    openapi_extra=_OFFER,
)
async def live_whep(
    request: Request, platform: Here, channel_id: str, stream: StreamName = "main"
) -> Response:
    """WebRTC (WHEP): an SDP offer as `application/sdp` in, the answer out; starts the pull."""
    stream_id = StreamKey(channel_id, stream).stream_id
    who = await admit(request, platform, stream_id, "whep")
    offer = await _offer(request)
    pulled = platform.sessions.live(channel_id, None, stream)
    return await _answer(request, channel_id, Ready(stream_id, who), offer, pulled)


@router.post(
    "/play/{stream_id}/whep",
    status_code=201,
    response_class=Response,
    responses=_ANSWERED,  # type: ignore[arg-type]
    openapi_extra=_OFFER,
)
async def playback_whep(request: Request, platform: Here, stream_id: str) -> Response:
    """A playback over WebRTC (WHEP)."""
    who = await admit(request, platform, stream_id, "whep")
    offer = await _offer(request)
    pulled = platform.playback.wanted(stream_id)
    return await _answer(request, stream_id, Ready(stream_id, who), offer, pulled)


@router.delete("/live/{name}/whep/{peer_id}", status_code=204)
@router.delete("/play/{name}/whep/{peer_id}", status_code=204, include_in_schema=False)
async def end_whep(platform: Here, name: str, peer_id: str) -> Response:
    """End what the `Location` of an answer names; no other credential is needed."""
    if not await platform.whep.end(name, peer_id):
        raise NotFound("peer", peer_id)
    return Response(status_code=204, headers=ALLOW)


@router.options("/live/{name}/whep", include_in_schema=False)
@router.options("/play/{name}/whep", include_in_schema=False)
@router.options("/live/{name}/whep/{peer_id}", include_in_schema=False)
@router.options("/play/{name}/whep/{peer_id}", include_in_schema=False)
async def preflight(name: str, peer_id: str = "") -> Response:
    """A page of another origin may ask: it needs a ticket all the same."""
    return Response(status_code=204, headers=PREFLIGHT)


async def _offer(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP_TYPE:
        raise BadInput(f"the offer has to be {SDP_TYPE}")
    body = await request.body()
    if len(body) > MAX_OFFER:
        raise PlatformError("too_large", "the offer is too large", 413)
    return body.decode("utf-8", "replace")


async def _answer(
    request: Request, name: str, ready: Ready, offer: str, pulled: Awaitable[object]
) -> Response:
    await pulled
    platform: Platform = request.app.state.platform
    local = request.scope["server"][0]
    bind, hosts = where(platform.settings, local)
    try:
        peer_id, text = await platform.whep.answer(
            WhepAsk(name, ready.stream_id, offer, ready.who, bind, hosts)
        )
    except WhepRefused as refused:
        raise _refusal(refused) from refused
    location = f"{request.url.path}/{peer_id}"
    return Response(text, 201, {**ALLOW, "Location": location}, SDP_TYPE)


def where(settings: Settings, local: str) -> tuple[str, list[str]]:
    """The address to bind, and those to tell the browser; none: those of all interfaces.

    The browser reached us at `local`, so it reaches our port there too; behind a NAT the announced
    address comes first. From a proxy on this machine `local` says nothing.
    """
    told = settings.media.host
    hosts = [told] if told is not None and _is_address(told) else []
    if _is_loopback(local) and not _is_loopback(settings.http.host):
        return settings.http.host, hosts
    return local, list(dict.fromkeys([*hosts, local]))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return text == "localhost" or (_is_address(text) and ipaddress.ip_address(text).is_loopback)


def _refusal(refused: WhepRefused) -> PlatformError:
    if refused.status == 415:
        return LegFailed(Leg.UNSUPPORTED_CODEC, refused.reason)
    if refused.status == 503:
        return Busy("viewers_exhausted", refused.reason)
    if refused.status == 504:
        return LegFailed(Leg.MEDIA_STOPPED, refused.reason)
    if refused.status == 413:
        return PlatformError("too_large", refused.reason, 413)
    return BadInput(refused.reason)
