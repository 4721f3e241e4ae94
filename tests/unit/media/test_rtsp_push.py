"""The machine that publishes by RTSP: no input or output, and a clock that moves when told to."""

from __future__ import annotations

import pytest

from media.output.gop import GopCache
from media.output.rtp_output import RtpOutput
from media.rtp.pack import bundle, prefaces, unbundle
from media.rtp.sdp import announce, codecs
from media.rtsp import push as pushes
from media.rtsp.asking import ANSWER_S, Refused, Send, Unanswered, channel_of
from media.rtsp.credentials import Credentials
from media.rtsp.tracks import read_tracks
from media.unit import AudioFormat, Codec, FormatChanged

from .samples import pictures
from .test_rtsp_pull import reply

URL = "rtsp://192.0.2.1:8554/in/cam1?token=x"
G711 = AudioFormat(Codec.G711A, 8000, 1, b"")
AAC = AudioFormat(Codec.AAC, 16000, 1, b"\x14\x08")


def machine(user: str = "", sound: AudioFormat | None = G711) -> pushes.RtspPush:
    tracks = codecs(pictures()[0], sound)
    return pushes.RtspPush(URL, tracks, "192.0.2.7", Credentials(user, "s", lambda: "abc"))


def told(effects: list[pushes.Effect]) -> list[str]:
    return [e.data.decode() for e in effects if isinstance(e, Send)]


def recording(*more: str) -> pushes.RtspPush:
    m = machine()
    m.start(0.0)
    m.feed(reply(200, 1, "Public: ANNOUNCE, GET_PARAMETER"), 0.0)
    m.feed(reply(200, 2), 0.0)
    for cseq in (3, 4):
        m.feed(reply(200, cseq, "Session: 77;timeout=30", *more), 0.0)
    assert isinstance(m.feed(reply(200, 5), 0.0)[0], pushes.Recording)
    return m


def test_from_options_to_record() -> None:
    m = machine()
    (options,) = told(m.start(0.0))
    assert options.startswith(f"OPTIONS {URL} RTSP/1.0\r\nCSeq: 1\r\n")
    (announced,) = told(m.feed(reply(200, 1), 0.0))
    head, _, body = announced.partition("\r\n\r\n")
    assert head.startswith(f"ANNOUNCE {URL} RTSP/1.0")
    assert "Content-Type: application/sdp" in head
    assert f"Content-Length: {len(body)}" in head
    tracks, control = read_tracks(body.encode())
    assert [(t.kind, t.codec, t.control) for t in tracks] == [
        ("video", Codec.H264, "streamid=0"),
        ("audio", Codec.G711A, "streamid=1"),
    ]
    assert [unit[0] & 31 for unit in tracks[0].parameter_sets] == [7, 8]
    assert control == "*"
    assert "192.0.2.7" in body
    (setup,) = told(m.feed(reply(200, 2), 0.0))
    assert setup.startswith(f"SETUP {URL}/streamid=0 RTSP/1.0")
    assert "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n" in setup
    (second,) = told(m.feed(reply(200, 3, "Session: 77"), 0.0))
    assert "interleaved=2-3" in second
    assert "Session: 77\r\n" in second
    (record,) = told(m.feed(reply(200, 4, "Session: 77"), 0.0))
    assert record.startswith(f"RECORD {URL} RTSP/1.0")
    assert m.feed(reply(200, 5), 0.0) == [pushes.Recording((0, 2))]


@pytest.mark.parametrize(
    ("transport", "found"),
    [("interleaved=8-9", 8), ("interleaved=255-256", 0), ("interleaved=x", 0), ("", 0)],
)
def test_channels_the_server_chose(transport: str, found: int) -> None:
    m = machine(sound=None)
    m.start(0.0)
    m.feed(reply(200, 1), 0.0)
    m.feed(reply(200, 2), 0.0)
    m.feed(reply(200, 3, "Session: 7", f"Transport: RTP/AVP/TCP;unicast;{transport}"), 0.0)
    assert m.feed(reply(200, 4), 0.0) == [pushes.Recording((found,))]


