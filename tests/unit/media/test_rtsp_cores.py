"""RTSP without a socket: requests, addresses, transports, sessions, descriptions."""

from __future__ import annotations

import pytest

from media.rtp import rtcp
from media.rtp.sdp import codecs, describe
from media.rtsp.address import Wanted, read_address, read_transport, track_address
from media.rtsp.message import MAX_HEAD, MAX_HEADERS, Malformed, Reader, Request, response
from media.rtsp.session import SessionEffect, SessionInput, SessionMachine, SessionState
from media.unit import AudioFormat, Codec

from .samples import pictures

PEER = "192.0.2.7"
CHANNEL = "64010000001310000001"


def test_a_request_as_ffmpeg_writes_it() -> None:
    data = (
        b"DESCRIBE rtsp://127.0.0.1:8554/live/1?ticket=a.b RTSP/1.0\r\n"
        b"Accept: application/sdp\r\nCSeq: 2\r\nUser-Agent: Lavf59\r\nSession: 12;timeout=60\r\n"
        b"\r\n"
    )
    (request,) = Reader().feed(data)
    assert isinstance(request, Request)
    assert (request.method, request.cseq, request.session) == ("DESCRIBE", "2", "12")
    assert request.uri == "rtsp://127.0.0.1:8554/live/1?ticket=a.b"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505),
        (b"OPTIONS * RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: x\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nnonsense\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999\r\n\r\n", 413),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n", 413),
        (b"OPTIONS " + b"a" * MAX_HEAD, 413),
        (b"\x16\x03\x01\x02\x00\x01\n\n", 400),
    ],
)
def test_what_is_no_request_ends_the_reading(data: bytes, status: int) -> None:
    reader = Reader()
    (found,) = reader.feed(data)
    assert isinstance(found, Malformed)
    assert found.status == status
    assert reader.feed(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n") == []


def test_an_answer() -> None:
    assert response(454, "9", (("A", "b"),)) == (
        b"RTSP/1.0 454 Session Not Found\r\nCSeq: 9\r\nA: b\r\n\r\n"
    )
    assert response(200, "1", body=b"xy").endswith(b"Content-Length: 2\r\n\r\nxy")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"rtsp://h:8554/live/{CHANNEL}", (CHANNEL, "main", None, None)),
        (f"rtsp://h/live/{CHANNEL}/", (CHANNEL, "main", None, None)),
        (f"rtsp://h/live/{CHANNEL}?stream=sub&ticket=t", (CHANNEL, "sub", "t", None)),
        (f"rtsp://h/live/{CHANNEL}/trackID=1?ticket=t", (CHANNEL, "main", "t", 1)),
        # as players write it that put the track behind whatever the address was
        (f"rtsp://h/live/{CHANNEL}?ticket=t/trackID=0", (CHANNEL, "main", "t", 0)),
        (f"rtsp://h/live/{CHANNEL}?ticket=t/", (CHANNEL, "main", "t", None)),
    ],
)
def test_addresses(uri: str, expected: tuple[str, str, str | None, int | None]) -> None:
    found = read_address(uri)
    assert found is not None
    assert found.kind == "live"
    assert (found.name, found.stream, found.ticket, found.track) == expected


def test_the_address_of_a_recording() -> None:
    found = read_address("rtsp://h/play/playback-1-2/trackID=0?ticket=t")
    assert found is not None
    assert found.key == ("play", "playback-1-2", "main")


@pytest.mark.parametrize(
    "uri",
    [
        "*",
        "rtsp://h/",
        "rtsp://h/live/",
        "rtsp://h/live/../etc",
        f"rtsp://h/live/{CHANNEL}.flv/x",
        f"rtsp://h/live/{CHANNEL}?stream=third",
        f"http://h/live/{CHANNEL}",
        "rtsp://[::1/live/1",
        f"rtsp://h/lives/{CHANNEL}",
        f"rtsp://h/live/{CHANNEL}?" + "a=1&" * 40,
    ],
)
def test_no_addresses(uri: str) -> None:
    assert read_address(uri) is None


def test_the_address_of_a_track_keeps_the_ticket() -> None:
    assert track_address("rtsp://h/live/1?ticket=t", 1) == "rtsp://h/live/1/trackID=1?ticket=t"
    assert track_address("rtsp://h/live/1/", 0) == "rtsp://h/live/1/trackID=0"
    again = track_address(track_address("rtsp://h/live/1?ticket=t", 1), 0)
    assert again == "rtsp://h/live/1/trackID=0?ticket=t"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", Wanted(True, 0, 1)),
        ("RTP/AVP/TCP;unicast", Wanted(True, None, None)),
        ("RTP/AVP/UDP;unicast;client_port=5000-5001", Wanted(False, 5000, 5001)),
        ("RTP/AVP;unicast;client_port=5000", Wanted(False, 5000, 5001)),
        ("RTP/AVP;unicast;client_port=5001-5000;mode=play", Wanted(False, 5001, 5000)),
        ('RTP/AVP;unicast;client_port=5000-5001;mode="PLAY"', Wanted(False, 5000, 5001)),
        (f"RTP/AVP;unicast;client_port=5000-5001;destination={PEER}", Wanted(False, 5000, 5001)),
        # the second offer of a player that would rather have multicast
        ("RTP/AVP;multicast,RTP/AVP;unicast;client_port=5000-5001", Wanted(False, 5000, 5001)),
    ],
)
def test_transports(header: str, expected: Wanted) -> None:
    assert read_transport(header, PEER) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "RTP/AVP;multicast",
        "RTP/AVP;unicast",
        "RTP/AVP;unicast;client_port=0-1",
        "RTP/AVP;unicast;client_port=53-54",
        "RTP/AVP;unicast;client_port=1023-1024",
        "RTP/AVP;unicast;client_port=65535",
        "RTP/AVP;unicast;client_port=70000-70001",
        "RTP/AVP;unicast;client_port=5000-5000",
        "RTP/AVP;unicast;client_port=5000-5001;destination=198.51.100.9",
        "RTP/AVP;unicast;client_port=5000-5001;mode=record",
        "RTP/SAVP;unicast;client_port=5000-5001",
        "RTP/AVP/TCP;interleaved=255",
        "RTP/AVP/TCP;interleaved=300-301",
    ],
)
def test_transports_that_are_refused(header: str) -> None:
    assert read_transport(header, PEER) is None


