"""Session descriptions: what GB/T 28181 adds survives, what cameras leave out is borne."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.parser import parse_datagram
from sip.sdp import Media, RtpMap, SessionDescription
from tests.unit.sip.vectors import gb

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex G")


def parse(*lines: str, end: str = "\r\n") -> SessionDescription:
    return SessionDescription.parse((end.join(lines) + end).encode("latin-1"))


@pytest.mark.parametrize(
    "name",
    [
        "invite-play-udp",
        "invite-play-tcp-passive",
        "invite-200",
        "invite-playback",
        "invite-download",
    ],
)
def test_vectors_are_written_as_they_were_read(name: str) -> None:
    body = parse_datagram(gb(name)).body
    expected = body if body.endswith(b"\r\n") else body + b"\r\n"
    assert SessionDescription.parse(body).to_bytes() == expected


def test_an_offer() -> None:
    found = SessionDescription.parse(parse_datagram(gb("invite-play-udp")).body)
    assert found.name == "Play"
    assert found.origin_user == "64010000002000000001"
    assert found.times == (0, 0)
    assert found.get("y") == "0100000001"
    assert found.get("f") == "v/////a///"
    (media,) = found.media
    assert (media.kind, media.port, media.proto) == ("video", 30000, "RTP/AVP")
    assert media.payloads == [96, 98, 100]
    assert media.rtpmaps[96] == RtpMap(96, "PS", 90000)
    assert media.rtpmaps[100].encoding == "H265"
    assert not media.is_tcp
    assert media.setup is None
    assert media.direction == "recvonly"
    assert found.address_of(media) == "192.0.2.20"
    assert found.first("video") is media
    assert found.first("audio") is None


def test_a_download_over_tcp() -> None:
    found = SessionDescription.parse(parse_datagram(gb("invite-download")).body)
    media = found.media[0]
    assert media.is_tcp
    assert (media.setup, media.connection_reuse) == ("passive", "new")
    assert found.get("u") == "64010600001320000001:0"
    assert found.times == (1795219200, 1795221000)
    assert found.attribute("downloadspeed") == "4"
    assert found.attribute("filesize") is None


def test_building_one() -> None:
    offer = SessionDescription()
    offer.add("v", "0")
    offer.add("o", "64010000002000000001 0 0 IN IP4 192.0.2.20")
    offer.add("s", "Play")
    offer.add("c", "IN IP4 192.0.2.20")
    offer.add("t", "0 0")
    media = Media("video", 30000, "TCP/RTP/AVP", ["96"])
    media.add_attribute("recvonly")
    media.add_attribute("rtpmap", "96 PS/90000")
    media.add_attribute("setup", "passive")
    offer.media.append(media)
    offer.add_last("y", "0100000001")
    assert offer.to_bytes() == (
        b"v=0\r\no=64010000002000000001 0 0 IN IP4 192.0.2.20\r\ns=Play\r\nc=IN IP4 192.0.2.20\r\n"
        b"t=0 0\r\nm=video 30000 TCP/RTP/AVP 96\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n"
        b"a=setup:passive\r\ny=0100000001\r\n"
    )
    assert SessionDescription.parse(offer.to_bytes()) == offer


def test_add_last_without_media() -> None:
    offer = SessionDescription()
    offer.add_last("y", "1")
    assert offer.to_bytes() == b"y=1\r\n"


def test_text_outside_latin1() -> None:
    offer = SessionDescription([("s", "播放")])
    assert offer.to_bytes() == "s=播放\r\n".encode()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\r\r\n", "\n\n"])
def test_line_ends(end: str) -> None:
    found = parse("v=0", "s=Play", "m=video 1 RTP/AVP 96", "y=0100000001", end=end)
    assert found.to_bytes() == b"v=0\r\ns=Play\r\nm=video 1 RTP/AVP 96\r\ny=0100000001\r\n"


@pytest.mark.parametrize("value", ["0100000001", " 0100000001 ", "0100000001\t", "0100000001\0"])
def test_y_with_blanks(value: str) -> None:
    assert parse("v=0", f"y={value}").get("y") == "0100000001"


def test_y_in_front_of_the_media_or_without_a_line_end() -> None:
    assert parse("v=0", "y=1", "m=video 1 RTP/AVP 96").get("y") == "1"
    assert SessionDescription.parse(b"v=0\r\nm=video 1 RTP/AVP 96\r\ny=2").get("y") == "2"


def test_missing_lines() -> None:
    found = parse("m=video 6000 RTP/AVP 96")
    assert (found.name, found.origin_user, found.times) == ("", "", (0, 0))
    assert found.get("y") is None
    assert found.address_of(found.media[0]) is None
    assert found.direction_of(found.media[0]) == "sendrecv"


@pytest.mark.parametrize("line", ["t=", "t=0", "t=a b", "t=-1 0", "t=" + "9" * 30 + " 1"])
def test_broken_times(line: str) -> None:
    assert parse("v=0", line).times == (0, 0)


def test_lines_that_are_none_are_passed_over() -> None:
    found = parse("v=0", "garbage", "=x", "zz=1", "1=2", "", "s = Play", "m=video 1 RTP/AVP 96")
    assert found.name == "Play"
    assert found.to_bytes() == b"v=0\r\ns=Play\r\nm=video 1 RTP/AVP 96\r\n"


def test_addresses_of_sections() -> None:
    found = parse(
        "c=IN IP4 192.0.2.1/127",
        *("m=video 1 RTP/AVP 96", "c=IN IP4 192.0.2.2", "m=audio 2 RTP/AVP 8"),
    )
    assert [found.address_of(media) for media in found.media] == ["192.0.2.2", "192.0.2.1"]
    found = parse("m=video 1 RTP/AVP 96", "m=audio 2 RTP/AVP 8", "c=IN IP6 2001:db8::1")
    assert [found.address_of(media) for media in found.media] == ["2001:db8::1"] * 2


@pytest.mark.parametrize("line", ["c=", "c=IN IP4", "c=192.0.2.1", "c=IN IP4 /1"])
def test_broken_addresses(line: str) -> None:
    assert parse("v=0", line).connection is None


def test_directions() -> None:
    found = parse("a=inactive", "m=video 1 RTP/AVP 96", "m=audio 2 RTP/AVP 8", "a=SendOnly")
    assert [found.direction_of(media) for media in found.media] == ["inactive", "sendonly"]


def test_attributes() -> None:
    media = parse("m=video 1 RTP/AVP 96", "a=Setup : ACTIVE", "a=x", "a=x:1", "a=x:2:3").media[0]
    assert media.setup == "active"
    assert media.attributes("x") == ["", "1", "2:3"]
    assert media.attribute("x") == ""
    assert media.attribute("y") is None


def test_rtpmaps_that_cannot_be_read_are_passed_over() -> None:
    media = parse(
        *("m=video 1 RTP/AVP 96 97", "a=rtpmap:96 PS/90000", "a=rtpmap:x PS/90000", "a=rtpmap:97"),
        *("a=rtpmap:98 H264", "a=rtpmap:102 AAC/8000/1", "a=rtpmap:103 AAC/8000/x"),
    ).media[0]
    assert media.rtpmaps == {
        96: RtpMap(96, "PS", 90000),
        102: RtpMap(102, "AAC", 8000, 1),
        103: RtpMap(103, "AAC", 8000, 1),
    }


def test_media_lines() -> None:
    media = parse("m=Video  5000/2  TCP/RTP/AVP  96  webrtc 300").media[0]
    assert (media.kind, media.port, media.port_count) == ("video", 5000, 2)
    assert media.formats == ["96", "webrtc", "300"]
    assert media.payloads == [96]
    assert parse("m=video 0 RTP/AVP").first("video") is None
    assert parse("m=video 0 RTP/AVP").to_bytes() == b"m=video 0 RTP/AVP\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"hello",
        b"<xml/>",
        b"m=video",
        b"m=video x RTP/AVP 96",
        b"m=video -1 RTP/AVP 96",
        b"m=video 65536 RTP/AVP 96",
        b"m=video 1/x RTP/AVP 96",
        b"a=x\n" * 2000,
        b"a=" + b"x" * 70_000,
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        SessionDescription.parse(body)
    assert caught.value.status_hint == 488


def test_zeros_among_the_blanks_behind_a_value_are_no_part_of_it() -> None:
    found = SessionDescription.parse(b"v=0\r\ny=0100000001\0 \0\x0c\r\n")
    assert found.get("y") == "0100000001"
    assert SessionDescription.parse(found.to_bytes()) == found
