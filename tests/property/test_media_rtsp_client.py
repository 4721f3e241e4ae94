"""An RTSP client answered with anything: no exception, bounded memory, cuts do not matter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.pulling import PullSpec
from media.receive.clock import Clock
from media.receive.sound_in import SoundIn
from media.receive.stats import PipelineStats
from media.receive.track import AudioTrack, Formats, Out
from media.rtp.packet import HEADER
from media.rtp.sdp import codecs
from media.rtsp.asking import Refused, Send, Unanswered
from media.rtsp.credentials import Credentials
from media.rtsp.pull import PullState, RtspPull
from media.rtsp.push import PushState, RtspPush
from media.rtsp.reply import MAX_BODY, MAX_HEAD, ReplyReader
from media.rtsp.tracks import read_tracks
from media.unit import AudioFormat, Codec, VideoFormat
from tests.unit.media.test_rtsp_pull import SDP, reply

pieces = st.sampled_from(
    [
        *(reply(200, n, "Session: 7;timeout=x", body=SDP) for n in range(1, 7)),
        *(reply(401, n, 'WWW-Authenticate: Digest realm="r", nonce="n"') for n in (2, 3)),
        *(b"$\x00\x00\x02ab", b"$\x09", b"RTSP/1.0 200 OK\r\n", b"Content-Length: 5\r\n", b"\r\n"),
        reply(200, 3, "Transport: RTP/AVP/TCP;interleaved=999-x"),
    ]
) | st.binary(max_size=60)


@given(st.lists(pieces, max_size=12), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_answers(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole = ReplyReader().feed(data)
    reader, apart, at, turn = ReplyReader(), [], 0, 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        apart += reader.feed(data[at : at + step])
        at, turn = at + step, turn + 1
        assert len(reader._buffer) <= MAX_HEAD + MAX_BODY + 65_540
    assert whole == apart
    spec = PullSpec("rtsp://192.0.2.1/", "u", "p")
    machine = RtspPull(spec, Credentials("u", "p", lambda: "c"), lambda _: 30000)
    machine.start(0.0)
    for number, part in enumerate(parts):
        machine.feed(part, float(number))
        machine.tick(float(number))
    assert machine.state in PullState
    machine.stop()


@given(st.lists(pieces, max_size=12))
def test_any_answers_to_a_push(parts: list[bytes]) -> None:
    video = VideoFormat(Codec.H264, 320, 240, 25.0, (b"\x67\x42\x00\x1e", b"\x68\xce\x38\x80"))
    credentials = Credentials("u", "p", lambda: "c")
    machine = RtspPush("rtsp://192.0.2.1/", codecs(video, None), "192.0.2.7", credentials)
    machine.start(0.0)
    overs = 0
    for number, part in enumerate(parts):
        found = machine.feed(part, float(number)) + machine.tick(float(number))
        overs += sum(isinstance(one, Refused | Unanswered) for one in found)
        assert overs == (machine.state is PushState.OVER)
    assert sum(isinstance(one, Send) for one in machine.stop()) <= (not overs)


@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from(SDP.splitlines()), max_size=20).map(b"\n".join)
)
def test_any_description(body: bytes) -> None:
    for track in read_tracks(body)[0]:
        assert track.parameter_sets is not None
        assert track.audio is None or track.audio.config
        assert all(bits < 100 for bits in track.header_bits)


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=200)), max_size=40),
    st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
)
def test_any_sound(packets: list[tuple[int, bytes]], bits: tuple[int, int, int]) -> None:
    audio = AudioTrack(Clock(), Formats(), PipelineStats())
    told = AudioFormat(Codec.AAC, 16_000, 1, b"\x14\x08")
    track = SoundIn(audio, Codec.AAC, 16_000, told, bits)
    out: Out = []
    for number, (sequence, payload) in enumerate(packets):
        track.push(HEADER.pack(0x80, 97, sequence, number * 1024, 5) + payload, number / 15, out)
        assert len(track._part) <= 8191 + 200
