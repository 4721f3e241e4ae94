"""WHEP's two descriptions: what a browser offers, and what we answer.

Everything travels over one transport (BUNDLE) with RTP and RTCP together, and only towards the
browser. H.264 is answered with the offered payload type whose profile fits the stream best, in
packetization mode 1; H.265 only to who offers it; G.711 as it comes. What is not taken stands
in the answer as inactive or refused, because an answer has the sections of its offer.

RFC 9429 (offer and answer), RFC 9143 (BUNDLE), RFC 8842 (DTLS in SDP), RFC 6184 8.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiortc import RTCDtlsParameters, RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.sdp import GroupDescription, MediaDescription, SessionDescription, SsrcDescription

from media.errors import MediaError
from media.unit import AudioFormat, Codec, VideoFormat
from media.video.nal import H264_SPS, unit_type

MAX_OFFER: Final = 64 * 1024
"""Bytes of an offer; a browser's has about six thousand."""
MAX_SECTIONS: Final = 16

_FEEDBACK: Final = (("nack", None), ("nack", "pli"), ("ccm", "fir"))
_G711: Final = {Codec.G711A: ("PCMA", 8), Codec.G711U: ("PCMU", 0)}


class OfferRefused(MediaError):
    """The offer cannot be answered; ``status`` is the HTTP status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Agreed:
    """A track both sides know."""

    section: int
    """Its place in the offer."""
    payload_type: int
    clock: int
    codec: RTCRtpCodecParameters


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser offers, as far as it matters."""

    description: SessionDescription
    ice: RTCIceParameters
    dtls: RTCDtlsParameters


def read_offer(text: str) -> Offer:
    """A browser's offer. Raises OfferRefused."""
    if len(text) > MAX_OFFER:
        raise OfferRefused(413, "the offer is too large")
    try:
        description = SessionDescription.parse(text)
    except (ValueError, AssertionError, AttributeError, LookupError, TypeError, StopIteration):
        # The parser trusts its input; whatever it stumbles over is a fault of the offer.
        raise OfferRefused(422, "the body is no SDP offer") from None
    media = [one for one in description.media if one.kind in ("audio", "video")]
    if not media or len(description.media) > MAX_SECTIONS:
        raise OfferRefused(422, "the offer has no section for pictures or sound")
    first = media[0]
    if first.dtls is None or not first.dtls.fingerprints:
        raise OfferRefused(422, "the offer has no DTLS fingerprint and setup")
    if first.ice is None or not first.ice.usernameFragment or not first.ice.password:
        raise OfferRefused(422, "the offer has no ICE credentials")
    if not all(one.rtcp_mux for one in media):
        raise OfferRefused(422, "RTP and RTCP on one port (rtcp-mux) are needed")
    return Offer(description, first.ice, first.dtls)


def agree_video(offer: Offer, video: VideoFormat) -> Agreed:
    """The payload type for the pictures. Raises OfferRefused (415) when there is none."""
    name = "H264" if video.codec is Codec.H264 else "H265"
    found = [
        Agreed(place, int(codec.payloadType or 0), codec.clockRate, codec)
        for place, media in _receiving(offer, "video")
        for codec in media.rtp.codecs
        if codec.name.upper() == name and _packetized(codec)
    ]
    if not found:
        if not _receiving(offer, "video"):
            raise OfferRefused(422, "the offer takes no pictures")
        raise OfferRefused(415, f"this browser takes no {name} over WebRTC")
    profile = _profile(video)
    return min(found, key=lambda agreed: _distance(agreed.codec, profile))


def agree_audio(offer: Offer, audio: AudioFormat | None) -> Agreed | None:
    """The payload type for the sound; None: the pictures go without it."""
    if audio is None or audio.codec not in _G711:
        return None
    name, static = _G711[audio.codec]
    for place, media in _receiving(offer, "audio"):
        for codec in media.rtp.codecs:
            if codec.name.upper() == name and codec.clockRate == 8000:
                return Agreed(place, int(codec.payloadType or 0), 8000, codec)
        if static in media.fmt:
            codec = RTCRtpCodecParameters(f"audio/{name}", 8000, 1, static)
            return Agreed(place, static, 8000, codec)
    return None


