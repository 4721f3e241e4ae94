"""MANSRTSP as the standard's examples write it, and what devices answer."""

from __future__ import annotations

import pytest

from gb28181.playback.control import Writer, possible_scale, read_answer

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "annex B"),
]


def test_the_requests_of_one_dialog() -> None:
    writer = Writer()
    assert writer.pause() == b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"
    assert writer.resume() == b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"
    assert writer.scale(2.0) == b"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n"
    assert writer.seek(100) == b"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n\r\n"
    assert writer.teardown() == b"TEARDOWN RTSP/1.0\r\nCSeq: 5\r\n\r\n"


@pytest.mark.parametrize(
    ("scale", "text"), [(0.25, b"0.25"), (0.5, b"0.5"), (1, b"1.0"), (8, b"8.0"), (-1, b"-1.0")]
)
def test_speeds(scale: float, text: bytes) -> None:
    body = Writer().scale(scale)
    assert b"\r\nScale: " + text + b"\r\n" in body
    assert b"Range" not in body  # speed alone, or devices go somewhere else


def test_places() -> None:
    assert b"npt=12.5-" in Writer().seek(12.5)
    assert b"npt=0-" in Writer().seek(-3)
    assert b"Scale" not in Writer().seek(7)


def test_which_speeds_are_possible() -> None:
    assert [s for s in (0.2, 0.25, 1, 8, 8.1, -1, -8, -9, 0) if possible_scale(s)] == [
        0.25,
        1,
        8,
        -1,
        -8,
    ]


@pytest.mark.parametrize(
    ("status", "body", "taken", "scale"),
    [
        (200, b"", True, None),
        (200, b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nRTP-Info: seq=1;rtptime=2\r\n", True, None),
        (200, b"MANSRTSP/1.0 200 OK\r\nScale: -1.0\r\n", True, -1.0),
        (200, b"RTSP/1.0 454 Session Not Found\r\n", False, None),
        (400, b"", False, None),
        (405, b"RTSP/1.0 200 OK\r\n", False, None),
        (200, b"\xff\xfegarbage", True, None),
    ],
)
def test_answers(status: int, body: bytes, taken: bool, scale: float | None) -> None:
    verdict = read_answer(status, body)
    assert (verdict.taken, verdict.scale) == (taken, scale)
