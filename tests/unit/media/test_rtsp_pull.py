"""The parts of an RTSP client that do no input or output."""

from __future__ import annotations

import hashlib
import re

import pytest

from media.guard import forbidden
from media.pulling import PullSpec
from media.receive.clock import Clock
from media.receive.sound_in import SoundIn
from media.receive.stats import PipelineStats
from media.receive.track import AudioTrack, Formats, Out
from media.rtp.packet import HEADER
from media.rtsp import pull as pulls
from media.rtsp.credentials import Credentials
from media.rtsp.message import Frame
from media.rtsp.reply import MAX_BODY, MAX_HEAD, Broken, Reply, ReplyReader
from media.rtsp.tracks import read_tracks, track_address
from media.unit import AudioFormat, Codec

from .sending import units_of

SDP = b"""v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Media\r\na=control:rtsp://192.0.2.1/101/\r
m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IAKpWoHgCJ+VA=,aM48gA==\r
m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=control:trackID=2\r
a=fmtp:97 streamtype=5;mode=AAC-hbr;config=1408;SizeLength=13;IndexLength=3;IndexDeltaLength=3\r
m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=3\r
"""


def reply(status: int, cseq: int, *more: str, body: bytes = b"") -> bytes:
    lines = [f"RTSP/1.0 {status} OK", f"CSeq: {cseq}", *more]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def machine(transport: str = "tcp", user: str = "") -> pulls.RtspPull:
    spec = PullSpec("rtsp://192.0.2.1/101", user, "secret", "udp" if transport == "udp" else "tcp")
    ports = iter((30000, 30002))
    return pulls.RtspPull(spec, Credentials(user, "secret", lambda: "abc"), lambda _: next(ports))


def told(effects: list[pulls.Effect]) -> list[str]:
    return [e.data.decode() for e in effects if isinstance(e, pulls.Send)]


def played(transport: str = "tcp") -> pulls.RtspPull:
    m = machine(transport)
    m.start(0.0)
    m.feed(reply(200, 1, "Public: DESCRIBE, GET_PARAMETER"), 0.0)
    m.feed(reply(200, 2, body=SDP), 0.0)
    for cseq in (3, 4):
        m.feed(reply(200, cseq, "Session: 77;timeout=30"), 0.0)
    assert pulls.Playing() in m.feed(reply(200, 5), 0.0)
    return m


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_from_options_to_play(transport: str) -> None:
    m = machine(transport)
    (options,) = told(m.start(0.0))
    assert options.startswith("OPTIONS rtsp://192.0.2.1/101 RTSP/1.0\r\nCSeq: 1\r\n")
    (describe,) = told(m.feed(reply(200, 1), 0.0))
    assert "Accept: application/sdp" in describe
    found = m.feed(reply(200, 2, body=SDP), 0.0)
    assert isinstance(found[0], pulls.Described)
    (setup,) = told(found)
    assert setup.startswith("SETUP rtsp://192.0.2.1/101/trackID=1 RTSP/1.0")
    ways = {"tcp": "interleaved=0-1", "udp": "client_port=30000-30001"}
    assert ways[transport] in setup
    (second,) = told(m.feed(reply(200, 3, "Session: 77;timeout=30"), 0.0))
    assert second.startswith("SETUP rtsp://192.0.2.1/101/trackID=2 RTSP/1.0")
    assert "Session: 77\r\n" in second
    (play,) = told(m.feed(reply(200, 4, "Session: 77"), 0.0))
    assert play.startswith("PLAY rtsp://192.0.2.1/101/ RTSP/1.0")
    assert m.feed(reply(200, 5), 0.0) == [pulls.Playing()]


def test_a_keepalive_in_the_form_the_camera_knows() -> None:
    m = played()
    assert m.tick(14.9) == []
    (text,) = told(m.tick(15.0))
    assert text.startswith("GET_PARAMETER ")
    assert m.tick(29.9) == []
    assert told(m.tick(30.0)), "though the answer to the last was lost"


def test_no_answer_in_time_is_told_once() -> None:
    m = machine()
    m.start(0.0)
    assert m.tick(4.9) == []
    assert [type(e) for e in m.tick(5.0)] == [pulls.Unanswered]
    assert m.tick(50.0) == []
    assert m.feed(reply(200, 1), 50.0) == []


