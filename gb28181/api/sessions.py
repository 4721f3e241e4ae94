"""Sessions: what runs, and ending it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gb28181.session.model import SessionState, SessionView

from .guard import Operator, Viewer
from .measured import MediaOut, measured
from .paging import Limit, Offset, Page
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])


class SessionOut(BaseModel):
    """One INVITE dialog and what it holds."""

    model_config = ConfigDict(from_attributes=True)

    session_id: str
    stream_id: str
    channel_id: str
    device_id: str
    kind: str
    transport: str
    state: str
    reason: str | None
    ssrc: str
    local: str | None
    remote: str | None
    call_id: str
    viewers: int
    started_at: datetime
    ended_at: datetime | None
    media: MediaOut | None = Field(None, description="what arrives; null once it is over")


@router.get("")
async def sessions(
    platform: Here,
    _: Viewer,
    state: SessionState | None = Query(None, description="only this state; absent: not over"),
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[SessionOut]:
    """Sessions, newest first; without ``state`` those that are not over."""
    views = platform.sessions.views(state)
    shown = [_shown(platform, view) for view in views[offset : offset + limit]]
    return Page[SessionOut](items=shown, total=len(views))


@router.get("/{session_id}")
async def session(platform: Here, _: Viewer, session_id: str) -> SessionOut:
    """One session; ended ones are known for a while."""
    return _shown(platform, platform.sessions.view(session_id))


@router.delete("/{session_id}", status_code=204)
async def end(platform: Here, _: Operator, session_id: str) -> Response:
    """End the pull at once with BYE, whoever watches."""
    platform.sessions.end(session_id)
    return Response(status_code=204)


def _shown(platform: Platform, view: SessionView) -> SessionOut:
    out = SessionOut.model_validate(view)
    if view.state is not SessionState.ENDED:
        statistics = platform.node.statistics(view.stream_id)
        out.media = None if statistics is None else measured(statistics)
    return out
