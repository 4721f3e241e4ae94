"""Keeps secrets out of log lines: fields by their name, texts by what stands in them. Pure."""

from __future__ import annotations

import re

MASK = "***"
MAX_TEXT = 1000

_SECRET_FIELD = re.compile(
    r"(password|passwd|secret|token|ticket|authorization|api_key|private_key|cookie)$"
)
# name=value, name: "value" - in SIP headers, addresses and forms
_SECRET_PAIR = re.compile(
    r"(?i)\b((?:password|passwd|pwd|secret|access_token|token|ticket|api[_-]?key)\"?\s*[=:]\s*"
    r"|(?:response|cnonce|nonce)\s*=\s*)(?:\"[^\"]*\"|[^\s\",;&<>]+)"
)
_AUTH_HEADER = re.compile(
    r"(?im)^((?:proxy-)?authorization\s*:\s*(?:digest|bearer|basic)?)[^\r\n]*"
)
_USER_INFO = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


def redact(name: str, value: object) -> object:
    """The value as it may be written under this field name."""
    if _SECRET_FIELD.search(name):
        return MASK
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value[: MAX_TEXT * 2]).decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return redact_text(value)
    return value


def redact_text(text: str, limit: int = MAX_TEXT) -> str:
    """A text without the values of passwords, tokens and digest answers, cut to `limit`."""
    text = text[: limit * 2]
    if "=" in text or ":" in text:
        text = _AUTH_HEADER.sub(rf"\1 {MASK}", text)
        text = _SECRET_PAIR.sub(rf"\1{MASK}", text)
        text = _USER_INFO.sub(rf"\1:{MASK}@", text)
    if len(text) > limit:
        return text[:limit] + "…"
    return text
