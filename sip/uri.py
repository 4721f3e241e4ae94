"""SIP and SIPS URIs (RFC 3261 clause 19.1), and just enough of other schemes to carry them along.

Parts are kept as written: escapes are not undone, so that writing gives back what was read.
Nothing here resolves a name, and nothing decides by the domain part: GB/T 28181 devices put a
ten-digit domain, an address or a foreign name there, and only the user part identifies them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from sip.errors import ParseError
from sip.grammar import HOST, SCHEME, has_control, parse_params, parse_port, quote

_NEEDS_QUOTES = re.compile(r'[;"<>]')


@dataclass(frozen=True, slots=True)
class SipUri:
    """One URI. For schemes other than sip and sips only `scheme` and `opaque` are filled."""

    scheme: str
    """Lower case."""
    user: str
    """User part as written, "" where there is none."""
    host: str
    """Host as written; IPv6 keeps its brackets; "" where a device left it out behind a user."""
    port: int | None = None
    """None where the URI names no port."""
    params: dict[str, str | None] = field(default_factory=dict, hash=False)
    """Names in lower case; None for a parameter without value."""
    password: str | None = None
    """The deprecated user:password form."""
    headers: str = ""
    """What stands behind "?", as written."""
    opaque: str = ""
    """Everything behind the colon of a scheme that is neither sip nor sips."""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read one URI without angle brackets. Raises ParseError."""
        scheme, colon, rest = text.partition(":")
        if scheme != "sip":
            scheme = scheme.lower()
        if not colon or not SCHEME.fullmatch(scheme):
            raise ParseError("URI without a scheme")
        if not rest or has_control(rest):
            raise ParseError("URI with a blank or a control character")
        if scheme not in ("sip", "sips"):
            return cls(scheme, "", "", opaque=rest)
        userinfo, at, rest = rest.rpartition("@")
        # A "?" or ";" in front of the "@" belongs to the user part; an "@" behind them does not
        # occur unescaped (RFC 3261 clause 25.1, hnv-unreserved and paramchar have no "@").
        user, secret, password = userinfo.partition(":")
        if at and not user:
            raise ParseError("URI with an empty user part")
        headers = ""
        if "?" in rest:
            rest, _, headers = rest.partition("?")
        params: dict[str, str | None] = {}
        if ";" in rest:
            rest, _, tail = rest.partition(";")
            params = parse_params(tail)
        # "sip:ID@" comes from devices whose domain was left empty; the user part still names them.
        host, port = split_host_port(rest) if rest or not user else ("", None)
        return cls(scheme, user, host, port, params, password if secret else None, headers)

    @property
    def address(self) -> tuple[str, int]:
        """Host without brackets, and the port or its default (5060, 5061 for sips)."""
        host = self.host[1:-1] if self.host.startswith("[") else self.host
        return host, self.port or (5061 if self.scheme == "sips" else 5060)

    @property
    def plain_user(self) -> str:
        """The user part with its escapes undone: what two URIs are compared by (19.1.4)."""
        if "%" not in self.user:
            return self.user
        return unquote_to_bytes(self.user.encode("latin-1", "replace")).decode("latin-1")

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        out = self.scheme + ":"
        if self.user:
            out += self.user if self.password is None else f"{self.user}:{self.password}"
            out += "@"
        out += self.host
        if self.port is not None:
            out += f":{self.port}"
        for name, value in self.params.items():
            out += f";{name}" if value is None else f";{name}={_written(value)}"
        return f"{out}?{self.headers}" if self.headers else out


def _written(value: str) -> str:
    """A parameter's value; in quotes where it came in some, against the grammar of a URI."""
    return quote(value) if _NEEDS_QUOTES.search(value) else value


def split_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]`, blanks around the colon allowed (Via). Raises ParseError."""
    if text.startswith("["):
        close = text.find("]") + 1
        host, rest = text[:close], text[close:].strip()
        if rest and rest[0] != ":":
            raise ParseError("bad host")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        host = host.rstrip()
    if not HOST.fullmatch(host):
        raise ParseError("bad host")
    # "host:" with nothing behind it is a habit of some devices; it names no port.
    port = port.strip()
    return host, parse_port(port) if colon and port else None
