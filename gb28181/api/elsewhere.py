"""Where a media process serves a stream itself: sending players there spares this process.

The main port stays the one address of every stream. A plain GET may be answered with 307 to the
process that has the stream; it checks a ticket by itself, so the address carries one made for this
stream and this way out. Players that come anew come to the main port.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlencode

from starlette.requests import HTTPConnection

from media.node import ServedAt
from media.output.web import CONTAINERS
from sip.flow import host_port

from .outputs import Ready
from .platform import Platform

REDIRECT_S = 60.0
"""A ticket in a redirection is good for so long; following it takes no time."""
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def elsewhere(
    connection: HTTPConnection, platform: Platform, ready: Ready, ending: str, audio: str | None
) -> str | None:
    """The address to send this player to; None: it is served here."""
    at = _reached(connection, platform, ready.stream_id)
    if at is None:
        return None
    who = ready.who
    ticket = platform.tickets.give(
        who.user,
        ready.stream_id,
        [who.protocol],
        lifetime_s=REDIRECT_S,
        ticket_id=who.ticket_id or None,
    )
    query = {"ticket": ticket} if audio is None else {"audio": audio, "ticket": ticket}
    scheme = "https" if at.secure else "http"
    return f"{scheme}://{_authority(connection, at)}/stream/{ready.stream_id}.{ending}?" + (
        urlencode(query)
    )


def direct_urls(
    connection: HTTPConnection, platform: Platform, stream_id: str, user: str
) -> dict[str, str] | None:
    """The addresses at the process that has the stream now; None where it has no port to reach."""
    at = _reached(connection, platform, stream_id)
    if at is None:
        return None
    found = {}
    for ending, container in CONTAINERS.items():
        for output in (container.kind, f"ws_{container.kind}"):
            scheme = ("ws" if output.startswith("ws_") else "http") + ("s" if at.secure else "")
            ticket = platform.tickets.give(user, stream_id, [output])
            where = f"{_authority(connection, at)}/stream/{stream_id}.{ending}"
            found[output] = f"{scheme}://{where}?ticket={ticket}"
    return found


def _reached(connection: HTTPConnection, platform: Platform, stream_id: str) -> ServedAt | None:
    mode = platform.settings.media.redirect
    if mode == "never":
        return None
    at = platform.node.served_at(stream_id)
    if at is None or mode == "always" or at.host is not None:
        return at
    return at if _is_plain_way(connection, platform) else None


def _is_plain_way(connection: HTTPConnection, platform: Platform) -> bool:
    """Whether a port of ours can be believed to be reached as the main one is.

    It cannot where a proxy or another address stands in front; and a free port, which no firewall
    was told of, only from this machine.
    """
    if platform.settings.http.public_url or any(name in connection.headers for name in FORWARDED):
        return False
    if platform.settings.media.http_ports is not None:
        return True
    try:
        client = ipaddress.ip_address(connection.client.host if connection.client else "")
    except ValueError:
        return False
    return client.is_loopback


def _authority(connection: HTTPConnection, at: ServedAt) -> str:
    host = at.host or connection.url.hostname or ""
    return host_port((host, at.port))
