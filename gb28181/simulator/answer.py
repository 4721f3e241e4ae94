"""SDP of a call from the camera's side: what the offer wants, and the answer to it.

GB/T 28181-2022 annex G. Refused with 488: an offer without video, without PS, for anything but
Play, Playback and Download, or with a transport that is neither UDP nor one of the TCP modes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sip.errors import ParseError
from sip.sdp import Media, SessionDescription

PS = 96
DISCARD_PORT = 9
Mode = Literal["udp", "connect", "listen"]
"""How media leaves: UDP, a TCP connection we open, or one we wait for."""
KINDS: Final = {name.lower(): name for name in ("Play", "Playback", "Download")}
MOST_SPEED: Final = 8


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
    kind: str = "Play"
    """Play, Playback or Download."""
    start: int = 0
    """Of a recording, UNIX seconds."""
    end: int = 0
    speed: int = 1
    """Of a download."""

    @property
    def is_live(self) -> bool:
        return self.kind == "Play"


def read_offer(body: bytes) -> Offer:
    """Raises OfferRefused."""
    try:
        session = SessionDescription.parse(body)
    except ParseError as error:
        raise OfferRefused(str(error)) from error
    kind = KINDS.get(session.name.lower())
    if kind is None:
        raise OfferRefused(f"s={session.name} is not answered")
    start, end = session.times
    if kind != "Play" and not start < end:
        raise OfferRefused("a recording without a time")
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
        kind=kind,
        start=start,
        end=end,
        speed=max(1, min(MOST_SPEED, _number(session.attribute("downloadspeed")) or 1)),
    )


def write_answer(
    offer: Offer,
    channel_id: str,
    local: tuple[str, int],
    ssrc: int | None,
    shape: str,
    *,
    bare_sound: bool = False,
    size: int | None = None,
) -> bytes:
    """`local` is where we send from or listen; `ssrc` None leaves `y=` out; `shape` is the value of
    `f=`, `size` that of `a=filesize`.
    """
    host, port = local
    family = "IP6" if ":" in host else "IP4"
    profile = "RTP/AVP" if offer.mode == "udp" else "TCP/RTP/AVP"
    payloads = f"{offer.payload_type} 8" if bare_sound else str(offer.payload_type)
    lines = [
        "v=0",
        f"o={channel_id} 0 0 IN {family} {host}",
        f"s={offer.kind}",
        f"c=IN {family} {host}",
        f"t={offer.start} {offer.end}",
        f"m=video {port or DISCARD_PORT} {profile} {payloads}",
        "a=sendonly",
        f"a=rtpmap:{offer.payload_type} PS/90000",
    ]
    if bare_sound:
        lines.append("a=rtpmap:8 PCMA/8000")
    if size is not None:
        lines.append(f"a=filesize:{size}")
    if offer.mode != "udp":
        setup = "active" if offer.mode == "connect" else "passive"
        lines += [f"a=setup:{setup}", "a=connection:new"]
    if ssrc is not None:
        lines.append(f"y={ssrc:010d}")
    lines += [f"f={shape}", ""]
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
