"""Short cuts for the requests that make up nearly all traffic: a camera's MESSAGE and REGISTER.

Two functions, each with a slower and complete one that it must agree with (tests hold them
together): `is_plain` says "good" for requests that `validate.check_request` would let pass, after
four pattern matches instead of parsing every header; `render_answer` writes what
`build_response(..).to_bytes()` would, straight from the text of the request.
"""

import re
from collections.abc import Iterable

from sip.errors import LocalError
from sip.headers import Headers
from sip.message import REASONS, Request, build_response

_HOST = r"[A-Za-z0-9._\-]+(?::[1-5]?[0-9]{1,4})?"
_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]"
_VIA = re.compile(
    rf"SIP/2\.0/(?:UDP|TCP) {_HOST}(?:;[A-Za-z0-9\-]+(?:={_TOKEN}*)?)*", re.ASCII
).fullmatch
_ADDRESS = re.compile(
    rf'(?:"[A-Za-z0-9 ._\-]*" ?)?<sip:(?:[A-Za-z0-9._\-]+@)?{_HOST}>'
    rf"(?:;[A-Za-z0-9\-]+(?:={_TOKEN}*)?)*",
    re.ASCII,
).fullmatch
_CALL_ID = re.compile(r"[!-~]+").fullmatch
_HOPS = re.compile(r"[0-9]{1,2}").fullmatch


def is_plain(request: Request) -> bool:
    """True only for what needs no closer look. False says nothing."""
    lines = request.headers.lines
    method = request.method
    vias, froms, tos = lines("via"), lines("from"), lines("to")
    numbers, calls, hops, contacts = (
        lines("cseq"),
        lines("call-id"),
        lines("max-forwards"),
        lines("contact"),
    )
    if not (len(vias) == len(froms) == len(tos) == len(numbers) == len(calls) == 1):
        return False
    number, _, of = numbers[0].partition(" ")
    uri = request.uri
    return bool(
        of == method
        and method != "INVITE"
        and number.isdigit()
        and number.isascii()
        and len(number) < 10
        and _VIA(vias[0])
        and _ADDRESS(froms[0])
        and _ADDRESS(tos[0])
        and _CALL_ID(calls[0])
        and (not hops or (len(hops) == 1 and _HOPS(hops[0])))
        and (not contacts or (len(contacts) == 1 and _ADDRESS(contacts[0])))
        and uri[:4] == "sip:"
        and not (lines("require") or "?" in uri or "<" in uri or ">" in uri)
    )


def has_to_tag(request: Request) -> bool:
    """Whether To carries a tag, without parsing it where the word does not even occur."""
    values = request.headers.lines("to")
    return bool(values) and "tag" in values[0].lower() and request.to.tag is not None


def render_answer(
    request: Request,
    status: int,
    reason: str | None,
    to_tag: str | None,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    content_type: str | None,
) -> bytes:
    """A response on the wire. The usual answer is one line of text; any other is built the long
    way."""
    lines = request.headers.lines
    vias, froms, tos = lines("via"), lines("from"), lines("to")
    numbers, calls = lines("cseq"), lines("call-id")
    usual = len(vias) == len(froms) == len(tos) == len(numbers) == len(calls) == 1
    if not usual or status <= 100 or lines("record-route"):
        return _long_way(request, status, reason, to_tag, headers, body, content_type)
    to = tos[0] if to_tag is None or has_to_tag(request) else f"{tos[0]};tag={to_tag}"
    phrase = REASONS.get(status, "") if reason is None else reason
    text = (
        f"SIP/2.0 {status} {phrase}\r\nVia: {vias[0]}\r\nFrom: {froms[0]}\r\nTo: {to}\r\n"
        f"Call-ID: {calls[0]}\r\nCSeq: {numbers[0]}\r\n"
    )
    ends = 6
    if headers or content_type is not None:
        extra = Headers(headers)
        extra.remove("Content-Length")
        if content_type is not None:
            extra.set("Content-Type", content_type)
        for name, value in extra:
            text += f"{name}: {value}\r\n"
            ends += 1
    text += f"Content-Length: {len(body)}\r\n\r\n"
    if text.count("\n") != ends + 2 or text.count("\r") != ends + 2:
        raise LocalError("a header value holds a line end")
    try:
        return text.encode("latin-1") + body
    except UnicodeEncodeError:
        return _long_way(request, status, reason, to_tag, headers, body, content_type)


def _long_way(
    request: Request,
    status: int,
    reason: str | None,
    to_tag: str | None,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    content_type: str | None,
) -> bytes:
    response = build_response(
        request,
        status,
        reason,
        to_tag=to_tag,
        headers=headers,
        body=body,
        content_type=content_type,
    )
    return response.to_bytes()
