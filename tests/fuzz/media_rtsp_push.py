"""A server a stream is pushed to, answering anything: one end, the same however it is cut."""

from __future__ import annotations

from collections.abc import Callable

from media.rtp.sdp import codecs
from media.rtsp.asking import Refused, Send, Unanswered
from media.rtsp.credentials import Credentials
from media.rtsp.push import Effect, PushState, Recording, RtspPush
from media.rtsp.reply import MAX_BODY, MAX_HEAD
from media.unit import AudioFormat, Codec, VideoFormat

from .cutting import however_cut

VIDEO = VideoFormat(Codec.H264, 320, 240, 25.0, (b"\x67\x42\x00\x1e\xab", b"\x68\xce\x38\x80"))
AUDIO = AudioFormat(Codec.G711A, 8000, 1, b"")
MOST_HELD = MAX_HEAD + MAX_BODY + 65_540


def reply(status: int, cseq: int, *more: str) -> bytes:
    return "\r\n".join([f"RTSP/1.0 {status} X", f"CSeq: {cseq}", *more, "", ""]).encode()


def seeds() -> list[bytes]:
    public = reply(200, 1, "Public: ANNOUNCE, GET_PARAMETER")
    asked = reply(401, 2, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    session = "Session: 77;timeout=30"
    channels = "Transport: RTP/AVP/TCP;unicast;interleaved=8-9;mode=record"
    good = public + reply(200, 2) + reply(200, 3, session, channels) + reply(200, 4, session)
    return [
        good + reply(200, 5) + b"$\x01\x00\x02ab" + reply(454, 6),
        public + asked + reply(200, 3) + reply(461, 4),
        public + reply(302, 2, "Location: rtsp://192.0.2.9/"),
        reply(200, 1) + b"HTTP/1.1 200 OK\r\n\r\n",
        reply(200, 1, "Content-Length: 99999999"),
    ]


def check(data: bytes) -> None:
    effects = however_cut(_machine, data)
    overs = [e for e in effects if isinstance(e, Refused | Unanswered)]
    assert len(overs) <= 1
    assert not overs or effects[-1] is overs[0], "nothing is asked after the end"
    for effect in effects:
        if isinstance(effect, Send):
            assert len(effect.data) < MAX_HEAD + 4096
        if isinstance(effect, Recording):
            assert len(effect.channels) == 2
            assert all(0 <= channel < 255 for channel in effect.channels)


def _machine() -> Callable[[bytes], list[Effect]]:
    credentials = Credentials("u", "p", lambda: "c")
    machine = RtspPush("rtsp://192.0.2.1/in", codecs(VIDEO, AUDIO), "192.0.2.7", credentials)
    machine.start(0.0)

    def feed(piece: bytes) -> list[Effect]:
        effects = machine.feed(piece, 0.0)
        assert len(machine._reader._buffer) <= MOST_HELD + len(piece)
        assert machine.state in PushState
        return effects

    return feed
