"""Requests and responses: the values, their typed headers, and the messages derived from others.

`Request` and `Response` are plain holders; the body is bytes, because a GB/T 28181 body is often
GB18030. Typed properties parse on first use, are remembered until a header changes, and raise
`ParseError` when the header is missing or broken. Derived messages follow RFC 3261: responses
8.2.6, the ACK of a refused INVITE 17.1.1.3, CANCEL 9.1. Not here: matching and dialogs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sip.errors import LocalError, ParseError
from sip.grammar import LWS, MAX_UINT32, parse_uint, split_list
from sip.headers import CSeq, Headers, NameAddr, Via, parse_list
from sip.uri import SipUri

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise ParseError(f"{name} is missing")
    return value


def _read_vias(headers: Headers) -> tuple[Via, ...]:
    vias = parse_list(headers.get_all("Via"), Via.parse)
    if not vias:
        raise ParseError("Via is missing")
    return tuple(vias)


def _read_via(headers: Headers) -> Via:
    text = _required(headers, "Via")
    return Via.parse(split_list(text)[0] if "," in text else text)


def _read_from(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "From"))


def _read_to(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "To"))


def _read_cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_required(headers, "CSeq"))


def _read_contacts(headers: Headers) -> tuple[NameAddr, ...]:
    values = [value for value in headers.get_all("Contact") if value.strip(LWS) != "*"]
    return tuple(parse_list(values, NameAddr.parse))


def _read_expires(headers: Headers) -> int | None:
    text = headers.get("Expires")
    if text is None:
        return None
    # Above 2^32-1 is treated as the largest value (RFC 3261 clause 20.19), not as an error.
    return min(parse_uint(text, 10**64), MAX_UINT32)


_USER = re.compile(r'(?:"[^"\\<]*+" ?)?+<sip:([A-Za-z0-9._\-]++)@').match


class _Message:
    """What requests and responses share."""

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    @property
    def via(self) -> Via:
        """The top Via value."""
        return self.headers.typed("via", _read_via)

    @property
    def vias(self) -> tuple[Via, ...]:
        return self.headers.typed("vias", _read_vias)

    @property
    def from_(self) -> NameAddr:
        return self.headers.typed("from", _read_from)

    @property
    def from_user(self) -> str:
        """The user part of From with its escapes undone: who says to be speaking. Of a message
        nobody has checked yet it may be right where From as a whole is broken."""
        found = _USER(self.headers.get("From") or "")
        return self.from_.uri.plain_user if found is None else found[1]

    @property
    def to_user(self) -> str:
        """The same of To."""
        found = _USER(self.headers.get("To") or "")
        return self.to.uri.plain_user if found is None else found[1]

    @property
    def to(self) -> NameAddr:
        return self.headers.typed("to", _read_to)

    @property
    def call_id(self) -> str:
        return _required(self.headers, "Call-ID")

    @property
    def cseq(self) -> CSeq:
        return self.headers.typed("cseq", _read_cseq)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact addresses; `Contact: *` is not one of them."""
        return self.headers.typed("contacts", _read_contacts)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact address; None without one and for `Contact: *`."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def has_wildcard_contact(self) -> bool:
        """`Contact: *`: remove all bindings (RFC 3261 clause 10.2.2)."""
        return any(value.strip(LWS) == "*" for value in self.headers.get_all("Contact"))

    @property
    def expires(self) -> int | None:
        """The Expires header; `expires` in a Contact is in that Contact's params."""
        return self.headers.typed("expires", _read_expires)

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters, "" where there is none."""
        text = self.headers.get("Content-Type")
        return "" if text is None else text.partition(";")[0].strip(LWS).lower().replace(" ", "")

    def _render(self, first: str) -> bytes:
        lines = [first]
        for name, value in self.headers:
            if name.lower() != "content-length":
                lines.append(f"{name}: {value}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
            raise LocalError("a header value holds a line end")
        try:
            return text.encode("latin-1") + self.body
        except UnicodeEncodeError:
            # Text of ours outside latin-1 goes out as UTF-8 (RFC 3261 clause 7.3.1); lines that
            # were read from the network keep their bytes.
            return b"\r\n".join(map(_encode_line, lines)) + self.body


def _encode_line(line: str) -> bytes:
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogatepass")


class Request(_Message):
    """A request. `uri` is the Request-URI as written."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: str, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        self.method = method
        self.uri = uri
        self.headers = Headers() if headers is None else headers
        self.body = body

    @property
    def target(self) -> SipUri:
        """The Request-URI, parsed. Raises ParseError."""
        return SipUri.parse(self.uri)

    def stamp_source(self, host: str, port: int) -> None:
        """Note in the top Via where the request came from (RFC 3261 18.2.1, RFC 3581 clause 4)."""
        via = self.via
        wants_port = "rport" in via.params
        if not wants_port and via.host.strip("[]") == host and "received" not in via.params:
            return
        params = {**via.params, "received": host}
        if wants_port:
            params["rport"] = str(port)
        _, comma, others = _cut_first(self.headers.get("Via") or "")
        top = str(Via(via.transport, via.host, via.port, params))
        self.headers.replace_first("Via", f"{top}{comma} {others}" if comma else top)

    def to_bytes(self) -> bytes:
        """The wire form; Content-Length is written from the body."""
        return self._render(f"{self.method} {self.uri} SIP/2.0")

    def __repr__(self) -> str:
        call_id = self.headers.get("Call-ID", "?")
        return f"<Request {self.method} {self.uri} {call_id} body={len(self.body)}>"


