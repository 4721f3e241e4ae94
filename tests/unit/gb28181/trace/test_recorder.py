"""What is kept: asked for and not, bounded, without secrets, without parsing what nobody wants."""

from __future__ import annotations

import pytest

from gb28181.trace import recorder as module
from gb28181.trace.frame import MOST_BYTES
from gb28181.trace.ladder import rungs
from gb28181.trace.recorder import Recorder, TooManyCaptures
from gb28181.trace.target import Target
from sip.flow import Flow
from sip.parser import parse_datagram
from tests.support.clock import FakeClock

CAMERA = "34020000001320000001"
NVR = "34020000001180000001"
OTHER = "34020000001320000009"
SERVER = "34020000002000000001"
HERE = ("10.0.0.1", 5060)


def flow(host: str = "192.0.2.1", port: int = 5060) -> Flow:
    return Flow("udp", (host, port), HERE)


def raw(
    method: str = "MESSAGE",
    *,
    frm: str = CAMERA,
    to: str = SERVER,
    call_id: str = "c1",
    body: bytes = b"",
    extra: str = "",
) -> bytes:
    return (
        f"{method} sip:{to}@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bK1\r\n"
        f"From: <sip:{frm}@3402000000>;tag=a\r\nTo: <sip:{to}@3402000000>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Bench:
    def __init__(self) -> None:
        self.now = FakeClock(1000.0)
        self.recorder = Recorder(self.now, lambda flow: HERE)

    def hear(self, data: bytes, on: Flow | None = None) -> None:
        self.recorder.incoming(parse_datagram(data), data, on or flow())

    def say(self, data: bytes, on: Flow | None = None) -> None:
        self.recorder.outgoing(data, on or flow())

    def heard(self, device_id: str = CAMERA) -> list[str]:
        capture = self.recorder.capture(device_id)
        assert capture is not None
        return [str(rung["summary"]) for rung in rungs(capture.ring.frames())]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_kept_that_nobody_asked_for(bench: Bench) -> None:
    bench.hear(raw())
    assert bench.recorder.capture(CAMERA) is None
    assert bench.recorder.call("c1") is None


def test_a_capture_holds_both_directions_of_its_device_only(bench: Bench) -> None:
    bench.recorder.start(Target(CAMERA), 60)
    bench.hear(raw())
    bench.say(raw(frm=SERVER, to=CAMERA, call_id="c2"))
    bench.hear(raw(frm=OTHER, call_id="c3"))
    bench.say(raw(frm=SERVER, to=OTHER, call_id="c4"))
    assert bench.heard() == ["MESSAGE", "MESSAGE"]


def test_a_capture_ends_by_itself(bench: Bench) -> None:
    capture = bench.recorder.start(Target(CAMERA), 60)
    bench.now.advance(59)
    bench.hear(raw())
    assert bench.recorder.running(capture)
    bench.now.advance(1)
    bench.hear(raw())
    assert not bench.recorder.running(capture)
    assert len(bench.heard()) == 1


def test_a_capture_can_be_stopped_and_begun_anew(bench: Bench) -> None:
    bench.recorder.start(Target(CAMERA), 60)
    bench.hear(raw())
    bench.recorder.stop(CAMERA)
    bench.hear(raw())
    assert len(bench.heard()) == 1
    bench.recorder.start(Target(CAMERA), 60)
    assert bench.heard() == []


def test_a_channel_of_the_device_counts_only_at_the_devices_address(bench: Bench) -> None:
    at = flow("192.0.2.1", 5060)
    bench.recorder.start(Target(NVR, lambda: {CAMERA}, lambda: at.remote), 60)
    bench.say(raw("INVITE", frm=SERVER, to=CAMERA, call_id="mine"), at)
    bench.say(raw("INVITE", frm=SERVER, to=CAMERA, call_id="other"), flow("192.0.2.2"))
    assert bench.heard(NVR) == ["INVITE"]
    # A call that was recognised once stays in, wherever its messages come from.
    bench.hear(raw("BYE", frm=OTHER, to=SERVER, call_id="mine"), flow("192.0.2.3"))
    assert bench.heard(NVR) == ["INVITE", "BYE"]


def test_an_address_adds_what_names_nobody(bench: Bench) -> None:
    bench.recorder.start(Target(CAMERA, address=("192.0.2.1", None)), 60)
    bench.hear(raw(frm=OTHER))
    bench.hear(raw(frm=OTHER), flow("192.0.2.77"))
    bench.recorder.incoming(None, b"GET / HTTP/1.0\r\n\r\n", flow("192.0.2.1", 99))
    assert bench.heard()[0] == "MESSAGE"
    assert bench.heard()[1].startswith("unreadable")
    assert len(bench.heard()) == 2


def test_an_unreadable_message_belongs_to_whom_it_names(bench: Bench) -> None:
    bench.recorder.start(Target(CAMERA), 60)
    bench.recorder.incoming(None, f"BROKEN {CAMERA}".encode(), flow())
    bench.recorder.incoming(None, f"BROKEN {OTHER}".encode(), flow())
    assert len(bench.heard()) == 1


def test_a_capture_is_bounded_in_number_and_in_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = bench.recorder.start(Target(CAMERA), 60)
    for _ in range(module.CAPTURE_FRAMES + 10):
        bench.hear(raw())
    assert len(capture.ring) == module.CAPTURE_FRAMES
    assert capture.ring.dropped == 10
    for _ in range(100):
        bench.hear(raw(body=b"x" * 60_000))
    assert sum(len(f.data) for f in capture.ring.frames()) <= module.CAPTURE_BYTES
    bench.recorder.outgoing(raw(frm=SERVER, to=CAMERA, body=b"x" * 1_000_000), flow())
    last = capture.ring.frames()[-1]
    assert (len(last.data), last.size > 1_000_000) == (MOST_BYTES, True)


def test_captures_are_bounded_and_those_that_are_over_make_room(bench: Bench) -> None:
    names = [f"3402000000111{n:07d}" for n in range(module.MOST_CAPTURES)]
    for name in names:
        bench.recorder.start(Target(name), 60)
    with pytest.raises(TooManyCaptures):
        bench.recorder.start(Target(CAMERA), 60)
    bench.recorder.stop(names[5])
    bench.recorder.start(Target(OTHER), 60)
    assert bench.recorder.capture(names[5]) is None
    assert bench.recorder.capture(names[0]) is not None


def test_secrets_never_get_in(bench: Bench) -> None:
    capture = bench.recorder.start(Target(CAMERA), 60)
    bench.hear(raw("REGISTER", extra='Authorization: Digest nonce="n0", response="deadbeef"\r\n'))
    bench.hear(raw(body=b"<Response><Password>hunter2</Password></Response>"))
    kept = b"".join(frame.data for frame in capture.ring.frames())
    assert b"deadbeef" not in kept
    assert b"hunter2" not in kept


def test_calls_are_always_kept_and_bounded(bench: Bench) -> None:
    for number in range(module.OWN_CALLS + 1):
        bench.say(raw("INVITE", frm=SERVER, to=CAMERA, call_id=f"own{number}"))
    ok = (
        raw(call_id="own7")
        .replace(b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0", b"SIP/2.0 200 OK")
        .replace(b"1 MESSAGE", b"1 INVITE")
    )
    bench.hear(ok)
    assert bench.recorder.call("own0") is None
    ring = bench.recorder.call("own7")
    assert ring is not None
    shown = rungs(ring.frames())
    assert [rung["summary"] for rung in shown] == ["INVITE", "200 OK (INVITE)"]
    assert [rung["direction"] for rung in shown] == ["out", "in"]


def test_a_flood_of_foreign_calls_does_not_push_out_ours(bench: Bench) -> None:
    bench.say(raw("INVITE", frm=SERVER, to=CAMERA, call_id="ours"))
    for number in range(module.OWN_CALLS + module.FOREIGN_CALLS + 1):
        bench.hear(raw("INVITE", call_id=f"theirs{number}"))
    assert bench.recorder.call("ours") is not None
    assert bench.recorder.call("theirs0") is None
    assert bench.recorder.call(f"theirs{module.OWN_CALLS + module.FOREIGN_CALLS}") is not None
    for _ in range(module.CALL_FRAMES * 2):
        bench.hear(raw("INFO", call_id="ours"))
    ring = bench.recorder.call("ours")
    assert ring is not None
    assert len(ring) == module.CALL_FRAMES


def test_a_rung_tells_what_a_message_is_about(bench: Bench) -> None:
    bench.recorder.start(Target(CAMERA), 60)
    body = "<Response><CmdType>Catalog</CmdType><Name>银川</Name></Response>".encode("gb18030")
    bench.hear(raw(body=body))
    bench.now.advance(1.5)
    bench.hear(raw("INVITE", extra="Subject: 340:0,341:0\r\n", call_id="c2"))
    capture = bench.recorder.capture(CAMERA)
    assert capture is not None
    first, second = rungs(capture.ring.frames())
    assert first["summary"] == "MESSAGE Catalog Response"
    assert "银川" in first["text"]
    assert first["remote"] == "192.0.2.1:5060"
    assert second["summary"] == "INVITE 340:0,341:0"
    assert second["offset_ms"] == 1500.0
