"""The SDP of speech: what a device asks for in its INVITE, our answer, and the offer of a talk.

GB/T 28181-2022 9.12.1, annex G; `s=Talk` is of 2016. G.711A (8) is what loudspeakers of cameras
play; where a device offers only 96, the same samples go in a program stream. The SSRC is ours by
the standard; a device that names one in its own INVITE listens for that one, so it gets it.
Who opens a TCP connection stands in `a=setup` from the view of its writer; a device that offers TCP
and does not say is the client (annex D).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gb28181.session.model import Transport
from gb28181.session.offer import DISCARD_PORT
from gb28181.session.ssrc import format_ssrc
from media.voice.audio import PCMA, PS, AudioPayload
from sip.errors import ParseError
from sip.sdp import Media, SessionDescription

from .reasons import Reason, Why

NAMES: Final[dict[AudioPayload, str]] = {PCMA: "PCMA/8000", PS: "PS/90000"}
_USUAL: Final[dict[int, str]] = {PCMA: "PCMA", PS: "PS"}
"""What numbers mean that have no rtpmap."""
_SETUP: Final[dict[Transport, str]] = {"tcp-passive": "passive", "tcp-active": "active"}


class OfferRefused(Exception):
    """No speech can follow from this SDP; ``why`` says it in words."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a device wants to hear."""

    transport: Transport
    """From our side: `tcp-passive` we listen."""
    host: str
    """As claimed; to be judged before anything is sent there."""
    port: int
    payload: AudioPayload
    ssrc: int | None = None
    sources: tuple[str, ...] = ()
    """Addresses the device's own connection may come from, once judged."""

    def at(self, host: str, *sources: str) -> Wanted:
        """The same with the address that was found good."""
        return replace(self, host=host, sources=sources)


def read_wanted(body: bytes) -> Wanted:
    """The offer of a device's INVITE; raises OfferRefused."""
    session, audio = _audio(body)
    payload = _payload(audio)
    transport: Transport = "udp"
    if audio.is_tcp:
        transport = "tcp-active" if audio.setup == "passive" else "tcp-passive"
    if transport != "tcp-passive" and not audio.port:
        raise OfferRefused(Why(Reason.INVITE_UNUSABLE, "its audio has port 0"))
    return Wanted(
        transport, session.address_of(audio) or "", audio.port, payload, _ssrc(session.get("y"))
    )


def read_answer(body: bytes, transport: Transport) -> Wanted:
    """What a device answers to the offer of a talk; raises OfferRefused."""
    wanted = read_wanted(body)
    if (wanted.transport == "udp") != (transport == "udp"):
        got = "UDP" if wanted.transport == "udp" else "TCP"
        raise OfferRefused(
            Why(Reason.INVITE_UNUSABLE, f"it answered with {got} to an offer of {transport}")
        )
    if transport == "tcp-active" and not wanted.port:
        raise OfferRefused(Why(Reason.INVITE_UNUSABLE, "its audio has port 0"))
    return replace(wanted, transport=transport)


def write_answer(server_id: str, media: tuple[str, int], wanted: Wanted, ssrc: int) -> bytes:
    """The body of our 200: where speech comes from."""
    return _write("Play", server_id, media, wanted.transport, wanted.payload, ssrc, "sendonly")


def write_talk(server_id: str, media: tuple[str, int], transport: Transport, ssrc: int) -> bytes:
    """The body of our INVITE of 2016: speech both ways."""
    return _write("Talk", server_id, media, transport, PCMA, ssrc, "sendrecv")


def _write(
    name: str,
    server_id: str,
    media: tuple[str, int],
    transport: Transport,
    payload: AudioPayload,
    ssrc: int,
    direction: str,
) -> bytes:
    host, port = media
    family = "IP6" if ":" in host else "IP4"
    profile = "RTP/AVP" if transport == "udp" else "TCP/RTP/AVP"
    lines = [
        "v=0",
        f"o={server_id} 0 0 IN {family} {host}",
        f"s={name}",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=audio {port or DISCARD_PORT} {profile} {payload}",
        f"a={direction}",
        f"a=rtpmap:{payload} {NAMES[payload]}",
    ]
    if transport != "udp":
        lines += [f"a=setup:{_SETUP[transport]}", "a=connection:new"]
    lines += [f"y={format_ssrc(ssrc)}", "f=v/////a/1/8/1", ""]
    return "\r\n".join(lines).encode("ascii")


def _audio(body: bytes) -> tuple[SessionDescription, Media]:
    try:
        session = SessionDescription.parse(body)
    except ParseError as error:
        raise OfferRefused(
            Why(Reason.INVITE_UNUSABLE, f"its SDP cannot be read: {error}")
        ) from error
    audio = next((media for media in session.media if media.kind == "audio"), None)
    if audio is None:
        raise OfferRefused(Why(Reason.INVITE_UNUSABLE, "its SDP has no audio"))
    return session, audio


def _payload(audio: Media) -> AudioPayload:
    """The best of what is offered; what a number means is what its rtpmap says."""
    maps = audio.rtpmaps
    names = {
        number: maps[number].encoding.upper() if number in maps else _USUAL.get(number, "")
        for number in audio.payloads
    }
    if names.get(PCMA) == "PCMA":
        return PCMA
    if names.get(PS) == "PS":
        return PS
    offered = ", ".join(name or str(number) for number, name in names.items()) or "nothing"
    raise OfferRefused(Why(Reason.CODEC, f"it offers {offered[:80]}", 488))


def _ssrc(text: str | None) -> int | None:
    """``y=`` of the device; 0 means that it does not care."""
    if text is None or not text.strip().isdecimal() or len(text.strip()) > 10:
        return None
    value = int(text.strip())
    return value if 0 < value < 2**32 else None
