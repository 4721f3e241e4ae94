"""SIP as text: just enough reading for a test peer, and literal templates for writing.

Written apart from the product, so that a mistake on one side is not mirrored on the other.
Not a parser for hostile input: it reads what the platform sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "s": "subject", "k": "supported", "o": "event",
}  # fmt: skip


@dataclass(slots=True)
class Msg:
    """One SIP message as it was on the wire."""

    raw: bytes
    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0")

    @property
    def method(self) -> str:
        """Of a request its own method, of a response the method of its CSeq."""
        if self.is_request:
            return self.start.split(" ", 1)[0]
        return self.header("CSeq").split()[-1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ", 2)[1])

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    def header(self, name: str, default: str = "") -> str:
        return next(iter(self.header_all(name)), default)

    def header_all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if _COMPACT.get(key, key) == wanted]

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    @property
    def cseq(self) -> int:
        return int(self.header("CSeq").split()[0])

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.header("Via"))
        return found.group(1) if found else ""

    def tag(self, name: str) -> str:
        found = re.search(r">?;\s*tag=([^;,\s]+)", self.header(name))
        return found.group(1) if found else ""

    def xml(self, element: str) -> str:
        """The text of the first `element` in the body, without any XML machinery."""
        found = re.search(rf"<{element}>\s*([^<]*?)\s*</{element}>", self.text)
        return found.group(1) if found else ""

    @property
    def text(self) -> str:
        return self.body.decode("gb18030", "replace")

    def __repr__(self) -> str:
        return f"<{self.start} | {self.header('CSeq')} | {self.xml('CmdType')}>"


def parse(raw: bytes) -> Msg:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    message = Msg(raw, lines[0])
    for line in lines[1:]:
        if line[:1] in " \t" and message.headers:
            key, value = message.headers[-1]
            message.headers[-1] = (key, f"{value} {line.strip()}")
            continue
        name, _, value = line.partition(":")
        message.headers.append((name.strip().lower(), value.strip()))
    length = message.header("Content-Length")
    message.body = body[: int(length)] if length.isdigit() else body
    return message


class Framer:
    """TCP bytes to messages by Content-Length; blank lines between messages are skipped."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Msg]:
        self._buffer += data
        out: list[Msg] = []
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return out
            head = self._buffer[:end].decode("latin-1")
            found = re.search(r"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
            size = end + 4 + (int(found.group(1)) if found else 0)
            if len(self._buffer) < size:
                return out
            out.append(parse(self._buffer[:size]))
            self._buffer = self._buffer[size:]


def uri_user(text: str) -> str:
    found = re.search(r"sips?:([^@;>]+)@", text)
    return found.group(1) if found else ""


def uri_of(text: str) -> str:
    found = re.search(r"<([^>]+)>", text)
    return found.group(1) if found else text.split(";")[0].strip()


def wire(template: str, body: bytes = b"", **values: object) -> bytes:
    """Fill a template (LF in the source), add Content-Length, and make it CRLF with its body."""
    lines = template.strip("\n").format(**values).split("\n")
    kept = [line for line in lines if line.strip()]  # an empty {extra} leaves no blank line
    return "\r\n".join([*kept, f"Content-Length: {len(body)}", "", ""]).encode() + body


REGISTER = """
REGISTER sip:{server_id}@{domain} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: <sip:{device_id}@{domain}>;tag={tag}
To: <sip:{device_id}@{domain}>
Call-ID: {call_id}
CSeq: {cseq} REGISTER
{contact}
Max-Forwards: 70
User-Agent: Embedded Net DVS/V5.6
{extra}
"""

MESSAGE = """
MESSAGE sip:{server_id}@{domain} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: <sip:{device_id}@{domain}>;tag={tag}
To: <sip:{server_id}@{domain}>
Call-ID: {call_id}
CSeq: {cseq} MESSAGE
Content-Type: Application/MANSCDP+xml
Max-Forwards: 70
User-Agent: Embedded Net DVS/V5.6
"""

BYE = """
BYE {target} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} BYE
Max-Forwards: 70
User-Agent: Embedded Net DVS/V5.6
"""

RESPONSE = """
SIP/2.0 {status} {reason}
{vias}
From: {from_}
To: {to}
Call-ID: {call_id}
CSeq: {cseq}
{extra}
User-Agent: Embedded Net DVS/V5.6
"""

REASONS = {
    100: "Trying", 101: "Dialog Establishment", 180: "Ringing", 183: "Session Progress", 200: "OK",
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 500: "Server Internal Error", 503: "Service Unavailable",
}  # fmt: skip


def response(request: Msg, status: int, to_tag: str, extra: str = "", body: bytes = b"") -> bytes:
    to = request.header("To")
    if status > 100 and "tag=" not in to:
        to = f"{to};tag={to_tag}"
    return wire(
        RESPONSE,
        body,
        status=status,
        reason=REASONS.get(status, "Whatever"),
        vias="\n".join(f"Via: {via}" for via in request.header_all("Via")),
        from_=request.header("From"),
        to=to,
        call_id=request.call_id,
        cseq=request.header("CSeq"),
        extra=extra,
    )
