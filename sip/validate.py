"""Does a readable message make sense? Called by the endpoint before a handler sees it.

`check_request(request) -> int | None` gives the status to refuse it with, None when it is good.
`check_response(response) -> bool` says whether a response can be used; a bad one is dropped.
The rules are those of a user agent server (RFC 3261 clauses 8.1.1, 8.2; RFC 4475). Headers that
change nothing here (Date, Max-Forwards) are not judged: a camera with a wrong one still works. What
a method or body means to the application (405, 415 of a MESSAGE, 488) is not decided here.

An ACK is never answered: the caller drops it where a status comes back.
"""

from __future__ import annotations

from sip.errors import ParseError
from sip.grammar import LWS, has_control, split_list
from sip.headers import Headers
from sip.message import Request, Response
from sip.uri import SipUri

#: Headers that may stand once only (RFC 3261 clause 7.3.1); a second one with the same value is
#: let pass, because that is a stutter and no contradiction.
SINGLE = ("call-id", "cseq", "from", "to", "max-forwards")


def check_request(
    request: Request, supported: frozenset[str] = frozenset(), methods: frozenset[str] | None = None
) -> int | None:
    """None, or the status to refuse the request with.

    `supported`: option tags a Require header may name. `methods`: those that are served; with it
    an unknown method is 501 rather than 400 where its CSeq does not match (RFC 4475 mismatch02).
    """
    try:
        if methods is not None and request.method not in methods:
            return 501
        return _check_target(request) or _check_headers(request, supported)
    except ParseError as error:
        return error.status_hint


def check_response(response: Response) -> bool:
    """Whether all headers a transaction and a dialog need can be read."""
    try:
        _read_mandatory(response)
        # Only our own Via may stand in a response to us: anything more was meant for a proxy
        # (RFC 3261 clause 8.1.3.3, RFC 4475 bcast).
        return len(response.vias) == 1
    except ParseError:
        return False


def unsupported_options(
    request: Request, supported: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Option tags of Require that are not supported: the Unsupported header of a 420 (8.2.2.3)."""
    if request.method in ("ACK", "CANCEL"):
        return ()
    wanted = (tag for value in request.headers.lines("require") for tag in split_list(value))
    return tuple(tag for tag in wanted if tag and tag not in supported)


def _check_target(request: Request) -> int | None:
    uri = request.uri
    if uri.startswith("sip:") and "?" not in uri:
        # Not parsed further: nothing is routed by it, and devices write odd hosts.
        return 400 if "<" in uri or ">" in uri else None
    scheme, colon, _ = uri.partition(":")
    if not colon or "<" in uri:
        return 400
    if scheme.lower() not in ("sip", "sips"):
        return 416
    # A "?" of the user part is fine; headers are not allowed in a Request-URI (19.1.1).
    return 400 if SipUri.parse(uri).headers else None


def _check_headers(request: Request, supported: frozenset[str]) -> int | None:
    headers = request.headers
    if headers.has_repeats and _contradicts(headers):
        return 400
    _read_mandatory(request)
    if request.cseq.method != request.method:
        return 400
    if "contact" in headers:
        _ = request.contacts
    if "require" in headers and unsupported_options(request, supported):
        return 420
    return _check_invite(request) if request.method == "INVITE" else None


def _contradicts(headers: Headers) -> bool:
    return any(len(set(headers.lines(key))) > 1 for key in SINGLE)


def _read_mandatory(message: Request | Response) -> None:
    """Read what every later layer reads; ParseError where one is broken."""
    _ = message.via, message.from_, message.to, message.cseq
    vias = message.headers.lines("via")
    if len(vias) > 1 or "," in vias[0]:
        _ = message.vias
    if has_control(message.call_id):
        raise ParseError("bad Call-ID")


def _check_invite(request: Request) -> int | None:
    kind = request.content_type
    if request.body and kind and kind != "application/sdp" and not kind.startswith("multipart/"):
        return 415
    accept = request.headers.lines("accept")
    return 406 if accept and not _accepts_sdp(accept) else None


def _accepts_sdp(values: list[str]) -> bool:
    ranges = {
        part.partition(";")[0].strip(LWS).lower() for value in values for part in split_list(value)
    }
    # An empty Accept means that no format is acceptable (20.1); devices mean "any" by it.
    return bool(ranges & {"application/sdp", "application/*", "*/*", ""})