def test_a_session_from_setup_to_teardown() -> None:
    session = SessionMachine(0.0)
    assert session.handle(SessionInput.PLAY, 0.0) == [SessionEffect.REFUSE]
    assert session.handle(SessionInput.SETUP, 1.0) == []
    assert session.handle(SessionInput.SETUP, 2.0) == []
    assert session.handle(SessionInput.PLAY, 3.0) == [SessionEffect.START]
    assert session.handle(SessionInput.PLAY, 3.0) == []
    assert session.handle(SessionInput.SETUP, 3.0) == [SessionEffect.REFUSE]
    assert session.handle(SessionInput.PAUSE, 4.0) == [SessionEffect.HALT]
    assert session.handle(SessionInput.PAUSE, 4.0) == []
    assert session.handle(SessionInput.PLAY, 5.0) == [SessionEffect.START]
    assert session.handle(SessionInput.TEARDOWN, 6.0) == [SessionEffect.RELEASE]
    assert session.handle(SessionInput.PLAY, 6.0) == []
    assert session.handle(SessionInput.END, 6.0) == []


def test_a_session_nobody_hears_of_is_over() -> None:
    session = SessionMachine(0.0)
    session.handle(SessionInput.SETUP, 0.0)
    session.handle(SessionInput.PLAY, 0.0)
    assert session.handle(SessionInput.TICK, 59.0) == []
    session.handle(SessionInput.ALIVE, 59.0)
    assert session.handle(SessionInput.TICK, 118.0) == []
    assert session.handle(SessionInput.TICK, 119.0) == [SessionEffect.RELEASE]
    assert session.state is SessionState.CLOSED


def test_the_description_names_codecs_and_tracks() -> None:
    video, _ = pictures(Codec.H264)
    audio = AudioFormat(Codec.G711A, 8000, 1, b"")
    text = describe(codecs(video, audio), "127.0.0.1", "1", lambda n: f"t{n}").decode()
    assert text.endswith("\r\n")
    lines = text.split("\r\n")
    assert "m=video 0 RTP/AVP 96" in lines
    assert "a=rtpmap:96 H264/90000" in lines
    assert "m=audio 0 RTP/AVP 8" in lines
    assert "a=rtpmap:8 PCMA/8000" in lines
    assert lines.index("a=control:t0") < lines.index("a=control:t1")
    (fmtp,) = [line for line in lines if line.startswith("a=fmtp:96")]
    assert "packetization-mode=1" in fmtp
    assert f"profile-level-id={video.parameter_sets[0][1:4].hex().upper()}" in fmtp
    assert "sprop-parameter-sets=" in fmtp
    assert codecs(None, AudioFormat(Codec.G722, 8000, 1, b"")) == []


def test_reports_of_a_viewer() -> None:
    report = bytes.fromhex("81c90007000000010000abcd40ffffff0000000500000010")
    report += bytes(8)
    pli = bytes.fromhex("81ce0002000000010000abcd")
    fir = bytes.fromhex("84ce000400000001000000000000abcd01000000")
    nack = bytes.fromhex("81cd0003000000010000abcdffff0003")
    assert rtcp.read(report + pli + fir + nack) == [
        rtcp.Report(0xABCD, 0.25, -1, 16),
        rtcp.KeyFrameWanted(0xABCD),
        rtcp.KeyFrameWanted(0xABCD),
        rtcp.PacketsWanted(0xABCD, (0xFFFF, 0, 1)),
    ]
    assert rtcp.read(report[:-1]) == []
    assert rtcp.read(b"\x00") == []


def test_a_flood_of_wishes_for_packets_is_cut() -> None:
    nack = b"\x81\xcd\x01\x2e" + bytes(8) + b"\x00\x00\xff\xff" * 300
    found = rtcp.read(nack * 3)
    wanted = [one for one in found if isinstance(one, rtcp.PacketsWanted)]
    assert sum(len(one.sequences) for one in wanted) == rtcp.MOST_LOST


def test_a_sender_report_is_whole_words() -> None:
    for name in (b"a", b"abc", b"abcd", b"0123456789abcdef"):
        data = rtcp.sender_report(7, name, rtcp.ntp(0.0), 1 << 33, 1, 2)
        assert len(data) % 4 == 0
        assert int.from_bytes(data[30:32], "big") * 4 + 32 == len(data)
        assert data[8:12] == (2_208_988_800).to_bytes(4, "big")
