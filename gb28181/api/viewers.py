"""Who looks at streams, what it came to, and ending it: viewers, users, tickets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gb28181.errors import BadInput, Busy, NotFound
from media.node import ViewerInfo
from media.revoked import RefusalsFull

from .auth import MAX_CREDENTIAL
from .guard import Admin, Operator, Viewer
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(tags=["viewers"])


class ViewerOut(BaseModel):
    """Somebody who looks now."""

    viewer_id: str
    stream_id: str
    user: str
    protocol: str = Field(description="the output, as it is called in `urls`")
    remote: str
    ticket_id: str | None = Field(description="of the ticket that opened it, if it was one")
    started_at: datetime
    bytes_out: int
    dropped_frames: int = Field(description="not sent, because the viewer was too slow for them")


class UserOut(BaseModel):
    """What one user looked at since the start of the platform."""

    model_config = ConfigDict(from_attributes=True)

    user: str
    viewers: int = Field(description="now")
    opened: int
    bytes_out: int


class RevokeIn(BaseModel):
    """What is taken back: one of the three."""

    ticket: str | None = Field(None, max_length=2048, description="the ticket itself")
    ticket_id: str | None = Field(None, pattern=r"^[0-9a-f]{16}$")
    user: str | None = Field(None, min_length=1, max_length=MAX_CREDENTIAL)

    @model_validator(mode="after")
    def _one(self) -> RevokeIn:
        if sum(one is not None for one in (self.ticket, self.ticket_id, self.user)) != 1:
            raise ValueError("give one of ticket, ticket_id and user")
        return self


class RevokedOut(BaseModel):
    """What came of it."""

    ended: int = Field(description="viewers that were hung up on")


@router.get("/api/v1/viewers")
async def viewers(
    platform: Here,
    _: Operator,
    user: Annotated[str | None, Query(max_length=MAX_CREDENTIAL)] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[ViewerOut]:
    """Everybody who looks now, in the order they came."""
    return page_of([_shown(one) for one in platform.viewers.viewers(None, user)], limit, offset)


@router.get("/api/v1/viewers/users")
async def users(
    platform: Here, _: Operator, limit: Limit = 50, offset: Offset = 0
) -> Page[UserOut]:
    """Viewers and bytes of each user since the start, most bytes first."""
    found = [UserOut.model_validate(one) for one in platform.viewers.users()]
    return page_of(found, limit, offset)


@router.get("/api/v1/sessions/{session_id}/viewers")
async def of_session(
    platform: Here, _: Viewer, session_id: str, limit: Limit = 50, offset: Offset = 0
) -> Page[ViewerOut]:
    """Who looks at the stream of a session."""
    stream_id = platform.sessions.view(session_id).stream_id
    return page_of([_shown(one) for one in platform.viewers.viewers(stream_id)], limit, offset)


@router.delete("/api/v1/viewers/{viewer_id}", status_code=204)
async def end(platform: Here, _: Operator, viewer_id: str) -> Response:
    """Hang up on one viewer; it may come again as long as its ticket is good."""
    if not await platform.viewers.end(viewer_id):
        raise NotFound("viewer", viewer_id)
    return Response(status_code=204)


@router.post("/api/v1/tickets/revoke")
async def revoke(platform: Here, _: Admin, wanted: RevokeIn) -> RevokedOut:
    """Take back a ticket, or all that a user was given until now, and end what they opened. Of a
    user this ends what was opened with a token or a key, too."""
    ticket_id = wanted.ticket_id or ""
    if wanted.ticket is not None:
        ticket = platform.tickets.read(wanted.ticket)
        if ticket is None:
            raise BadInput("this ticket opens nothing: it is over, taken back already, or none")
        ticket_id = ticket.ticket_id
    user = wanted.user or ""
    try:
        await platform.tickets.revoke(ticket_id=ticket_id, user=user)
    except RefusalsFull as error:
        raise Busy("revocations_full", str(error)) from error
    ended = await platform.viewers.end_all(user=user, ticket_id=ticket_id, reason="ticket_revoked")
    return RevokedOut(ended=ended)


def _shown(one: ViewerInfo) -> ViewerOut:
    return ViewerOut(
        viewer_id=one.viewer_id,
        stream_id=one.stream_id,
        user=one.who.user,
        protocol=one.who.protocol,
        remote=one.who.remote,
        ticket_id=one.who.ticket_id or None,
        started_at=datetime.fromtimestamp(one.since, UTC),
        bytes_out=one.bytes_out,
        dropped_frames=one.dropped_frames,
    )
