"""Whose packets are taken: allowed networks, evidence, the lock and its five seconds."""

from __future__ import annotations

import pytest

from media.errors import LocalError
from media.receive.source_lock import EVIDENCE_PACKETS, MAX_CANDIDATES, Networks, SourceLock
from media.rtp.packet import HEADER

CAMERA = ("192.0.2.10", 15060)
OTHER = ("192.0.2.11", 15060)
PACK = b"\x00\x00\x01\xba" + bytes(10)


def rtp(sequence: int = 0, ssrc: int = 1, payload: bytes = b"x" * 20, second: int = 96) -> bytes:
    return HEADER.pack(0x80, second, sequence & 0xFFFF, 0, ssrc) + payload


def lock(ssrc: int | None = None, *networks: str) -> SourceLock:
    return SourceLock(Networks(networks), ssrc)


def test_a_pack_header_locks_at_once() -> None:
    one = lock()
    packet = rtp(payload=PACK)
    assert one.offer(CAMERA, packet, 1.0) == [packet]
    assert one.source == CAMERA
    assert one.last_at == 1.0


def test_the_ssrc_that_was_asked_for_locks_at_once() -> None:
    one = lock(ssrc=7)
    packet = rtp(ssrc=7)
    assert one.offer(CAMERA, packet, 0.0) == [packet]


def test_another_ssrc_is_no_obstacle() -> None:
    one = lock(ssrc=7)
    assert one.offer(CAMERA, rtp(ssrc=8, payload=PACK), 0.0)
    assert one.source == CAMERA


@pytest.mark.parametrize("first", [0, 0xFFFC])
def test_a_run_of_packets_locks_and_none_of_them_is_lost(first: int) -> None:
    one = lock()
    packets = [rtp(first + i) for i in range(EVIDENCE_PACKETS)]
    taken = [one.offer(CAMERA, p, 0.0) for p in packets]
    assert taken[:-1] == [[]] * (EVIDENCE_PACKETS - 1)
    assert taken[-1] == packets


def test_a_run_with_a_gap_or_another_ssrc_begins_anew() -> None:
    one = lock()
    for i in range(EVIDENCE_PACKETS - 1):
        assert not one.offer(CAMERA, rtp(i), 0.0)
    assert not one.offer(CAMERA, rtp(100), 0.0)
    for i in range(101, 101 + EVIDENCE_PACKETS - 2):
        assert not one.offer(CAMERA, rtp(i), 0.0)
    assert not one.offer(CAMERA, rtp(101 + EVIDENCE_PACKETS - 2, ssrc=2), 0.0)
    assert one.source is None


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x00" * 40, b"REGISTER sip:x SIP/2.0", rtp()[:11], rtp(second=200, payload=PACK)],
)
def test_what_is_no_rtp_is_counted_and_never_locks(packet: bytes) -> None:
    one = lock(ssrc=1)
    for _ in range(2 * EVIDENCE_PACKETS):
        assert one.offer(CAMERA, packet, 0.0) == []
    assert one.invalid == 2 * EVIDENCE_PACKETS
    assert one.source is None


def test_a_source_outside_the_networks_never_gets_in() -> None:
    one = lock(1, "192.0.2.10/32", "2001:db8::/64")
    assert not one.offer(OTHER, rtp(payload=PACK), 0.0)
    assert one.foreign == 1
    assert one.offer(CAMERA, rtp(payload=PACK), 0.0)


def test_the_first_is_locked_the_second_counted() -> None:
    one = lock()
    one.offer(CAMERA, rtp(payload=PACK), 0.0)
    assert not one.offer(OTHER, rtp(payload=PACK), 4.9)
    assert (one.source, one.foreign) == (CAMERA, 1)


def test_the_lock_opens_after_five_seconds_of_silence() -> None:
    one = lock()
    one.offer(CAMERA, rtp(payload=PACK), 0.0)
    one.last_at = 3.0  # the shell saw the camera
    assert not one.offer(OTHER, rtp(payload=PACK), 7.9)
    packet = rtp(payload=PACK)
    assert one.offer(OTHER, packet, 8.0) == [packet]
    assert one.source == OTHER


def test_silence_alone_does_not_let_rubbish_in() -> None:
    one = lock()
    one.offer(CAMERA, rtp(payload=PACK), 0.0)
    assert not one.offer(OTHER, b"rubbish", 9.0)
    assert one.source == CAMERA


def test_many_candidates_are_bounded_and_do_not_keep_the_camera_out() -> None:
    one = lock()
    for i in range(100):
        one.offer(("192.0.2.99", i), rtp(), 0.0)
    assert len(one._candidates) == MAX_CANDIDATES
    assert one.offer(CAMERA, rtp(payload=PACK), 0.0)


def test_other_networks_release_a_lock_outside_them() -> None:
    one = lock()
    one.offer(CAMERA, rtp(payload=PACK), 0.0)
    one.allow_only(Networks(("192.0.2.10",)))
    assert one.source == CAMERA
    one.allow_only(Networks(("192.0.2.11",)))
    assert one.source is None


def test_networks() -> None:
    networks = Networks(("192.0.2.1/24", "2001:db8::1"))
    assert networks.allow("192.0.2.200"), "host bits are fine"
    assert networks.allow("::ffff:192.0.2.3"), "mapped addresses are the IPv4 ones"
    assert networks.allow("2001:db8::1%eth0")
    assert not networks.allow("2001:db8::2")
    assert Networks(()).allow("203.0.113.9")
    with pytest.raises(LocalError):
        Networks(("camera.example",))
    with pytest.raises(ValueError, match="camera"):
        Networks(()).allow("camera.example")
