"""The GB SDP of a call: the offer we send and what we believe of the answer.

GB/T 28181-2022 annex G. The offer names PS first and the elementary streams of the standard after
it, never a vendor's private payload (those are streams nobody else can decode). Lines end with
CRLF, the last one too (quirk 6); ``y=`` and ``f=`` come last.
"""

from __future__ import annotations

from dataclasses import dataclass

from sip.errors import ParseError
from sip.sdp import SessionDescription

from .model import LIVE, Ask, SessionKind, StreamName, Transport
from .ssrc import format_ssrc

PAYLOADS = ((96, "PS/90000"), (98, "H264/90000"), (100, "H265/90000"))
MOST_DIGITS = 18
"""A longer number of an answer is none."""
DISCARD_PORT = 9
"""Port of a side that connects and therefore receives no connection (RFC 4145 4.1)."""

_STREAM_NUMBER: dict[StreamName, int] = {"main": 0, "sub": 1}
_SETUP: dict[Transport, str] = {"tcp-passive": "passive", "tcp-active": "active"}
_SESSION: dict[SessionKind, str] = {
    SessionKind.LIVE: "Play",
    SessionKind.PLAYBACK: "Playback",
    SessionKind.DOWNLOAD: "Download",
}


class AnswerUnusable(Exception):
    """The device accepted, but with an SDP no media can come from."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the answer says about where media comes from."""

    host: str
    port: int
    ssrc: int | None
    file_size: int | None = None
    """Bytes of a download, where the device tells (``a=filesize``)."""


def offer(
    *,
    server_id: str,
    media: tuple[str, int],
    transport: Transport,
    ssrc: int,
    stream: StreamName,
    channel: str = "",
    ask: Ask = LIVE,
) -> bytes:
    """The body of an INVITE; ``media`` is the announced receiver, ``channel`` the device's code."""
    host, port = media
    family = "IP6" if ":" in host else "IP4"
    profile = "RTP/AVP" if transport == "udp" else "TCP/RTP/AVP"
    numbers = " ".join(str(number) for number, _ in PAYLOADS)
    lines = [
        "v=0",
        f"o={server_id} 0 0 IN {family} {host}",
        f"s={_SESSION[ask.kind]}",
        *([f"u={channel}:0"] if ask.span else []),
        f"c=IN {family} {host}",
        f"t={ask.span.start} {ask.span.end}" if ask.span else "t=0 0",
        f"m=video {port or DISCARD_PORT} {profile} {numbers}",
        "a=recvonly",
        *(f"a=rtpmap:{number} {name}" for number, name in PAYLOADS),
    ]
    if transport != "udp":
        lines += [f"a=setup:{_SETUP[transport]}", "a=connection:new"]
    if stream != "main":  # 2022; a device that does not know it sends the main stream
        lines.append(f"a=streamnumber:{_STREAM_NUMBER[stream]}")
    if ask.kind is SessionKind.DOWNLOAD:
        lines.append(f"a=downloadspeed:{ask.speed}")
    lines += [f"y={format_ssrc(ssrc)}", "f=v/////a///", ""]
    return "\r\n".join(lines).encode("ascii")


def read_answer(body: bytes, transport: Transport) -> Answer:
    """What a 200 says; raises ``AnswerUnusable`` with a reason for people."""
    try:
        session = SessionDescription.parse(body)
    except ParseError as error:
        raise AnswerUnusable(f"the answer's SDP cannot be read: {error}") from error
    section = next((m for m in session.media if m.kind == "video"), None)
    if section is None:
        raise AnswerUnusable("the answer's SDP has no video")
    if not section.port:
        raise AnswerUnusable("the answer's SDP refuses the video (port 0)")
    if section.is_tcp != (transport != "udp"):
        got = "TCP" if section.is_tcp else "UDP"
        raise AnswerUnusable(f"the device answered with {got} to an offer of {transport}")
    if transport == "tcp-active" and section.setup == "active":
        raise AnswerUnusable("both sides want to open the TCP connection")
    return Answer(
        session.address_of(section) or "",
        section.port,
        _ssrc(session.get("y")),
        _size(session.attribute("filesize")),
    )


def _size(text: str | None) -> int | None:
    """``a=filesize`` in bytes; 0 is what devices write that do not know it."""
    if text is None or not text.strip().isdecimal() or len(text) > MOST_DIGITS:
        return None
    return int(text.strip()) or None


def _ssrc(text: str | None) -> int | None:
    """``y=`` as a number; it may be missing or carry blanks (quirks 3 and 5)."""
    if text is None or not text.strip().isdecimal() or len(text) > MOST_DIGITS:
        return None
    value = int(text.strip())
    return value if value < 2**32 else None
