"""What an RTSP request names: the stream of an address, and where its packets shall go.

Packets go only to the host the connection comes from: no other destination, no multicast, no
privileged port can be asked for, so nobody can point a stream at somebody else.

RFC 2326 3.2 (addresses), 12.39 (Transport).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

LOWEST_PORT: Final = 1024
"""Ports below belong to services of the viewer's host."""
MOST_FIELDS: Final = 16
"""Fields of a query."""

_TRACK = re.compile(r"/trackID=(\d)(?=$|[/?])")
_PATH = re.compile(r"/(live|play)/([0-9A-Za-z_.-]{1,64})/?")
_PAIR = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")

TRACK: Final = "trackID="


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """`/live/{name}[?stream=sub][&ticket=...]` or `/play/{name}`, and the track named, if any."""

    kind: str
    """`live` or `play`."""
    name: str
    stream: str
    ticket: str | None
    track: int | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.name, self.stream


@dataclass(frozen=True, slots=True)
class Wanted:
    """One way of transport a viewer offers, and that we can do."""

    tcp: bool
    first: int | None
    """Client's RTP port, or interleaved channel; None: we choose the channel."""
    second: int | None
    """The same for RTCP."""


def read_address(uri: str) -> StreamAddress | None:
    """The stream an address names; None when it names none.

    Players put the track's name behind the query as often as in front of it.
    """
    track = None
    found = _TRACK.search(uri)
    if found is not None:
        track = int(found[1])
        uri = uri[: found.start()] + uri[found.end() :]
    try:
        parts = urlsplit(uri)
        query = dict(parse_qsl(parts.query.rstrip("/"), max_num_fields=MOST_FIELDS))
    except ValueError:  # no address, or too many fields
        return None
    named = _PATH.fullmatch(parts.path)
    if named is None or parts.scheme not in ("rtsp", "rtspu", "rtspt"):
        return None
    stream = query.get("stream", "main")
    if stream not in ("main", "sub"):
        return None
    return StreamAddress(named[1], named[2], stream, query.get("ticket"), track)


def track_address(uri: str, track: int) -> str:
    """The absolute address of a track of the stream `uri` describes."""
    found = _TRACK.search(uri)
    if found is not None:
        uri = uri[: found.start()] + uri[found.end() :]
    base, mark, query = uri.partition("?")
    return f"{base.rstrip('/')}/{TRACK}{track}{mark}{query}"


def read_transport(header: str, peer: str) -> Wanted | None:
    """The first offer of a Transport header that can be served to `peer`; None: there is none."""
    for offer in header.split(",")[:8]:
        found = _read_offer(offer, peer)
        if found is not None:
            return found
    return None


def _read_offer(offer: str, peer: str) -> Wanted | None:
    kind, *words = [word.strip() for word in offer.split(";")]
    tcp = kind.upper() == "RTP/AVP/TCP"
    if not tcp and kind.upper() not in ("RTP/AVP", "RTP/AVP/UDP"):
        return None
    given = {
        name.strip().lower(): value.strip() for name, _, value in (w.partition("=") for w in words)
    }
    if "multicast" in given or given.get("mode", "play").strip('"').lower() != "play":
        return None
    if given.get("destination", peer) not in (peer, ""):
        return None
    if tcp:
        return _pair(given.get("interleaved"), tcp=True)
    return _pair(given.get("client_port"), tcp=False)


def _pair(text: str | None, *, tcp: bool) -> Wanted | None:
    if text is None:
        return Wanted(True, None, None) if tcp else None
    found = _PAIR.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    low, high = (0, 255) if tcp else (LOWEST_PORT, 65535)
    if first == second or not (low <= first <= high and low <= second <= high):
        return None
    return Wanted(tcp, first, second)