def test_media_goes_to_its_track_also_where_the_camera_chose_the_channels() -> None:
    m = machine()
    m.start(0.0)
    m.feed(reply(200, 1), 0.0)
    m.feed(reply(200, 2, body=SDP), 0.0)
    m.feed(reply(200, 3, "Session: 7", "Transport: RTP/AVP/TCP;interleaved=4-5"), 0.0)
    m.feed(reply(200, 4, "Session: 7"), 0.0)
    m.feed(reply(200, 5), 0.0)
    frames = b"$\x04\x00\x02vv$\x02\x00\x01a$\x05\x00\x01r$\x00\x00\x01x"
    assert m.feed(frames, 0.0) == [pulls.Media([b"vv"], [b"a"])]


def test_stopping_says_teardown_only_inside_a_session() -> None:
    assert machine().stop() == []
    assert told(played().stop())[0].startswith("TEARDOWN ")


def test_credentials_are_used_for_every_request_with_rising_counts() -> None:
    m = machine(user="admin")
    m.start(0.0)
    m.feed(reply(200, 1), 0.0)
    asked = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    (again,) = told(m.feed(reply(401, 2, asked), 0.0))
    assert "nc=00000001" in again
    (setup,) = told(m.feed(reply(200, 3, body=SDP), 0.0))
    assert "nc=00000002" in setup
    found = m.feed(reply(401, 4, asked), 0.0)
    assert told(found), "a nonce may have become stale: asked once more"
    assert m.feed(reply(401, 5, asked), 0.0) == [pulls.Refused(401, "OK")]


@pytest.mark.parametrize(
    ("challenge", "name"),
    [("", "md5"), (", algorithm=MD5", "md5"), (", algorithm=SHA-256", "sha256")],
)
def test_digest_without_qop_is_that_of_rfc_2069(challenge: str, name: str) -> None:
    credentials = Credentials("admin", "secret", lambda: "abc")
    assert credentials.challenged([f'Digest realm="r", nonce="n"{challenge}'])
    answer = credentials.answer("DESCRIBE", "rtsp://x/")
    assert answer is not None

    def h(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    right = h(f"{h('admin:r:secret')}:n:{h('DESCRIBE:rtsp://x/')}")
    assert re.search(r'response="(\w+)"', answer)[1] == right  # type: ignore[index]
    assert "qop" not in answer


def test_the_strongest_challenge_is_answered() -> None:
    credentials = Credentials("u", "p", lambda: "abc")
    weak, strong = 'Digest realm="r", nonce="n"', 'Digest realm="r", nonce="m", algorithm=SHA-256'
    assert credentials.challenged(["Basic realm=x", weak, strong])
    assert 'nonce="m"' in (credentials.answer("PLAY", "x") or "")
    assert credentials.challenged(["Basic realm=x"])
    assert credentials.answer("PLAY", "x") == "Basic dTpw"
    assert not credentials.challenged(['Digest realm="r", nonce="n", algorithm=SHA-512-256'])
    assert not credentials.challenged(['Digest realm="r", nonce="n", qop="auth-int"', "Negotiate"])
    assert not credentials.challenged(["Digest " + "x" * 10_000])


def test_a_description() -> None:
    tracks, session = read_tracks(SDP)
    assert session == "rtsp://192.0.2.1/101/"
    assert [t.codec for t in tracks] == [Codec.H264, Codec.AAC, None]
    assert [u[0] & 31 for u in tracks[0].parameter_sets] == [7, 8]
    assert tracks[1].audio == AudioFormat(Codec.AAC, 16000, 1, b"\x14\x08")
    assert tracks[1].header_bits == (13, 3, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"m=video",
        b"m=video 0 RTP/AVP x\r\na=rtpmap:96 H264/90000",
        b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/x\r\na=fmtp:96 sprop-parameter-sets=!,=",
        b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/0/99999\r\na=fmtp:97 config=zz",
        b"\xff" * 5000,
        b"m=video 0 RTP/AVP 96\r\n" * 5000,
    ],
)
def test_descriptions_that_lie(body: bytes) -> None:
    tracks, _ = read_tracks(body)
    assert len(tracks) <= 8
    for track in tracks:
        assert track.clock >= 1
        assert track.audio is None
        assert track.parameter_sets == []


