"""Takes secrets out of a SIP message before it is kept.

Gone are: what credentials and challenges prove (`response`, `nonce`, `cnonce`, `opaque`; everything
behind a scheme other than Digest), the content of every element or attribute whose name ends in
Password (DeviceConfig and ConfigDownload carry them in clear, GB/T 28181-2022 A.2.3.2.5), passwords
and tickets in addresses. What is left stays a correct message: Content-Length follows the body.

Works on bytes, because the body may be in any charset: in UTF-8 and GB 18030 no character contains
the bytes of `<`, `>` or `"`. Every pattern is linear: the bytes come from strangers.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = b"***"

_AUTH: Final = re.compile(
    rb"(?im)^((?:proxy-)?(?:authorization|authenticate)|www-authenticate|authentication-info"
    rb"|securityinfo)([ \t]*:)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)"
)
_PROOF: Final = re.compile(
    rb"(?i)\b(response|nonce|cnonce|nextnonce|rspauth|opaque)(\s*=\s*)(\"[^\"]*\"?|[^\s,;]+)"
)
_ELEMENT: Final = re.compile(
    rb"(?is)(<(?:[\w.-]+:)?[\w.-]*(?:password|passwd)(?:\s[^<>]*)?>)(.*?)(?=</|\Z)"
)
_ATTRIBUTE: Final = re.compile(
    rb"(?i)((?:password|passwd)\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'&<>;,]+)"
)
_TICKET: Final = re.compile(
    rb"(?i)\b((?:access_token|token|ticket|api[_-]?key|secret)=)([^\s\"'&<>;,]+)"
)
_USER_INFO: Final = re.compile(rb"(?i)((?:\bsips?:|://)[^\s:@<>/\"]{0,128}):[^\s@<>/\"]{1,128}@")
_UPLOAD: Final = re.compile(rb"(?i)(/snapshots/upload/)[0-9a-z]+")
_LENGTH: Final = re.compile(rb"(?im)^(content-length|l)([ \t]*:[ \t]*)(\d+)")


def redact(data: bytes) -> bytes:
    """The message without its secrets."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        head, blank, body = data.partition(b"\n\n")
    shown = _AUTH.sub(_header, head)
    shown = _text(shown)
    if body:
        clean = _text(_ELEMENT.sub(lambda m: m[1] + (MASK if m[2].strip() else m[2]), body))
        if len(clean) != len(body):
            shown = _LENGTH.sub(lambda m: m[1] + m[2] + b"%d" % len(clean), shown)
        body = clean
    return shown + blank + body


def _header(found: re.Match[bytes]) -> bytes:
    value = found[3]
    scheme = value.split(None, 1)[:1]
    if scheme and scheme[0].lower() == b"digest":
        return found[1] + found[2] + _PROOF.sub(lambda m: m[1] + m[2] + b'"' + MASK + b'"', value)
    return found[1] + found[2] + b" " + (scheme[0] + b" " if len(value.split()) > 1 else b"") + MASK


def _text(data: bytes) -> bytes:
    data = _ATTRIBUTE.sub(lambda m: m[1] + MASK, data)
    data = _TICKET.sub(lambda m: m[1] + MASK, data)
    data = _UPLOAD.sub(lambda m: m[1] + MASK, data)
    return _USER_INFO.sub(lambda m: m[1] + b":" + MASK + b"@", data)
