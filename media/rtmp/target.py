"""The address a stream is pushed to, `rtmp://host[:port]/app/name`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from media.errors import LocalError

RTMP_PORT: Final = 1935
MOST_URL: Final = 2048


@dataclass(frozen=True, slots=True)
class RtmpTarget:
    """A server, and under which name it gets the stream."""

    host: str
    port: int
    app: str
    name: str = field(repr=False)
    """What stands behind the last `/`, with its query: the stream key, which is a secret."""

    @property
    def place(self) -> str:
        """The address without its secret."""
        return f"{self.tc_url}/…"

    @property
    def tc_url(self) -> str:
        """As the server is told it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == RTMP_PORT else f":{self.port}"
        return f"rtmp://{host}{port}/{self.app}"


def read_target(url: str) -> RtmpTarget:
    """The parts of an address.  Raises LocalError for what is none."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise LocalError(f"url: {error}") from None
    if len(text) > MOST_URL or not text.isprintable() or " " in text:
        raise LocalError("url: no address")
    app, _, name = parts.path.strip("/").rpartition("/")
    if parts.scheme.lower() != "rtmp" or not parts.hostname or port == 0 or not app or not name:
        raise LocalError("url: an address of the form rtmp://host[:port]/app/name is needed")
    if parts.query:
        name += f"?{parts.query}"
    return RtmpTarget(parts.hostname, port or RTMP_PORT, app, name)
