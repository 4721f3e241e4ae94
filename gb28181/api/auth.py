"""Logging in: access tokens and tickets."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from gb28181.errors import PlatformError, Unauthorised
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.tickets import ANY, OUTPUTS

from .guard import Viewer
from .platform import Here

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
log = get_logger("api")

MAX_CREDENTIAL = 256

Output = Literal["flv", "ws_flv", "fmp4", "ws_fmp4", "hls", "whep", "rtsp", "rtmp"]
"""The ways out of `urls`."""


class TokenView(BaseModel):
    """An access token for ``Authorization: Bearer``."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int


class TicketIn(BaseModel):
    """What a ticket is limited to; without a limit it opens every stream and the events."""

    stream_id: str | None = Field(None, min_length=1, max_length=64, description="this stream only")
    outputs: list[Output] = Field([], max_length=len(OUTPUTS), description="these outputs only")


class TicketView(BaseModel):
    """A ticket for ``?ticket=`` of streams and events."""

    ticket: str
    ticket_id: str = Field(description="names it without opening anything, to take it back")
    expires_in: int


Credential = Annotated[str, Form(min_length=1, max_length=MAX_CREDENTIAL)]


@router.post("/token")
async def token(
    request: Request, platform: Here, username: Credential, password: Credential
) -> TokenView:
    """Exchange user name and password (form fields) for an access token."""
    address = request.client.host if request.client else ""
    now = asyncio.get_running_loop().time()
    if not platform.logins.allows(username, address, now):
        raise PlatformError("too_many_logins", "too many failed logins; wait a few minutes", 429)
    user = await platform.store.accounts.verify(username, password)
    if user is None:
        platform.logins.failed(username, address, now)
        log.event(ev.API_LOGIN_FAILED, user=username, remote=address, reason="credentials")
        raise Unauthorised("user name or password is wrong")
    platform.logins.succeeded(username, address)
    log.event(ev.API_LOGIN, user=username, remote=address)
    return TokenView(
        access_token=platform.tokens.access(user.name, user.role),
        expires_in=int(platform.tokens.access_s),
    )


@router.post("/ticket")
async def ticket(platform: Here, principal: Viewer, wanted: TicketIn | None = None) -> TicketView:
    """A ticket that opens streams and the event socket, where no header can be set."""
    wanted = wanted or TicketIn(stream_id=None, outputs=[])
    office = platform.tickets
    text = office.give(principal.name, wanted.stream_id or ANY, wanted.outputs)
    found = office.read(text)
    assert found is not None, "it was given just now"
    return TicketView(ticket=text, ticket_id=found.ticket_id, expires_in=int(office.lifetime_s))
