"""Short cuts for the requests that make up nearly all traffic: a camera's MESSAGE and REGISTER.

Each has a slower and complete counterpart that it must agree with, and tests hold them together:
`is_plain` says "good" for requests that `validate.check_request` would let pass, by one pattern
match instead of parsing all headers; `stamped` is `Request.stamp_source` on text; `render_answer`
writes what `build_response(..).to_bytes()` would. What they work on are `Texts`: the five headers
every message has, as they came.
"""

import re
from collections.abc import Iterable

from sip.errors import LocalError
from sip.flow import Address
from sip.headers import COMPACT, key_of
from sip.message import REASONS, Request, build_response

# Possessive (`++`): these never match better on a second try, so a long header cannot cost more.
HOST = r"[A-Za-z0-9._\-]++(?::[1-5]?[0-9]{1,4}+)?+"
PARAMS = r"(?:;[A-Za-z0-9\-]++(?:=[A-Za-z0-9\-.!%*_+`'~]*+)?+)*+"
VIA = rf"SIP/2\.0/(?:UDP|TCP) {HOST}{PARAMS}"
_NAME_ADDR = rf'(?:"[A-Za-z0-9 ._\-]*+" ?)?+<sip:[A-Za-z0-9._\-]++@{HOST}>{PARAMS}'
# Via, From, To, Call-ID and CSeq, a line each: one call costs less than one for each of them.
_PLAIN = re.compile(
    rf"{VIA}\n{_NAME_ADDR}\n{_NAME_ADDR}\n[!-~]++\n[0-9]{{1,9}}+ ([A-Z]++)", re.ASCII
).fullmatch
_ADDRESS = re.compile(_NAME_ADDR, re.ASCII).fullmatch
_HOPS = re.compile(r"[0-9]{1,2}").fullmatch
# Bodies of INVITE have rules of their own, and CANCEL is looked up by the Via as it came.
_NEVER_PLAIN = frozenset({"INVITE", "CANCEL", "ACK"})


Texts = tuple[str, str, str, str, str]
"""Via, From, To, Call-ID, CSeq."""


def texts_of(request: Request) -> Texts | None:
    """None where one of the five is missing or stands twice."""
    # Straight from the index: a call for each header would cost more than the look-up.
    index = request.headers._index
    try:
        (via,), (from_,), (to,) = index["via"], index["from"], index["to"]
        (call_id,), (cseq,) = index["call-id"], index["cseq"]
    except (KeyError, ValueError):
        return None
    return via, from_, to, call_id, cseq


def is_plain(request: Request, texts: Texts) -> bool:
    """True only for what needs no closer look. False says nothing."""
    found = _PLAIN("\n".join(texts))
    if found is None or found[1] != request.method or found[1] in _NEVER_PLAIN:
        return False
    uri = request.uri
    lines = request.headers._index.get
    hops, contacts = lines("max-forwards"), lines("contact")
    return bool(
        (not hops or (len(hops) == 1 and _HOPS(hops[0])))
        and (not contacts or (len(contacts) == 1 and _ADDRESS(contacts[0])))
        and uri[:4] == "sip:"
        and not (lines("require") or "?" in uri or "<" in uri or ">" in uri)
    )


def stamped(via: str, source: Address) -> str | None:
    """The Via of a request with its source written in; None where that takes parsing.

    RFC 3261 §18.2.1 (received), RFC 3581 §4 (rport).
    """
    at = via.find(";rport")
    if at < 0 or ";received" in via or "," in via or '"' in via:
        return None
    end = at + 6
    if end != len(via) and via[end] != ";":
        return None
    host, port = source
    return f"{via[:at]};received={host};rport={port}{via[end:]}"


def stamp(request: Request, source: Address) -> None:
    """Write into the top Via where the request came from. Raises ParseError."""
    text = stamped(request.headers.get("Via") or "", source)
    if text is None:
        request.stamp_source(*source)
    else:
        request.headers.replace_first("Via", text)


def has_tag(address: str) -> bool:
    """Whether a plain From or To carries a tag."""
    return ";tag=" in address or ";tag=" in address.lower()


def render_answer(
    texts: Texts,
    status: int,
    reason: str | None,
    to_tag: str | None,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    content_type: str | None,
    server: str = "",
) -> bytes:
    """A final response to a plain request without Record-Route; `to_tag` is added to To. `server`
    is a whole line, its end included."""
    via, from_, to, call_id, cseq = texts
    tag = "" if to_tag is None else f";tag={to_tag}"
    phrase = REASONS.get(status, "") if reason is None else reason
    text = (
        f"SIP/2.0 {status} {phrase}\r\nVia: {via}\r\nFrom: {from_}\r\nTo: {to}{tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\n"
    )
    if headers or content_type is not None or reason is not None:
        text += _more(phrase, headers, content_type, server)
    else:
        text += server
    return f"{text}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _more(
    phrase: str, headers: Iterable[tuple[str, str]], content_type: str | None, server: str
) -> str:
    lines = []
    for name, value in headers:
        key = key_of(name)
        if key == "content-length":
            continue
        if key == "content-type" and content_type is not None:
            name, value, content_type = "Content-Type", content_type, None
        lines.append(f"{name if len(name) > 1 else COMPACT.get(name.lower(), name)}: {value}\r\n")
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}\r\n")
    text = "".join(lines)
    ends = len(lines)
    if text.count("\n") != ends or text.count("\r") != ends or "\n" in phrase or "\r" in phrase:
        raise LocalError("a header value holds a line end")
    return text + server


def build_answer(
    request: Request,
    status: int,
    reason: str | None,
    to_tag: str | None,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    content_type: str | None,
) -> bytes:
    """The complete counterpart, for any request and any status."""
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
