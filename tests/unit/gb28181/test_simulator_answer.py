"""The camera's side of SDP."""

from __future__ import annotations

import pytest

from gb28181.session.offer import offer, read_answer
from gb28181.simulator.answer import Offer, OfferRefused, read_offer, write_answer
from sip.sdp import SessionDescription

CHANNEL = "64010600001310000001"
SHAPE = "v/2/6/25/2/3800a/1/8/1"
VENDOR = """v=0
o=64010000002000000001 0 0 IN IP4 10.1.1.1
s=Play
t=0 0
m=video 30000 {profile} 96 97
c=IN IP4 10.1.1.1
a=recvonly
a=rtpmap:96 PS/90000
a=rtpmap:97 MPEG4/90000
{extra}y=0100000001
"""


def vendor(profile: str = "RTP/AVP", extra: str = "") -> bytes:
    return VENDOR.format(profile=profile, extra=extra).encode()


@pytest.mark.parametrize(
    ("transport", "mode"), [("udp", "udp"), ("tcp-passive", "connect"), ("tcp-active", "listen")]
)
def test_the_platforms_offer_is_understood_and_it_understands_the_answer(
    transport: str, mode: str
) -> None:
    body = offer(
        server_id="64010000002000000001",
        media=("127.0.0.1", 30002),
        transport=transport,  # type: ignore[arg-type]
        ssrc=100000007,
        stream="main",
    )
    found = read_offer(body)
    assert found == Offer(mode, "127.0.0.1", 30002, 100000007, 96, False)  # type: ignore[arg-type]
    answer = read_answer(
        write_answer(found, CHANNEL, ("127.0.0.1", 40000), 100000007, SHAPE),
        transport,  # type: ignore[arg-type]
    )
    assert (answer.host, answer.port, answer.ssrc) == ("127.0.0.1", 40000, 100000007)


def test_an_answer_ends_with_y_and_f_and_a_line_end() -> None:
    text = write_answer(read_offer(vendor()), CHANNEL, ("10.0.0.2", 4000), 7, SHAPE).decode()
    assert text.endswith(f"y=0000000007\r\nf={SHAPE}\r\n")
    session = SessionDescription.parse(text.encode())
    assert session.origin_user == CHANNEL
    assert session.media[0].direction == "sendonly"


@pytest.mark.parametrize(
    ("extra", "sub"),
    [
        ("a=streamnumber:0\n", False),
        ("a=streamnumber:1\n", True),
        ("a=stream:1\n", True),
        ("a=streamMode:SUB\n", True),
        ("a=streamMode:MAIN\n", False),
        ("", False),
    ],
)
def test_the_second_stream_is_asked_for_in_several_words(extra: str, sub: bool) -> None:
    assert read_offer(vendor(extra=extra)).sub is sub


def test_an_offer_without_ssrc_leaves_the_choice_to_the_camera() -> None:
    assert read_offer(vendor().replace(b"y=0100000001", b"")).ssrc is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no sdp at all",
        vendor().replace(b"s=Play", b"s=Playback"),
        vendor().replace(b"PS/90000", b"H264/90000"),
        vendor().replace(b"m=video", b"m=audio"),
        vendor().replace(b"m=video 30000", b"m=video 0"),
        vendor("TCP/RTP/AVP", "a=setup:holdconn\n"),
    ],
)
def test_what_cannot_be_met_is_refused(body: bytes) -> None:
    with pytest.raises(OfferRefused):
        read_offer(body)
