"""Offers of browsers: agreed with, or refused with a status; the answer fits its offer."""

from __future__ import annotations

from aiortc import RTCDtlsFingerprint, RTCDtlsParameters, RTCIceCandidate, RTCIceParameters

from media.unit import AudioFormat, Codec, VideoFormat
from media.whep.sdp import MAX_SECTIONS, OfferRefused, agree_audio, agree_video, answer, read_offer

from .vectors import PPS, SPS

_HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
_BOTH = (
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
    "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=mid:{mid}\r\na=recvonly\r\n"
    "a=rtcp-mux\r\n"
)
_AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n" + _BOTH.format(mid=0) + "a=rtpmap:8 PCMA/8000\r\n"
_VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n"
    + _BOTH.format(mid=1)
    + "a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack pli\r\n"
    + "a=fmtp:102 packetization-mode=1;profile-level-id=42001f\r\n"
)
FORMATS = (
    VideoFormat(Codec.H264, 64, 48, 25.0, (SPS, PPS)),
    VideoFormat(Codec.H265, 64, 48, 25.0, ()),
)
SOUND = AudioFormat(Codec.G711A, 8000, 1, b"")
ICE = RTCIceParameters("ufrag", "password" * 3)
DTLS = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", "AA:BB")], "server")
CANDIDATE = RTCIceCandidate(1, "1", "192.0.2.1", 5000, 1, "udp", "host")


def seeds() -> list[bytes]:
    application = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + _BOTH.format(mid=2)
    offers = (_HEAD + _AUDIO + _VIDEO, _HEAD + _VIDEO + application, _HEAD + _AUDIO, _HEAD)
    return [offer.encode() for offer in offers]


def check(data: bytes) -> None:
    try:
        offer = read_offer(data.decode("utf-8", "replace"))
    except OfferRefused as refused:
        assert 400 <= refused.status < 500
        return
    assert len(offer.description.media) <= MAX_SECTIONS
    for video in FORMATS:
        try:
            pictures = agree_video(offer, video)
        except OfferRefused as refused:
            assert 400 <= refused.status < 500
            continue
        sound = agree_audio(offer, SOUND)
        tracks = [(pictures, 1), *([(sound, 2)] if sound else [])]
        text = answer(offer, tracks, ICE, DTLS, [CANDIDATE], 1)
        assert text.count("m=") >= len(offer.description.media)
