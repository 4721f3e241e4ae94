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

#: Requests whose body is an XML or text document complete in itself: over UDP a Content-Length
#: that promises more than came is the sender's arithmetic, not a cut body.
_SELF_CONTAINED = frozenset(("MESSAGE", "NOTIFY", "INFO", "SUBSCRIBE", "REGISTER"))
#: An SDP one line end short is a habit, one more than that is a cut description (RFC 4475 clerr).
_LINE_END_SLACK = 4

_FOLD = re.compile(r"\r?\n[ \t]+")
_LINE_END = re.compile(r"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
#: Need no look at their characters.
_KNOWN_METHODS = frozenset(
    ("REGISTER", "MESSAGE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO")
    + ("SUBSCRIBE", "NOTIFY", "UPDATE", "PRACK", "REFER")
)

_Index = dict[str, list[str]]


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
    return len(data) <= 64 and not data.strip(b"\r\n\t \0")


def parse_datagram(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """One UDP datagram. The body is what Content-Length says, or the rest where that is wrong."""
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end >= 0:
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
    length = content_length(message)
    if length is None or length == len(rest):
        return rest
    if length > len(rest):
        if (
            isinstance(message, Request)
            and message.method not in _SELF_CONTAINED
            and length - len(rest) > _LINE_END_SLACK
        ):
            raise ParseError("body shorter than Content-Length")
        return rest
    # 0 with a body behind it: the length is wrong, unless only line ends or padding follow.
    if length == 0 and message.content_type:
        return rest if rest.strip(b"\r\n \0") else b""
    return rest[:length]


def content_length(message: Request | Response) -> int | None:
    """The Content-Length; None where it is missing. ParseError for a broken or a second one."""
    values = message.headers.get_all("Content-Length")
    if not values:
        return None
    length = parse_uint(values[0])
    if len(values) > 1 and any(parse_uint(value) != length for value in values[1:]):
        raise ParseError("contradicting Content-Length")
    return length


def parse_head(head: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Start line and headers, without the blank line; the message's body is empty."""
    text = head.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        # Bare line feeds end lines too; a bare carriage return must not travel on inside a value.
        lines = _LINE_END.split(text)
        if "\r" in "".join(lines):
            raise ParseError("bare carriage return", offset=text.find("\r"), sample=head)
    if len(lines) > limits.header_count:
        raise MessageTooLarge("too many headers", sample=head)
    if len(text) > limits.line_bytes and max(map(len, lines)) > limits.line_bytes:
        raise MessageTooLarge("header line too long", sample=head)
    try:
        message = _start_line(lines[0])
    except ParseError as error:
        error.sample = head[:64]
        error.message = _salvage(error, lines)
        raise
    try:
        message.headers = _header_lines(lines)
        _check_mandatory(message.headers)
    except ParseError as error:
        raise _about(error, message, head) from None
    return message


def _start_line(line: str) -> Request | Response:
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
    return Request(method, uri)


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


def _status_line(line: str) -> Response:
    version, _, rest = line.partition(" ")
    if version.upper() != VERSION:
        raise ParseError("unsupported SIP version", status_hint=505)
    code, _, reason = rest.partition(" ")
    if len(code) != 3 or not "100" <= code <= "699" or not (code.isascii() and code.isdigit()):
        raise ParseError("bad status code")
    return Response(int(code), reason)


def _header_lines(lines: list[str]) -> Headers:
    items: list[tuple[str, str]] = []
    index: _Index = {}
    known = KEYS
    append = items.append
    for at in range(1, len(lines)):
        name, colon, value = lines[at].partition(":")
        value = value.strip(LWS)
        key = known.get(name)
        if key is None:
            if not colon:
                raise ParseError("header without a colon")
            name, key = _odd_name(name)
        append((name, value))
        if key in index:
            index[key].append(value)
        else:
            index[key] = [value]
    return Headers.adopt(items, index)


def _odd_name(name: str) -> tuple[str, str]:
    """A name outside the table of usual spellings: its long form and its key."""
    name = name.rstrip(LWS)
    key = KEYS.get(name)
    if key is not None:
        return name, key
    if not TOKEN.fullmatch(name):
        raise ParseError("bad header name")
    key = name.lower()
    if len(key) == 1 and key in COMPACT:
        name = COMPACT[key]
        key = name.lower()
    return name, key


def _check_mandatory(headers: Headers) -> None:
    for key in MANDATORY:
        if key not in headers:
            raise ParseError(f"{key} is missing")


def _about(error: ParseError, message: Request | Response, data: bytes) -> ParseError:
    """The error with the message it was found in, for the endpoint's answer."""
    error.message = message
    error.sample = data[:64]
    return error


def _salvage(error: ParseError, lines: list[str]) -> Request | None:
    """Headers of a request whose start line is broken, so that 400 or 505 can be answered."""
    if error.status_hint == 400 and lines[0][:4].upper() == "SIP/":
        return None
    method, _, _ = lines[0].partition(" ")
    if not TOKEN.fullmatch(method) or method == "ACK":
        return None
    try:
        headers = _header_lines(lines)
        _check_mandatory(headers)
    except ParseError:
        return None
    return Request(method, "sip:invalid", headers)
