"""Where a URL that somebody entered leads, and whether this node connects to there."""

from __future__ import annotations

import asyncio
import socket
from typing import Final
from urllib.parse import urlsplit

from media.errors import MediaConnectFailed
from media.guard import forbidden

CONNECT_S: Final = 5.0
"""For the name, and once more for the connection."""


async def address_of(url: str, default_port: int, allow: tuple[str, ...]) -> tuple[str, int]:
    """The address a URL stands for, if it may be connected to. Raises MediaConnectFailed."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port or default_port
    except ValueError:
        raise MediaConnectFailed("", 0, "no address") from None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise MediaConnectFailed(name, port, "the name cannot be resolved") from None
    reason = "the name cannot be resolved"
    for _, _, _, _, address in found:
        host = str(address[0])
        refused = forbidden(host, allow)
        if refused is None:
            return host, port
        reason = f"{host} is {refused}"
    raise MediaConnectFailed(name, port, reason)
