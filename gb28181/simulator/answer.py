"""SDP of a call from the camera's side: what the offer wants, and the answer to it.

GB/T 28181-2022 annex G. Refused with 488: an offer without video, without PS, for recordings
(`s=Playback`), or with a transport that is neither UDP nor one of the TCP modes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sip.errors import ParseError
from sip.sdp import Media, SessionDescription

PS = 96
DISCARD_PORT = 9
Mode = Literal["udp", "connect", "listen"]
"""How media leaves: UDP, a TCP connection we open, or one we wait for."""


class OfferRefused(Exception):
    """The offer cannot be met; the answer is 488."""


@dataclass(frozen=True, slots=True)
class Offer:
    mode: Mode
    host: str
    port: int
    ssrc: int | None
    payload_type: int
    sub: bool
    """The second stream is wanted."""


def read_offer(body: bytes) -> Offer:
    """Raises OfferRefused."""
    try:
        session = SessionDescription.parse(body)
    except ParseError as error:
        raise OfferRefused(str(error)) from error
    if session.name.lower() != "play":
        raise OfferRefused(f"s={session.name} is not answered")
    media = session.first("video")
    host = session.address_of(media) if media is not None else None
    if media is None or not host:
        raise OfferRefused("no video with an address")
    return Offer(
        mode=_mode(media),
        host=host,
        port=media.port,
        ssrc=_number(session.get("y")),
        payload_type=_payload(media),
        sub=_wants_sub(session),
    )


def write_answer(
    offer: Offer, channel_id: str, local: tuple[str, int], ssrc: int, shape: str
) -> bytes:
    """`local` is where we send from or listen; `shape` the value of `f=`."""
    host, port = local
    family = "IP6" if ":" in host else "IP4"
    profile = "RTP/AVP" if offer.mode == "udp" else "TCP/RTP/AVP"
    lines = [
        "v=0",
        f"o={channel_id} 0 0 IN {family} {host}",
        "s=Play",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=video {port or DISCARD_PORT} {profile} {offer.payload_type}",
        "a=sendonly",
        f"a=rtpmap:{offer.payload_type} PS/90000",
    ]
    if offer.mode != "udp":
        setup = "active" if offer.mode == "connect" else "passive"
        lines += [f"a=setup:{setup}", "a=connection:new"]
    lines += [f"y={ssrc:010d}", f"f={shape}", ""]
    return "\r\n".join(lines).encode("ascii")


def _mode(media: Media) -> Mode:
    if not media.is_tcp:
        return "udp"
    if media.setup == "active":
        return "listen"
    if media.setup in ("passive", "actpass", None):
        return "connect"
    raise OfferRefused(f"a=setup:{media.setup}")


def _payload(media: Media) -> int:
    named = [number for number, entry in media.rtpmaps.items() if entry.encoding.upper() == "PS"]
    if named:
        return named[0]
    if PS in media.payloads and PS not in media.rtpmaps:
        return PS
    raise OfferRefused("PS is not offered")


def _wants_sub(session: SessionDescription) -> bool:
    """2022 writes streamnumber; vendors before it had words of their own."""
    for name in ("streamnumber", "stream", "streamprofile"):
        value = session.attribute(name)
        if value is not None:
            return value not in ("0", "")
    return (session.attribute("streamMode") or "").upper() == "SUB"


def _number(text: str | None) -> int | None:
    if text is None or not text.strip().isdecimal():
        return None
    value = int(text.strip())
    return value if value < 2**32 else None