def test_sound_alone_and_every_sound_that_is_carried() -> None:
    for sound in (G711, AAC, AudioFormat(Codec.G711U, 8000, 1, b"")):
        body = announce(codecs(None, sound), "::1", pushes.control_of)
        (track,) = read_tracks(body)[0]
        assert (track.kind, track.codec) == ("audio", sound.codec)
        assert b"IN IP6 ::1" in body
    assert codecs(None, AudioFormat(Codec.G723, 8000, 1, b"")) == []


def test_a_keepalive_in_the_form_the_server_knows() -> None:
    m = recording()
    assert m.tick(14.9) == []
    (text,) = told(m.tick(15.0))
    assert text.startswith("GET_PARAMETER ")
    assert told(m.tick(30.0)), "though the answer to the last was lost"
    assert m.feed(reply(500, 7), 30.0) == []
    assert m.feed(reply(454, 7), 30.0) == [Refused(454, "OK")], "it knows the session no more"
    assert m.tick(99.0) == []


@pytest.mark.parametrize("answered", [0, 1, 2, 3, 4])
def test_no_answer_in_time_is_told_once(answered: int) -> None:
    m = machine()
    m.start(0.0)
    for cseq in range(1, answered + 1):
        m.feed(reply(200, cseq, "Session: 1"), 1.0)
    assert m.tick(ANSWER_S - 0.1) == []
    assert [type(e) for e in m.tick(1.0 + ANSWER_S)] == [Unanswered]
    assert m.tick(50.0) == []
    assert m.feed(reply(200, answered + 1), 50.0) == []


@pytest.mark.parametrize("status", [301, 302, 403, 404, 406, 461, 500])
def test_a_refusal_and_a_redirect_is_one(status: int) -> None:
    m = machine()
    m.start(0.0)
    m.feed(reply(200, 1), 0.0)
    found = m.feed(reply(status, 2, "Location: rtsp://192.0.2.99/"), 0.0)
    assert found == [Refused(status, "OK")]


def test_an_unknown_options_means_nothing() -> None:
    m = machine()
    m.start(0.0)
    assert told(m.feed(reply(501, 1), 0.0))[0].startswith("ANNOUNCE ")


def test_a_401_is_answered_once_with_the_same_body() -> None:
    m = machine(user="u")
    m.start(0.0)
    (first,) = told(m.feed(reply(200, 1), 0.0))
    asked = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    (again,) = told(m.feed(reply(401, 2, asked), 0.0))
    assert again.partition("\r\n\r\n")[2] == first.partition("\r\n\r\n")[2]
    assert 'Authorization: Digest username="u"' in again
    assert m.feed(reply(401, 3, asked), 0.0) == [Refused(401, "OK")]
    stranger = machine()
    stranger.start(0.0)
    stranger.feed(reply(200, 1), 0.0)
    assert stranger.feed(reply(401, 2, asked), 0.0) == [Refused(401, "OK")], "nobody to answer as"


def test_stopping_says_teardown_only_inside_a_session() -> None:
    assert machine().stop() == []
    m = recording()
    assert told(m.stop())[0].startswith("TEARDOWN ")
    assert m.stop() == []


def test_reports_of_the_server_are_passed_over() -> None:
    m = recording()
    assert m.feed(b"$\x01\x00\x02ab" + reply(200, 99), 1.0) == []


def test_rubbish_ends_it() -> None:
    m = recording()
    assert [type(e) for e in m.feed(b"SSH-2.0\r\n\r\n", 1.0)] == [Unanswered]


def test_where_the_tracks_change_a_chunk_says_so() -> None:
    video, units = pictures()
    output = RtpOutput(GopCache(1 << 20, 10.0))
    output.set_format(video, None, None)
    first, later = output.head(None), bundle(units[0])
    output.set_format(video, G711, None)
    change = output.change(G711)
    chunk = first + later + change + later
    assert list(prefaces(chunk)) == [FormatChanged(video, None), FormatChanged(video, G711)]
    assert len(list(unbundle(chunk))) == 2, "players pass it over"
    assert list(prefaces(later)) == []


@pytest.mark.parametrize(
    ("header", "channel"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", 4),
        ("RTP/AVP/TCP; Interleaved=0", 0),
        ("RTP/AVP/TCP;interleaved=1234-5", None),
        ("RTP/AVP/TCP;interleaved=²-3", None),
        ("RTP/AVP;client_port=1-2", None),
        ("", None),
    ],
)
def test_channel_of(header: str, channel: int | None) -> None:
    assert channel_of(header) == channel
