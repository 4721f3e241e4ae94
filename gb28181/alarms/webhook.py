"""A signed POST to somebody else's server: JSON in, 2xx expected, nothing else believed.

    X-GB28181-Delivery:  the alarm and the rule, the same in every attempt
    X-GB28181-Timestamp: seconds since 1970
    X-GB28181-Signature: sha256=HMAC-SHA256(secret, timestamp + "." + body), in hex

No redirect is followed, no more than the head of the answer is read, every step is bounded in
time. 408, 429, 5xx and broken connections are tried again by the caller; any other answer is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 5.0
MOST_URL = 2048
_MOST_HEAD = 16_384
_AGAIN = frozenset({408, 425, 429})


class WebhookFailed(Exception):
    """It was not delivered; `again` tells whether trying once more makes sense."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart."""

    secure: bool
    host: str
    port: int
    path: str
    authority: str


def target_of(url: str) -> Target:
    """The parts of an http or https URL; raises ValueError with a reason for people."""
    if len(url) > MOST_URL or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise ValueError("is no URL of ASCII characters")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password")
    if not parts.hostname:
        raise ValueError("names no host")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = parts.path or "/"
    return Target(
        parts.scheme == "https",
        parts.hostname,
        port,
        f"{path}?{parts.query}" if parts.query else path,
        parts.netloc,
    )


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What the receiver computes, too, to know that it was us."""
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


async def post(
    url: str, body: bytes, secret: str, delivery: str, clock: Callable[[], float]
) -> int:
    """One attempt; the status of a 2xx. Raises WebhookFailed."""
    target = target_of(url)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status = await _exchange(target, _request(target, body, secret, delivery, clock))
    except TimeoutError as error:
        raise WebhookFailed("no answer in time", again=True) from error
    except ssl.SSLError as error:
        raise WebhookFailed(f"TLS: {error.reason}", again=False) from error
    except (OSError, EOFError) as error:
        raise WebhookFailed(f"{type(error).__name__}: {error}"[:200], again=True) from error
    if not 200 <= status < 300:
        again = status in _AGAIN or status >= 500
        raise WebhookFailed(f"answered {status}", again=again)
    return status


def _request(
    target: Target, body: bytes, secret: str, delivery: str, clock: Callable[[], float]
) -> bytes:
    timestamp = int(clock())
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: gb28181",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"X-GB28181-Delivery: {delivery}",
        f"X-GB28181-Timestamp: {timestamp}",
    ]
    if secret:
        lines.append(f"X-GB28181-Signature: {signature(secret, timestamp, body)}")
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


async def _exchange(target: Target, request: bytes) -> int:
    context = ssl.create_default_context() if target.secure else None
    reader, writer = await asyncio.open_connection(
        target.host, target.port, ssl=context, limit=_MOST_HEAD
    )
    try:
        writer.write(request)
        await writer.drain()
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError as error:
                raise WebhookFailed("an endless answer", again=False) from error
            status = _status(head)
            if status >= 200:
                return status
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()


def _status(head: bytes) -> int:
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise WebhookFailed("the answer is no HTTP", again=False)
    return int(words[1][:4])