@pytest.mark.parametrize(
    ("session", "control", "found"),
    [
        ("", "trackID=1", "rtsp://h/a/trackID=1"),
        ("*", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/b/", "trackID=1", "rtsp://h/b/trackID=1"),
        ("", "rtsp://h/c/1", "rtsp://h/c/1"),
        ("", "*", "rtsp://h/a"),
    ],
)
def test_control_addresses(session: str, control: str, found: str) -> None:
    assert track_address("rtsp://h/a", session, control) == found


def test_replies_and_frames_in_one_stream_whole_and_bytewise() -> None:
    data = (
        b"\r\n" + reply(200, 1, "Public: PLAY", body=b"v=0") + b"$\x00\x00\x03abc"
        b"ANNOUNCE rtsp://x RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 2\r\n\r\nxx"
        + reply(404, 2)
        + b"$\x01\x00\x00"
    )
    whole = ReplyReader().feed(data)
    reader = ReplyReader()
    apart = [item for at in range(len(data)) for item in reader.feed(data[at : at + 1])]
    assert whole == apart
    assert [i.status for i in whole if isinstance(i, Reply)] == [200, 404]
    assert [i.data for i in whole if isinstance(i, Frame)] == [b"abc", b""]


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"RTSP/1.0 abc\r\n\r\n",
        b"A" * (MAX_HEAD + 10),
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * 100 + b"\r\n",
    ],
)
def test_what_is_no_rtsp_ends_the_reading(data: bytes) -> None:
    reader = ReplyReader()
    found = reader.feed(data)
    assert isinstance(found[-1], Broken)
    assert reader.feed(reply(200, 1)) == []


class Sound:
    """A track of sound and what comes out of it."""

    def __init__(self, codec: Codec = Codec.AAC, clock: int = 16_000) -> None:
        audio = AudioTrack(Clock(), Formats(), PipelineStats())
        told = AudioFormat(Codec.AAC, clock, 1, b"\x14\x08")
        self.track = SoundIn(audio, codec, clock, told)
        self.out: Out = []

    def push(self, sequence: int, timestamp: int, payload: bytes) -> None:
        packet = HEADER.pack(0x80, 97, sequence, timestamp, 5) + payload
        self.track.push(packet, sequence / 10, self.out)

    @property
    def frames(self) -> list[bytes]:
        return [unit.data for unit in units_of(self.out)]


def au(*frames: bytes) -> bytes:
    heads = b"".join((len(f) << 3).to_bytes(2, "big") for f in frames)
    return (len(heads) * 8).to_bytes(2, "big") + heads + b"".join(frames)


def test_aac_several_frames_of_a_packet_have_their_own_times() -> None:
    sound = Sound()
    sound.push(1, 0, au(b"one", b"two2"))
    sound.push(2, 2048, au(b"three"))
    assert sound.frames == [b"one", b"two2", b"three"]
    times = [unit.dts for unit in units_of(sound.out)]
    assert times == [0, 5760, 11520]


def test_a_frame_over_several_packets() -> None:
    sound = Sound()
    head = b"\x00\x10" + (6 << 3).to_bytes(2, "big")
    sound.push(1, 0, head + b"abc")
    sound.push(2, 0, head + b"def")
    assert sound.frames == [b"abcdef"]
    sound.push(3, 1024, head + b"abc")
    sound.push(5, 2048, head + b"def")
    sound.track.flush(10.0, sound.out)
    assert sound.frames == [b"abcdef"], "the half of a lost one is none"


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00", b"\xff\xff", b"\xff\xff\x00", b"\x00\x10", b"\x00\x10\xff\xf8", b"x" * 99],
)
def test_sound_that_lies_is_left_out(payload: bytes) -> None:
    sound = Sound()
    sound.push(1, 0, payload)
    sound.push(2, 1024, au(b"good"))
    assert sound.frames[-1] == b"good"


@pytest.mark.parametrize(
    ("host", "allow", "ok"),
    [
        ("192.168.1.64", (), True),
        ("10.0.0.1", (), True),
        ("fd00::1", (), True),
        ("127.0.0.1", (), False),
        ("::1", (), False),
        ("::ffff:127.0.0.1", (), False),
        ("::ffff:169.254.169.254", (), False),
        ("169.254.169.254", (), False),
        ("fe80::1%eth0", (), False),
        ("0.0.0.0", (), False),
        ("239.1.1.1", (), False),
        ("255.255.255.255", (), False),
        ("127.0.0.1", ("127.0.0.0/8",), True),
        ("169.254.1.1", ("169.254.1.0/24",), True),
    ],
)
def test_whom_a_node_connects_to(host: str, allow: tuple[str, ...], ok: bool) -> None:
    assert (forbidden(host, allow) is None) == ok