def answer(
    offer: Offer,
    tracks: list[tuple[Agreed, int]],
    ice: RTCIceParameters,
    dtls: RTCDtlsParameters,
    candidates: list[RTCIceCandidate],
    session_id: int,
) -> str:
    """The SDP answer; `tracks` are what both know, each with the SSRC it is sent with."""
    taken = {agreed.section: (agreed, ssrc) for agreed, ssrc in tracks}
    description = SessionDescription()
    description.origin = f"- {session_id} 1 IN IP4 0.0.0.0"
    description.msid_semantic.append(GroupDescription("WMS", ["*"]))
    bundled: list[int | str] = []
    for place, offered in enumerate(offer.description.media):
        section = MediaDescription(offered.kind, 9, offered.profile, list(offered.fmt))
        section.host = "0.0.0.0"
        section.rtp.muxId = offered.rtp.muxId
        section.ice = RTCIceParameters()
        description.media.append(section)
        if offered.kind not in ("audio", "video"):
            section.port = 0
            continue
        section.rtcp_mux = True
        section.rtcp_port, section.rtcp_host = 9, "0.0.0.0"
        section.ice, section.dtls = ice, dtls
        bundled.append(offered.rtp.muxId)
        if place in taken:
            _take(section, *taken[place])
        else:
            section.direction = "inactive"
            section.rtp.codecs = offered.rtp.codecs[:1]
            section.fmt = section.fmt[:1]
        if len(bundled) == 1:
            section.ice_candidates = candidates
            section.ice_candidates_complete = True
    if bundled and all(bundled):
        description.group.append(GroupDescription("BUNDLE", bundled))
    return str(description)


def _take(section: MediaDescription, agreed: Agreed, ssrc: int) -> None:
    offered = agreed.codec
    known = {(one.type, one.parameter or None) for one in offered.rtcpFeedback}
    codec = RTCRtpCodecParameters(
        offered.mimeType, offered.clockRate, offered.channels, agreed.payload_type
    )
    codec.parameters = dict(offered.parameters)
    codec.rtcpFeedback = [RTCRtcpFeedback(*one) for one in _FEEDBACK if one in known]
    section.direction = "sendonly"
    section.fmt = [agreed.payload_type]
    section.rtp.codecs = [codec]
    section.msid = f"live {section.kind}"
    section.ssrc.append(SsrcDescription(ssrc, cname="live", msid=section.msid))


def _receiving(offer: Offer, kind: str) -> list[tuple[int, MediaDescription]]:
    """Sections of a kind in which the browser would take something."""
    return [
        (place, media)
        for place, media in enumerate(offer.description.media)
        if media.kind == kind and media.port and media.direction in (None, "recvonly", "sendrecv")
    ]


def _packetized(codec: RTCRtpCodecParameters) -> bool:
    """H.264 in single NAL unit mode could not carry a key frame."""
    mode = codec.parameters.get("packetization-mode")
    return codec.name.upper() != "H264" or str(mode) == "1"


def _profile(video: VideoFormat) -> str:
    """profile_idc and constraints of the stream, four hexadecimal digits; "" for H.265."""
    if video.codec is not Codec.H264:
        return ""
    sets = (u for u in video.parameter_sets if unit_type(Codec.H264, u[0]) == H264_SPS)
    return next((unit[1:3].hex() for unit in sets if len(unit) > 3), "")


def _distance(codec: RTCRtpCodecParameters, profile: str) -> int:
    """0 for the stream's own profile; browsers decode every profile whichever was agreed."""
    told = str(codec.parameters.get("profile-level-id", "")).lower()
    if told[:4] == profile:
        return 0
    return 1 if told[:2] == profile[:2] else 2
