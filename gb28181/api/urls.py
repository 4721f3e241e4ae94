"""The absolute addresses of a stream, built from the public URL, else from the request's Host."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from fastapi import Request
from pydantic import BaseModel

from gb28181.session.model import StreamName

from .platform import Platform


class StreamUrls(BaseModel):
    """One address per output; null where the output does not exist (yet)."""

    flv: str
    ws_flv: str
    fmp4: str | None = None
    ws_fmp4: str | None = None
    hls: str | None = None
    whep: str | None = None
    rtsp: str | None = None


def stream_urls(
    request: Request, platform: Platform, channel_id: str, stream: StreamName, ticket: str
) -> StreamUrls:
    """Addresses of this stream with a ticket that opens it."""
    base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
    parts = urlsplit(base.rstrip("/"))
    query = {"stream": stream, "ticket": ticket} if stream != "main" else {"ticket": ticket}
    tail = f"{parts.netloc}{parts.path}/live/{channel_id}.flv?{urlencode(query)}"
    secure = parts.scheme == "https"
    return StreamUrls(
        flv=f"{parts.scheme}://{tail}", ws_flv=f"{'wss' if secure else 'ws'}://{tail}"
    )
