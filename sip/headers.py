"""The header multi-map and the typed values read from it (RFC 3261 clauses 7.3, 20).

`Headers` keeps the order and the spelling of names, finds them whatever their case, and knows the
compact forms. Values are `str` decoded as latin-1, so every byte survives; line folds are undone.
Typed values (`Via`, `NameAddr`, `CSeq`) are parsed on demand and remembered until the next change.
It does not split comma lists: whether a comma separates values depends on the header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sip.errors import ParseError
from sip.grammar import (
    LWS,
    MAX_UINT32,
    format_params,
    is_token,
    parse_params,
    parse_port,
    parse_uint,
    quote,
    quoted_end,
    split_list,
    unquote,
)
from sip.uri import SipUri, split_host_port

T = TypeVar("T")

#: Compact forms (RFC 3261 clause 7.3.3 and the IANA registry) -> the name as it is usually written.
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_USUAL = (
    *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "User-Agent", "Server"),
    *("Expires", "Content-Type", "Content-Length", "Authorization", "WWW-Authenticate", "Date"),
    *("Subject", "Event", "Subscription-State", "Route", "Record-Route", "Allow", "Supported"),
    *("Require", "Proxy-Require", "X-GB-Ver", "Note", "Accept", "Reason", "Retry-After"),
)
#: Usual spellings -> key. Filled once: text from the network never grows it.
KEYS = {
    spelling: name.lower()
    for name in _USUAL
    for spelling in (name, name.lower(), name.upper(), name.title())
}
_NO_LINES: list[str] = []


def key_of(name: str) -> str:
    """The key a header name is found by: long form, lower case."""
    known = KEYS.get(name)
    if known is not None:
        return known
    lower = name.lower()
    return COMPACT[lower].lower() if lower in COMPACT else lower


class Headers:
    """Ordered multi-map of header fields; names are compared without case."""

    __slots__ = ("_index", "_items", "_typed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] = {}
        self._typed: dict[str, Any] = {}
        for name, value in items:
            self.add(name, value)

    @classmethod
    def adopt(cls, items: list[tuple[str, str]], index: dict[str, list[str]]) -> Headers:
        """For the parser, which builds both while it reads: no second pass."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._index = index
        headers._typed = {}
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header."""
        values = self._index.get(KEYS.get(name) or key_of(name))
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """All values of a header, one per line of the message, in order."""
        return list(self._index.get(KEYS.get(name) or key_of(name), ()))

    def lines(self, key: str) -> list[str]:
        """The values under a key (long name, lower case) without a copy: for reading only."""
        return self._index.get(key) or _NO_LINES

    def has_all(self, keys: frozenset[str]) -> bool:
        return self._index.keys() >= keys

    @property
    def has_repeats(self) -> bool:
        """Whether some header stands on more than one line."""
        return len(self._items) > len(self._index)

    def set(self, name: str, value: str) -> None:
        """Replace all values by one, in the place of the first."""
        key = key_of(name)
        if key not in self._index:
            self.add(name, value)
            return
        kept: list[tuple[str, str]] = []
        placed = False
        for item in self._items:
            if key_of(item[0]) != key:
                kept.append(item)
            elif not placed:
                kept.append((_long(name), value))
                placed = True
        self._items = kept
        self._index[key] = [value]
        self._typed = {}

    def add(self, name: str, value: str) -> None:
        """Append one more line."""
        self._items.append((_long(name), value))
        self._index.setdefault(key_of(name), []).append(value)
        self._typed = {}

    def prepend(self, name: str, value: str) -> None:
        """Put a line in front of all others (a Via on its way out)."""
        self._items.insert(0, (_long(name), value))
        self._index.setdefault(key_of(name), []).insert(0, value)
        self._typed = {}

    def remove(self, name: str) -> None:
        """Drop all values of a header; nothing happens where there are none."""
        key = key_of(name)
        if self._index.pop(key, None) is not None:
            self._items = [item for item in self._items if key_of(item[0]) != key]
            self._typed = {}

    def replace_first(self, name: str, value: str) -> None:
        """Replace the first value only (the top Via). KeyError where there is none."""
        key = key_of(name)
        self._index[key][0] = value
        for at, (found, _) in enumerate(self._items):
            if key_of(found) == key:
                self._items[at] = (found, value)
                break
        self._typed = {}

    def typed(self, key: str, parse: Callable[[Headers], T]) -> T:
        """The remembered result of `parse`, until a header changes. Errors are not remembered."""
        value = self._typed.get(key)
        if value is None:
            value = self._typed[key] = parse(self)
        return value

    def copy(self) -> Headers:
        return Headers.adopt(
            self._items.copy(), {key: values.copy() for key, values in self._index.items()}
        )

    def __contains__(self, name: str) -> bool:
        return key_of(name) in self._index

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(key_of(name), value) for name, value in self._items] == [
            (key_of(name), value) for name, value in other._items
        ]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Headers {len(self._items)}: {', '.join(name for name, _ in self._items)}>"


def _long(name: str) -> str:
    return name if len(name) > 1 else COMPACT.get(name.lower(), name)


MAGIC = "z9hG4bK"

#: The shapes nearly every message has, read in one step. Whatever does not match goes the long
#: way with the same result.
_PLAIN_VIA = re.compile(r"SIP/2\.0/([A-Z]+) ([A-Za-z0-9.\-]+)(?::([0-9]{1,5}))?(?:;([^\s\"<>,]*))?")
_PLAIN_NAME_ADDR = re.compile(
    r"<sip:([A-Za-z0-9.\-_]+)@([A-Za-z0-9.\-]+)(?::([0-9]{1,5}))?>(?:;tag=([A-Za-z0-9.\-_~]+))?"
)


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (RFC 3261 clause 20.42)."""

    transport: str
    """Upper case: UDP, TCP, TLS ..."""
    host: str
    port: int | None
    params: dict[str, str | None] = field(hash=False)

    @classmethod
    def parse(cls, text: str) -> Via:
        plain = _PLAIN_VIA.fullmatch(text)
        if plain is not None:
            transport, host, port, tail = plain.groups()
            params = parse_params(tail) if tail else {}
            return cls(transport, host, parse_port(port) if port else None, params)
        protocol, slash, rest = text.partition("/")
        version, slash2, rest = rest.partition("/")
        rest = rest.strip(LWS)
        transport, _, rest = rest.partition(" ") if "\t" not in rest else _cut_blank(rest)
        if not (slash and slash2) or not is_token(transport):
            raise ParseError("bad Via")
        if protocol.strip(LWS).upper() != "SIP" or version.strip(LWS) != "2.0":
            raise ParseError("Via of another protocol")
        sent_by, _, tail = rest.partition(";")
        host, number = split_host_port(sent_by.strip(LWS))
        return cls(transport.upper(), host, number, parse_params(tail) if tail else {})

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    @property
    def rport(self) -> str | None:
        """The value of rport; "" where the client only asks for it (RFC 3581), None if absent."""
        return (self.params["rport"] or "") if "rport" in self.params else None

    @property
    def is_rfc3261(self) -> bool:
        """Whether the branch identifies the transaction: the magic cookie and something behind it.

        False asks for the matching rules of RFC 2543 (RFC 3261 clause 17.2.3; RFC 4475 badbranch).
        """
        branch = self.params.get("branch") or ""
        return branch.startswith(MAGIC) and len(branch) > len(MAGIC)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


