"""Bytes to messages (RFC 3261 clauses 7, 18.3, 25): one datagram, or one message cut by framing.

Eager work is what every message needs: split lines, index header names, cut the body. Header
values are read by `Headers` on demand. `ParseError` is the only exception.

Read generously where cameras are sloppy and nothing is lost by it: LF line ends, folds, blanks or
none around the colon, compact names, no blank line at the end, a wrong Content-Length over UDP.
Refused: broken start lines, lines without a colon, missing mandatory headers, sizes above limits.
Whether a *readable* request also makes sense is asked in `sip.validate`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sip.errors import MessageTooLarge, ParseError
from sip.grammar import LWS, TOKEN, has_control, parse_uint
from sip.headers import COMPACT, KEYS, Headers
from sip.message import Request, Response

VERSION = "SIP/2.0"
MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))

#: Requests whose body is a document complete in itself: over UDP a Content-Length that promises
#: more than came is the sender's arithmetic, not a cut body.
_DOCUMENTS = frozenset(("MESSAGE", "NOTIFY", "INFO", "SUBSCRIBE"))
#: An SDP one line end short is a habit, one more than that is a cut description (RFC 4475 clerr).
_LINE_END_SLACK = 4
_PADDING = b"\r\n\t \0"

_FOLD = re.compile(r"\n[ \t]+")
_LINE_END = re.compile(r"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
#: Need no look at their characters.
_KNOWN_METHODS = frozenset(
    (
        *("REGISTER", "MESSAGE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"),
        *("SUBSCRIBE", "NOTIFY", "UPDATE", "PRACK", "REFER"),
    )
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one message."""

    header_bytes: int = 65_536
    """Start line and all headers."""
    header_count: int = 256
    line_bytes: int = 16_384
    """One header line, folds joined."""
    body_bytes: int = 4_194_304
    """Over TCP; a datagram is bounded by UDP itself."""


DEFAULT_LIMITS = Limits()


def is_keepalive(data: bytes) -> bool:
    """A datagram of nothing but line ends (RFC 5626 clause 3.5.1) or blanks and NULs."""
    return len(data) <= 64 and not data.strip(_PADDING)


