"""The lexical rules all header parsers share (RFC 3261 clause 25.1), each with its ABNF name.

Not a full grammar: header values are taken apart with `str.find` and `str.partition`, which is
several times faster than one pattern for a whole rule; patterns stand where a class of characters
must be checked. Every function is linear in its input, whatever the input is.
"""

from __future__ import annotations

import re

from sip.errors import ParseError

LWS = " \t"

#: token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
#: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
#: host = hostname / IPv4address / IPv6reference. Underscores and all-digit names come from real
#: devices: a GB/T 28181 domain is ten digits and no hostname by the letter of the grammar.
HOST = re.compile(r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.%]+\]")
#: gen-value that needs no quotes when written: token / host
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:/@$&?]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x20\x7f]")

MAX_PORT = 65535
MAX_UINT32 = 2**32 - 1


def is_token(text: str) -> bool:
    return TOKEN.fullmatch(text) is not None


def has_control(text: str) -> bool:
    """True when a control character or a blank stands in text that may hold none (a URI)."""
    return _CONTROL.search(text) is not None


def parse_port(text: str) -> int:
    """0 is let pass: cameras write it into a Contact nobody uses."""
    return parse_uint(text, MAX_PORT)


def parse_uint(text: str, limit: int = MAX_UINT32) -> int:
    """1*DIGIT within a limit. `int()` alone would take "+1", "1_0" and digits of other scripts."""
    if not (text.isascii() and text.isdigit()) or len(text) > 64:
        raise ParseError("not a number")
    number = int(text)
    if number > limit:
        raise ParseError("number out of range")
    return number


def quoted_end(text: str, start: int) -> int:
    """Index behind the closing quote of the quoted-string that opens at `start`."""
    at = start + 1
    while True:
        quote = text.find('"', at)
        if quote < 0:
            raise ParseError("unbalanced quotes", offset=start)
        back = quote - 1
        while text[back] == "\\":
            back -= 1
        if (quote - back) % 2:
            return quote + 1
        at = quote + 1


def unquote(text: str) -> str:
    """The inside of a quoted-string with its escapes undone; other text as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        text = text[1:-1]
        return _ESCAPED.sub(r"\1", text) if "\\" in text else text
    return text


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside quotes and outside angle brackets."""
    if separator not in text:
        return [text.strip(LWS)]
    if '"' not in text and "<" not in text:
        return [part.strip(LWS) for part in text.split(separator)]
    parts: list[str] = []
    start = at = 0
    pattern = _SPLITTERS[separator]
    while (found := pattern.search(text, at)) is not None:
        mark, at = found.group(), found.end()
        if mark == '"':
            at = quoted_end(text, at - 1)
        elif mark == "<":
            close = text.find(">", at)
            if close < 0:
                raise ParseError("unbalanced <", offset=at)
            at = close + 1
        else:
            parts.append(text[start : at - 1].strip(LWS))
            start = at
    parts.append(text[start:].strip(LWS))
    return parts


_SPLITTERS = {mark: re.compile(f'["<{mark}]') for mark in ",;"}


def split_list(text: str) -> list[str]:
    """A comma list of header values (RFC 3261 clause 7.3.1)."""
    return split_outside(text, ",")


def parse_params(text: str) -> dict[str, str | None]:
    """`;name=value;flag` -> names in lower case, quoted values unquoted, None for a bare flag.

    Empty segments (";;", a last ";") are passed over: devices write them.
    """
    params: dict[str, str | None] = {}
    parts = split_outside(text, ";") if '"' in text or "<" in text else text.split(";")
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip(LWS)
        if not name:
            if equals or part.strip(LWS):
                raise ParseError("parameter without a name")
            continue
        if not ((name.isascii() and name.isalnum()) or is_token(name)):
            raise ParseError("bad parameter name")
        params[name.lower()] = _param_value(value.strip(LWS)) if equals else None
    return params


def _param_value(text: str) -> str:
    if text[:1] == '"' and quoted_end(text, 0) != len(text):
        raise ParseError("text behind a quoted value")
    return unquote(text)


def format_params(params: dict[str, str | None]) -> str:
    out = ""
    for name, value in params.items():
        if value is None:
            out += ";" + name
        elif _PLAIN_VALUE.fullmatch(value):
            out += f";{name}={value}"
        else:
            out += f";{name}={quote(value)}"
    return out