def _cut_blank(text: str) -> tuple[str, str, str]:
    return text.replace("\t", " ").partition(" ")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """name-addr or addr-spec with header parameters: From, To, Contact, Route."""

    display: str
    """Without quotes and escapes; "" where there is none."""
    uri: SipUri
    params: dict[str, str | None] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        plain = _PLAIN_NAME_ADDR.fullmatch(text)
        if plain is not None:
            user, host, port, tag = plain.groups()
            uri = SipUri("sip", user, host, parse_port(port) if port else None)
            return cls("", uri, {} if tag is None else {"tag": tag})
        display = ""
        rest = text
        if text.startswith('"'):
            end = quoted_end(text, 0)
            display, rest = unquote(text[:end]), text[end:].lstrip(LWS)
            if not rest.startswith("<"):
                raise ParseError("display name without <URI>")
        before, bracket, rest = rest.partition("<")
        if not bracket:
            # addr-spec: what stands behind ";" belongs to the header (RFC 3261 clause 20.10).
            spec, _, params = before.partition(";")
            if "?" in spec or ">" in spec:
                raise ParseError("URI with headers or a bracket outside <>")
            return cls("", SipUri.parse(spec.strip(LWS)), parse_params(params) if params else {})
        if before:
            display = before.strip(LWS)
            if any(mark in display for mark in ',;"'):
                raise ParseError("bad display name")
        spec, close, params = rest.partition(">")
        if not close:
            raise ParseError("unbalanced <")
        params = params.strip(LWS)
        if params and params[0] != ";":
            raise ParseError("text behind >")
        return cls(display, SipUri.parse(spec.strip(LWS)), parse_params(params) if params else {})

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    def with_tag(self, tag: str) -> NameAddr:
        return NameAddr(self.display, self.uri, {**self.params, "tag": tag})

    def __str__(self) -> str:
        front = f"{quote(self.display)} " if self.display else ""
        return f"{front}<{self.uri}>{format_params(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        number, _, method = text.replace("\t", " ").partition(" ")
        method = method.strip(LWS)
        if not is_token(method):
            raise ParseError("bad CSeq")
        return cls(parse_uint(number, MAX_UINT32), method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_list(values: Iterable[str], parse: Callable[[str], T]) -> list[T]:
    """Typed values of a header that may be one comma list, several lines, or both."""
    return [parse(part) for value in values for part in split_list(value)]
