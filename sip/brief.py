"""The usual request of a camera, read at one glance: nearly all datagrams are heartbeats and
registrations, and of these nearly all look alike.

Theory. The start line and the five headers every request has come first, in the same order, in
nearly every stack; one pattern reads them and lets nothing pass that a closer look would refuse.
What follows up to the body, the *tail* (Content-Type, User-Agent, ...), is the same text in every
heartbeat of a device, and of all devices of a model. So no tail is read here: one that the complete
way has found to be plain is remembered, and the next message with the same tail is brief. The
credentials of a REGISTER, new each time, are cut out of the tail first.

Everything else is not brief, and goes the complete way (`parser`, `validate`). What is brief must
mean the same there: that is the one rule of this file, and a property test holds it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sip.message import REASONS, Request
from sip.quick import HOST, PARAMS, VIA, is_plain, texts_of

MOST_TAILS: Final = 4096
MOST_BYTES: Final = 2048
"""No heartbeat and no registration is longer."""
_AUTHORIZATION: Final = "Authorization: "

_USER = rf'(?:"[A-Za-z0-9 ._\-]*+" ?)?+<sip:([A-Za-z0-9._\-]++)@{HOST}>'
_HEAD = re.compile(
    r"(MESSAGE|REGISTER) (sip:[!-;=@-~]++) SIP/2\.0\r\n"
    rf"Via: ({VIA})\r\nFrom: ({_USER}{PARAMS})\r\nTo: ({_USER})\r\nCall-ID: ([!-~]++)\r\n"
    r"CSeq: ([0-9]{1,9}+ \1)\r\n",
    re.ASCII,
).match


class Brief(NamedTuple):
    """What a brief request says. Header values are as they came; To has no tag."""

    method: str
    uri: str
    via: str
    from_: str
    user: str
    """Of From: who says to be speaking."""
    to: str
    to_user: str
    call_id: str
    cseq: str
    tail: str
    """All header lines after CSeq but the credentials, with their ends."""
    authorization: str
    """Of a REGISTER; empty without."""
    body: bytes


class BriefReader:
    """Remembers plain tails; the rest is a function of the datagram."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}
        """Tails that are plain, with the Content-Length they state."""
        self._unknown: tuple[str, str] | None = None

    def __len__(self) -> int:
        return len(self._lengths)

    def read(self, data: bytes) -> Brief | None:
        """None for whatever needs the closer look; then `learn` what that has found."""
        self._unknown = None
        if len(data) > MOST_BYTES:
            return None
        text = data.decode("latin-1")
        found = _HEAD(text)
        if found is None:
            return None
        start = found.end()
        end = text.find("\r\n\r\n", start) + 2
        if end < 2:
            return None
        tail, authorization = text[start:end], ""
        if found[1] == "REGISTER":
            at = tail.find(_AUTHORIZATION)
            if at > 0 and tail[at - 1] != "\n":
                return None
            if at >= 0:
                stop = tail.find("\r\n", at)
                authorization = tail[at + len(_AUTHORIZATION) : stop]
                tail = tail[:at] + tail[stop + 2 :]
                if not (authorization.isascii() and authorization.isprintable()):
                    return None
        body = data[end + 2 :]
        length = self._lengths.get(tail)
        if length is None:
            self._unknown = tail, authorization
            return None
        if length != len(body):
            return None
        return Brief._make((*found.groups(), tail, authorization, body))

    def learn(self, request: Request) -> None:
        """The request that `read` could not tell about just now, as the complete way reads it: if
        it is plain, its tail is known from now on."""
        if self._unknown is None:
            return
        (tail, authorization), self._unknown = self._unknown, None
        headers = request.headers
        texts, lines = texts_of(request), tail.count("\r\n")
        if (
            texts is None
            or not is_plain(request, texts)
            or headers.lines("record-route")
            or headers.lines("content-length") != [str(len(request.body))]
            or headers.lines("authorization") != ([authorization] if authorization else [])
            # No fold, no bare line end: each line is a header.
            or not lines == tail.count("\n") == tail.count("\r")
            or lines + 5 + bool(authorization) != len(headers)
        ):
            return
        if len(self._lengths) >= MOST_TAILS:
            self._lengths.clear()  # only a memory; a flood of inventions must not grow it
        self._lengths[tail] = len(request.body)


def render_brief(brief: Brief, via: str, tag: str, status: int, lines: str) -> bytes:
    """A final response without a body, as `quick.render_answer` writes it; `via` is stamped,
    `lines` are whole."""
    return (
        f"SIP/2.0 {status} {REASONS[status]}\r\nVia: {via}\r\nFrom: {brief.from_}\r\n"
        f"To: {brief.to};tag={tag}\r\nCall-ID: {brief.call_id}\r\nCSeq: {brief.cseq}\r\n"
        f"{lines}Content-Length: 0\r\n\r\n"
    ).encode("latin-1")
