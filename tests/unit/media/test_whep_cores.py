"""What WHEP decides without a socket: payload types, answers, and the way to the present."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCDtlsFingerprint, RTCDtlsParameters, RTCIceCandidate, RTCIceParameters
from hypothesis import given
from hypothesis import strategies as st

from media.output.live_edge import SLACK, LiveEdge
from media.rtp.pack import AUDIO, KEY, MARKER, Bundle
from media.unit import AudioFormat, Codec, VideoFormat
from media.whep.sdp import OfferRefused, agree_audio, agree_video, answer, read_offer

from .samples import pictures

# As chromium 156 writes it, shortened to what differs between its payload types.
OFFER = """\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=ice-options:trickle
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 106
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:1
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=rtcp-fb:102 ccm fir
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 H264/90000
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:2
a=sctp-port:5000
""".replace("\n", "\r\n")


def h264(profile: str) -> VideoFormat:
    sps = b"\x67" + bytes.fromhex(profile) + b"\x1f\x00"
    return VideoFormat(Codec.H264, 1920, 1080, 25.0, (sps, b"\x68\x00"))


@pytest.mark.parametrize(
    ("profile", "expected"),
    [("6400", 104), ("4d40", 106), ("4200", 102), ("42c0", 102), ("5800", 102)],
)
def test_the_payload_type_is_that_of_the_streams_profile(profile: str, expected: int) -> None:
    assert agree_video(read_offer(OFFER), h264(profile)).payload_type == expected


def test_h265_goes_only_to_who_offers_it() -> None:
    video, _ = pictures(Codec.H265)
    with pytest.raises(OfferRefused) as refused:
        agree_video(read_offer(OFFER), video)
    assert refused.value.status == 415
    knows = OFFER.replace("VP8/90000", "H265/90000")
    assert agree_video(read_offer(knows), video).payload_type == 96


def test_sound_is_g711_or_none() -> None:
    offer = read_offer(OFFER)
    for codec, expected in ((Codec.G711A, 8), (Codec.G711U, 0)):
        agreed = agree_audio(offer, AudioFormat(codec, 8000, 1, b""))
        assert agreed is not None
        assert agreed.payload_type == expected
    assert agree_audio(offer, AudioFormat(Codec.AAC, 16000, 1, b"\x14\x08")) is None
    assert agree_audio(offer, None) is None
    silent = read_offer(OFFER.replace(" 0 8\r", "\r").replace("PCMA", "X").replace("PCMU", "X"))
    assert agree_audio(silent, AudioFormat(Codec.G711A, 8000, 1, b"")) is None


def test_the_answer_has_the_sections_of_the_offer() -> None:
    offer = read_offer(OFFER)
    video = agree_video(offer, h264("4d40"))
    text = answer(
        offer,
        [(video, 1234)],
        RTCIceParameters("user", "password"),
        RTCDtlsParameters([RTCDtlsFingerprint("sha-256", "CC:DD")], "client"),
        [RTCIceCandidate(1, "f", "192.0.2.1", 31000, 1, "udp", "host")],
        7,
    )
    assert re.findall(r"^m=.*", text, re.M) == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r",
        "m=video 9 UDP/TLS/RTP/SAVPF 106\r",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r",
    ]
    audio, picture, data = text.split("m=")[1:]
    assert "a=inactive" in audio
    assert "a=candidate:f 1 udp 1 192.0.2.1 31000 typ host" in audio
    assert "a=sendonly" in picture
    assert "a=setup:active" in picture
    assert "profile-level-id=4d001f" in picture
    assert "a=mid:2" in data
    assert "a=group:BUNDLE 0 1\r" in text


@given(
    st.one_of(
        st.text(max_size=300),
        st.tuples(st.integers(0, len(OFFER)), st.integers(0, 60), st.text(max_size=20)).map(
            lambda cut: OFFER[: cut[0]] + cut[2] + OFFER[cut[0] + cut[1] :]
        ),
    )
)
def test_any_offer_is_read_or_refused(text: str) -> None:
    try:
        offer = read_offer(text)
        agree_audio(offer, AudioFormat(Codec.G711A, 8000, 1, b""))
        video = agree_video(offer, h264("4d40"))
    except OfferRefused:
        return
    answer(offer, [(video, 1)], RTCIceParameters("u", "p"), offer.dtls, [], 1)


def unit(dts: int, *, audio: bool = False) -> Bundle:
    return Bundle((AUDIO if audio else MARKER) | KEY, dts, dts, [b"x"])


def test_the_past_is_squeezed_and_the_present_is_not() -> None:
    edge = LiveEdge(video=True)
    given_times = []
    for number in range(50):  # two seconds that come at once
        moved = edge.move(unit(90_000_000 + number * 3600), 10.0)
        assert moved is not None
        given_times.append(moved.dts)
    assert given_times == sorted(set(given_times))
    assert given_times[-1] <= SLACK + 50 * 90
    for number in range(50, 100):
        moved = edge.move(unit(90_000_000 + number * 3600), 10.0 + (number - 49) / 25)
        assert moved is not None
        if number > 60:
            assert moved.dts - given_times[-1] == 3600
        given_times.append(moved.dts)
    assert abs(given_times[-1] - 2 * 90_000) <= SLACK + 3600


def test_sound_of_the_past_is_left_out() -> None:
    edge = LiveEdge(video=True)
    assert edge.move(unit(0, audio=True), 0.0) is None
    kept = 0
    for number in range(50):
        edge.move(unit(number * 3600), 0.0)
        kept += edge.move(unit(number * 3600 + 60, audio=True), 0.0) is not None
    assert kept <= 8
    for number in range(50, 75):
        now = (number - 49) / 25
        picture = edge.move(unit(number * 3600), now)
        sound = edge.move(unit(number * 3600 + 60, audio=True), now)
        assert picture is not None
        if number < 54:  # the last of the squeezed pictures still has to be overtaken
            continue
        assert sound is not None
        assert sound.dts - picture.dts == 60


def test_sound_alone_leads_itself() -> None:
    edge = LiveEdge(video=False)
    for number in range(25):
        moved = edge.move(unit(number * 3600, audio=True), number / 25)
        assert moved is not None
        assert moved.dts == number * 3600