def parse_datagram(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """One UDP datagram. The body is what Content-Length says, or the rest where that is wrong."""
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end >= 0 and data.find(b"\n\n", 0, end) < 0:
        body = data[end + 4 :]
    else:
        found = _HEAD_END.search(data)
        if found is not None:
            end, body = found.start(), data[found.end() :]
        elif data.endswith(b"\n"):
            end, body = len(data.rstrip(b"\r\n")), b""
        else:
            raise ParseError("header block without an end", offset=len(data), sample=data)
    if end > limits.header_bytes:
        raise MessageTooLarge("header block too large", offset=end, sample=data)
    message = parse_head(data[:end], limits)
    try:
        message.body = _datagram_body(message, body)
    except ParseError as error:
        raise _about(error, message, data) from None
    return message


def _datagram_body(message: Request | Response, rest: bytes) -> bytes:
    if message.headers.lines("content-length") == [str(len(rest))]:
        return rest
    length = content_length(message)
    if length is None or length == len(rest):
        return rest
    if length > len(rest):
        if (
            isinstance(message, Request)
            and message.method not in _DOCUMENTS
            and length - len(rest) > _LINE_END_SLACK
        ):
            raise ParseError("body shorter than Content-Length")
        return rest
    if length == 0 and (message.content_type or rest.lstrip(_PADDING)[:1] == b"<"):
        # A type or an XML document says that there is a body: the length is wrong.
        return rest if rest.strip(_PADDING) else b""
    return rest[:length]


def content_length(message: Request | Response) -> int | None:
    """The Content-Length; None where it is missing. ParseError for a broken or a second one."""
    values = message.headers.lines("content-length")
    if not values:
        return None
    length = parse_uint(values[0])
    if len(values) > 1 and any(parse_uint(value) != length for value in values[1:]):
        raise ParseError("contradicting Content-Length")
    return length


def parse_head(head: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Start line and headers, without the blank line; the message's body is empty."""
    text = head.decode("latin-1")
    lines = text.split("\r\n")
    ends = len(lines) - 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        # Bare line feeds end lines too; a bare carriage return must not travel on inside a value.
        lines = _LINE_END.split(text)
        if "\r" in "".join(lines):
            raise ParseError("bare carriage return", offset=text.find("\r"), sample=head)
    if len(lines) > limits.header_count:
        raise MessageTooLarge("too many headers", sample=head)
    if len(text) > limits.line_bytes and max(map(len, lines)) > limits.line_bytes:
        raise MessageTooLarge("header line too long", sample=head)
    try:
        start = _start_line(lines[0])
    except ParseError as error:
        error.sample = head[:64]
        error.message = _salvage(error, lines)
        raise
    try:
        headers = _header_lines(lines, limits)
    except ParseError as error:
        error.sample = head[:64]
        raise
    message = (
        Request(start[0], start[1], headers)
        if isinstance(start[0], str)
        else Response(start[0], start[1], headers)
    )
    if not headers.has_all(MANDATORY):
        missing = sorted(key for key in MANDATORY if key not in headers)
        raise _about(ParseError(f"missing: {', '.join(missing)}"), message, head)
    return message


def _start_line(line: str) -> tuple[str, str] | tuple[int, str]:
    if line.startswith("SIP/2.0 "):
        return _status_line(line)
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == VERSION:
        method, uri, _ = parts
    else:
        if line[:4].upper() == "SIP/":
            return _status_line(line)
        method, uri = _odd_request_line(line)
    if method not in _KNOWN_METHODS and not TOKEN.fullmatch(method):
        raise ParseError("bad method")
    if not uri or has_control(uri):
        raise ParseError("bad Request-URI")
    return method, uri


def _odd_request_line(line: str) -> tuple[str, str]:
    """A request line that is not three words with one blank between (RFC 4475 lwsstart, trws).

    Extra blanks around the words and any case of the version are let pass; a blank inside the URI
    leaves a word too many and is refused.
    """
    words = line.split()
    if len(words) != 3 or not _VERSION.fullmatch(words[2]) or line[:1] in LWS:
        raise ParseError("bad start line")
    if words[2].upper() != VERSION:
        raise ParseError("unsupported SIP version", status_hint=505)
    return words[0], words[1]


def _status_line(line: str) -> tuple[int, str]:
    version, _, rest = line.partition(" ")
    if version.upper() != VERSION:
        raise ParseError("unsupported SIP version", status_hint=505)
    code, _, reason = rest.partition(" ")
    if len(code) != 3 or not "100" <= code <= "699" or not (code.isascii() and code.isdigit()):
        raise ParseError("bad status code")
    return int(code), reason


def _header_lines(lines: list[str], limits: Limits) -> Headers:
    items: list[tuple[str, str]] = []
    index: dict[str, list[str]] = {}
    known, lws = KEYS, LWS
    for at in range(1, len(lines)):
        line = lines[at]
        name, _, value = line.partition(": ")
        key = known.get(name)
        if key is None:
            # Not "Usual-Name: value": a fold, a compact or rare name, blanks elsewhere.
            if line[:1] in lws:
                return _header_lines(_unfold(lines, limits), limits)
            name, key, value = _odd_line(line)
        value = value.strip(lws)
        items.append((name, value))
        if key in index:
            index[key].append(value)
        else:
            index[key] = [value]
    return Headers.adopt(items, index)


def _unfold(lines: list[str], limits: Limits) -> list[str]:
    """Join continuation lines with one blank (RFC 3261 clause 7.3.1)."""
    joined = _FOLD.sub(" ", "\n".join(lines)).split("\n")
    if not lines[0] or any(not line for line in joined):
        raise ParseError("empty line among the headers")
    if joined[0] != lines[0]:
        raise ParseError("folded start line")
    if max(map(len, joined)) > limits.line_bytes:
        raise MessageTooLarge("header line too long")
    return joined


def _odd_line(line: str) -> tuple[str, str, str]:
    """Name in its long form, key and value of a line that is not written the usual way."""
    name, colon, value = line.partition(":")
    if not colon:
        raise ParseError("header without a colon")
    name = name.rstrip(LWS)
    key = KEYS.get(name)
    if key is None:
        if not TOKEN.fullmatch(name):
            raise ParseError("bad header name")
        key = name.lower()
        if key in COMPACT:
            name = COMPACT[key]
            key = name.lower()
    return name, key, value


def _about(error: ParseError, message: Request | Response, data: bytes) -> ParseError:
    """The error with the message it was found in, for the endpoint's answer."""
    error.message = message
    error.sample = data[:64]
    return error


def _salvage(error: ParseError, lines: list[str]) -> Request | None:
    """Headers of a request whose start line is broken, so that 400 or 505 can be answered."""
    method, _, _ = lines[0].partition(" ")
    if method == "ACK" or not TOKEN.fullmatch(method):
        return None
    try:
        headers = _header_lines(lines, DEFAULT_LIMITS)
    except ParseError:
        return None
    return Request(method, "sip:invalid", headers) if headers.has_all(MANDATORY) else None
