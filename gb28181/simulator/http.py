"""A camera's HTTP: fetch a file, bring a picture. HTTP/1.1, one request a connection, bounded.

Cameras speak a small HTTP of their own, and this is no better: no redirects, no authorisation, no
cookies. GB/T 28181-2022 9.13, 9.14.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 30.0
MOST_BYTES: Final = 256 * 2**20
_CHUNK: Final = 1 << 16


class HttpFailed(Exception):
    """It could not be fetched or brought; the text is for people."""


async def fetch(url: str) -> int:
    """GET; how many bytes came. Raises HttpFailed."""
    return await _exchange("GET", url, b"", "")


async def bring(url: str, body: bytes, content_type: str) -> None:
    """POST. Raises HttpFailed for anything but a 2xx."""
    await _exchange("POST", url, body, content_type)


async def _exchange(method: str, url: str, body: bytes, content_type: str) -> int:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HttpFailed(f"no address of HTTP: {url[:80]}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        async with asyncio.timeout(TIMEOUT_S):
            return await _talk(method, parts.hostname, port, url, body, content_type)
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
        raise HttpFailed(f"{method}: {error or type(error).__name__}") from error


async def _talk(method: str, host: str, port: int, url: str, body: bytes, content_type: str) -> int:
    parts = urlsplit(url)
    secure = _context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=secure)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        if body:
            lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join((*lines, "", "")).encode("ascii") + body)
        await writer.drain()
        words = (await reader.readline()).split()
        if len(words) < 2 or not words[1].startswith(b"2"):
            raise HttpFailed(f"{method} was answered {b' '.join(words[1:2]).decode('latin-1')}")
        await reader.readuntil(b"\r\n\r\n")
        size = 0
        while chunk := await reader.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise HttpFailed(f"more than {MOST_BYTES} bytes")
        return size
    finally:
        writer.close()


def _context() -> ssl.SSLContext:
    """Cameras believe every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