class Response(_Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = Headers() if headers is None else headers
        self.body = body

    def to_bytes(self) -> bytes:
        """The wire form; Content-Length is written from the body."""
        return self._render(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        cseq = self.headers.get("CSeq", "?")
        call_id = self.headers.get("Call-ID", "?")
        return f"<Response {self.status} {self.reason} {cseq} {call_id} body={len(self.body)}>"


def _cut_first(text: str) -> tuple[str, str, str]:
    """The first element of a comma list, the comma, and the rest as written."""
    parts = split_list(text)
    return parts[0], "," if len(parts) > 1 else "", ", ".join(parts[1:])


def build_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """A response as RFC 3261 clause 8.2.6.2 builds it: Via, From, To, Call-ID, CSeq as they came.

    Works on a broken request too and copies what is there. The tag goes into To unless the request
    has one already, and never into a 100. Record-Route is copied where a dialog may begin (12.1.1).
    """
    source = request.headers
    out = Headers()
    for value in source.get_all("Via"):
        out.add("Via", value)
    for name in ("From", "To", "Call-ID", "CSeq"):
        found = source.get(name)
        if found is None:
            continue
        if name == "To" and to_tag and status > 100 and not _has_tag(request):
            found = f"{found};tag={to_tag}"
        out.add(name, found)
    if status == 100 and "Timestamp" in source:
        out.add("Timestamp", source.get("Timestamp") or "")
    if 100 < status < 300:
        for value in source.get_all("Record-Route"):
            out.add("Record-Route", value)
    for name, value in headers:
        out.add(name, value)
    if content_type is not None:
        out.set("Content-Type", content_type)
    return Response(status, REASONS.get(status, "") if reason is None else reason, out, body)


def _has_tag(request: Request) -> bool:
    try:
        return request.to.tag is not None
    except ParseError:
        return ";tag=" in (request.headers.get("To") or "").lower()


def _hop_request(method: str, invite: Request, to: str | None) -> Request:
    """ACK and CANCEL share this: same target, same top Via, same route, own CSeq method."""
    source = invite.headers
    out = Headers()
    out.add("Via", _cut_first(source.get("Via") or "")[0])
    for name, value in (("From", source.get("From")), ("To", to), ("Call-ID", invite.call_id)):
        if value is None:
            raise LocalError(f"{method} for an INVITE without {name}")
        out.add(name, value)
    out.add("CSeq", f"{invite.cseq.number} {method}")
    for value in source.get_all("Route"):
        out.add("Route", value)
    out.add("Max-Forwards", "70")
    return Request(method, invite.uri, out)


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK of a 300-699 response: part of the INVITE's transaction (RFC 3261 17.1.1.3)."""
    return _hop_request("ACK", invite, response.headers.get("To") or invite.headers.get("To"))


def cancel_for(invite: Request) -> Request:
    """The CANCEL of a pending INVITE (RFC 3261 clause 9.1)."""
    return _hop_request("CANCEL", invite, invite.headers.get("To"))
