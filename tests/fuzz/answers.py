"""What devices answer to a call, to a talk and to a control of a playback: read or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import get_args

from gb28181.playback.control import possible_scale, read_answer
from gb28181.session.model import Transport
from gb28181.session.offer import AnswerUnusable
from gb28181.session.offer import read_answer as read_session_answer
from gb28181.talk.offer import OfferRefused, read_wanted
from gb28181.talk.offer import read_answer as read_talk_answer

from .vectors import descriptions


def seeds() -> list[bytes]:
    sound = (
        b"v=0\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Talk\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 5000 TCP/RTP/AVP 8\r\na=setup:active\r\na=rtpmap:8 PCMA/8000\r\ny=0100000001\r\n"
    )
    rtsp = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nScale: -2.5\r\n\r\n"
    picture = sound.replace(b"audio 5000 TCP/RTP/AVP 8", b"video 5000 RTP/AVP 96")
    endless = [b"y=" + b"1" * 5000, b"a=filesize:" + b"1" * 5000]
    return [
        *descriptions(), sound, picture + b"a=filesize:123\r\n", rtsp,
        *(picture.replace(b"y=0100000001", number) for number in endless),
    ]  # fmt: skip


def check(data: bytes) -> None:
    for transport in get_args(Transport):
        try:
            answer = read_session_answer(data, transport)
        except AnswerUnusable:
            pass
        else:
            assert 0 < answer.port <= 65_535
            assert answer.ssrc is None or 0 <= answer.ssrc < 2**32
        try:
            read_talk_answer(data, transport)
        except OfferRefused as refused:
            assert refused.why
    with suppress(OfferRefused):
        read_wanted(data)
    verdict = read_answer(200, data)
    assert 0 <= verdict.status < 1000
    if verdict.scale is not None:
        possible_scale(verdict.scale)
