"""Recorded speech that is kept, for talks of source `file`."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from gb28181.talk.voices import MOST_NAME

from .guard import Operator, Viewer
from .multipart import first_file
from .paging import Limit, Offset, Page, page_of
from .platform import Here

router = APIRouter(tags=["talks"])

VOICES_PATH = "/api/v1/voices"


class VoiceOut(BaseModel):
    """Recorded speech that is kept."""

    model_config = ConfigDict(from_attributes=True)

    voice_id: str
    name: str
    duration_s: float
    created_at: datetime


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
