"""The address of a camera as an operator types it: user and password are taken out of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from gb28181.errors import BadInput

MOST_URL = 2048


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """An address without secrets, and those that stood in it."""

    url: str
    user: str
    password: str


def read_address(text: str) -> SourceAddress:
    """Raises BadInput for what is no `rtsp://` address of a host."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise BadInput(f"url: {error}") from None
    if len(text) > MOST_URL or not text.strip().isprintable() or " " in text.strip():
        raise BadInput("url: no address")
    if parts.scheme.lower() != "rtsp" or not parts.hostname or port == 0:
        raise BadInput("url: an address of the form rtsp://host[:port]/path is needed")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    url = urlunsplit(("rtsp", place, parts.path, parts.query, ""))
    return SourceAddress(url, unquote(parts.username or ""), unquote(parts.password or ""))


def check_credentials(user: str, password: str) -> None:
    """They go into a header: raises BadInput for what would end its line or its quotes."""
    if not (user + password).isprintable() or '"' in user:
        raise BadInput("user and password: one line without control characters or quotes")
