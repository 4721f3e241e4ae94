"""The absolute addresses of a stream, built from the public URL, else from the request's Host."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from fastapi import Request
from pydantic import BaseModel

from gb28181.session.model import StreamKey
from sip.flow import host_port

from .platform import Platform


class StreamUrls(BaseModel):
    """One address per output; null where the output does not exist (yet)."""

    flv: str
    ws_flv: str
    fmp4: str
    ws_fmp4: str
    hls: str
    whep: str | None = None
    rtsp: str | None = None


def stream_urls(request: Request, platform: Platform, key: StreamKey, ticket: str) -> StreamUrls:
    """Addresses of this stream with a ticket that opens it: a live picture by its channel, any
    other by its own name."""
    base = platform.settings.http.public_url or f"{request.url.scheme}://{request.url.netloc}"
    parts = urlsplit(base.rstrip("/"))
    query = {"ticket": ticket}
    if key.stream != "main":
        query = {"stream": key.stream, **query}
    where = f"/play/{key.name}" if key.name else f"/live/{key.channel_id}"
    secure = parts.scheme == "https"

    def url(scheme: str, ending: str) -> str:
        return f"{scheme}://{parts.netloc}{parts.path}{where}{ending}?{urlencode(query)}"

    socket = "wss" if secure else "ws"
    return StreamUrls(
        flv=url(parts.scheme, ".flv"),
        ws_flv=url(socket, ".flv"),
        fmp4=url(parts.scheme, ".mp4"),
        ws_fmp4=url(socket, ".mp4"),
        hls=url(parts.scheme, "/index.m3u8"),
        whep=url(parts.scheme, "/whep"),
        rtsp=_rtsp(parts.hostname, platform.rtsp_port(), where, urlencode(query)),
    )


def _rtsp(host: str | None, port: int | None, where: str, query: str) -> str | None:
    if host is None or port is None:
        return None
    return f"rtsp://{host_port((host, port))}{where}?{query}"
