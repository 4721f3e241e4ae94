"""The address of a target as an operator types it: what is secret in it, and how it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from gb28181.errors import BadInput

MOST_URL: Final = 2048
MASK: Final = "***"
LEAST_SECRET: Final = 3
"""A shorter text is not looked for in what servers say: it would be found everywhere."""

_HOST: Final = re.compile(r"[0-9A-Za-z._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
FORMS: Final = "rtsp://[user:password@]host[:port]/path or rtmp://host[:port]/app/key"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a stream is brought."""

    protocol: str
    """`rtsp` or `rtmp`."""
    url: str = field(repr=False)
    """Without user and password; with the key of RTMP."""
    user: str
    password: str = field(repr=False)
    shown: str
    """The same for eyes: password, key and query are masked."""
    secrets: tuple[str, ...] = field(repr=False)

    def clean(self, text: str) -> str:
        """A text of the target without the secrets it may repeat."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def read_target(text: str) -> Target:
    """Raises BadInput for what is no address to push to."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"url: {error}") from None
    if len(text) > MOST_URL or not text.isprintable() or " " in text:
        raise BadInput("url: no address")
    protocol, host = parts.scheme.lower(), parts.hostname or ""
    if protocol not in ("rtsp", "rtmp") or port == 0 or not _HOST.fullmatch(host):
        raise BadInput(f"url: an address of the form {FORMS} is needed")
    place = f"[{host}]" if ":" in host else host
    place = place if port is None else f"{place}:{port}"
    return _rtsp(parts, place) if protocol == "rtsp" else _rtmp(parts, place)


def _rtsp(parts: SplitResult, place: str) -> Target:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isprintable() or '"' in user or (password and not user):
        raise BadInput("url: no user and password")
    who = f"{user}:{MASK}@" if password else f"{user}@" if user else ""
    query = f"?{parts.query}" if parts.query else ""
    masked = f"?{MASK}" if query else ""
    return Target(
        "rtsp",
        f"rtsp://{place}{parts.path}{query}",
        user,
        password,
        f"rtsp://{who}{place}{parts.path}{masked}",
        _worth_hiding(password, parts.query, *parts.query.split("&"), *_values(parts.query)),
    )


def _rtmp(parts: SplitResult, place: str) -> Target:
    app, _, key = parts.path.strip("/").rpartition("/")
    if not app or not key:
        raise BadInput(f"url: an address of the form {FORMS} is needed")
    if parts.username is not None:
        raise BadInput("url: RTMP knows no user; what is secret stands in the key")
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        "rtmp",
        f"rtmp://{place}/{app}/{key}{query}",
        "",
        "",
        f"rtmp://{place}/{app}/{MASK}",
        _worth_hiding(key + query, key, parts.query, *_values(parts.query)),
    )


def _values(query: str) -> list[str]:
    return [pair.partition("=")[2] for pair in query.split("&")]


def _worth_hiding(*texts: str) -> tuple[str, ...]:
    """The longest first, so that no half of one stays."""
    found = {text for text in texts if len(text) >= LEAST_SECRET}
    return tuple(sorted(found, key=len, reverse=True))
