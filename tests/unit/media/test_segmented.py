"""Bursts of datagrams in one call: what arrives is what was given, whatever the system can do."""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.segmented import MOST_BYTES, MOST_SEGMENTS, Segmented, runs

PICTURE = [b"s" * 40, *(bytes([n]) * 1212 for n in range(20)), b"e" * 300, b"n" * 80]


@given(st.lists(st.integers(1, 1500), max_size=200))
def test_runs_are_what_one_call_takes(sizes: list[int]) -> None:
    packets = [bytes(size) for size in sizes]
    found = list(runs(packets))
    assert [packet for run in found for packet in run] == packets
    for run in found:
        assert len(run) <= MOST_SEGMENTS
        assert len(run) == 1 or sum(map(len, run)) <= MOST_BYTES
        assert all(len(packet) == len(run[0]) for packet in run[:-1])
        assert len(run[-1]) <= len(run[0])


def test_a_picture_is_few_calls() -> None:
    assert [len(run) for run in runs(PICTURE)] == [1, 21, 1]
    assert [len(run) for run in runs([bytes(1212)] * 130)] == [53, 53, 24]
    assert [len(run) for run in runs([bytes(100)] * 130)] == [64, 64, 2]


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("works", [True, False])
def test_every_datagram_arrives_as_it_was(connected: bool, works: bool) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        address = receiver.getsockname()
        if connected:
            sender.connect(address)
        segmented = Segmented(sender)
        assert segmented.works, "Linux since 4.18"
        segmented.works = works
        assert segmented.send(PICTURE, None if connected else address) == 0
        assert [receiver.recv(2048) for _ in PICTURE] == PICTURE
        assert segmented.works is works


class FakeSocket:
    """A system that does what the test says."""

    def __init__(self, *, known: bool = True, refuses: int = 0, full: bool = False) -> None:
        self.known, self.refuses, self.full = known, refuses, full
        self.sent: list[bytes] = []
        self.calls = 0

    def getsockopt(self, level: int, option: int) -> int:
        if not self.known:
            raise OSError(errno.ENOPROTOOPT, "no such option")
        return 0

    def sendmsg(self, run: list[bytes], *_more: Any) -> int:
        self.calls += 1
        if self.full:
            raise BlockingIOError
        if self.refuses:
            raise OSError(self.refuses, "no")
        self.sent += run
        return sum(map(len, run))

    def send(self, packet: bytes) -> int:
        if self.full:
            raise BlockingIOError
        if self.refuses == errno.ECONNREFUSED:
            raise ConnectionRefusedError
        self.sent.append(packet)
        return len(packet)


def segmented(sock: FakeSocket) -> Segmented:
    return Segmented(cast(socket.socket, sock))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_a_way_that_cannot_take_it_gets_them_one_by_one(number: int) -> None:
    sock = FakeSocket(refuses=number)
    found = segmented(sock)
    assert found.send(PICTURE) == 0
    assert sock.sent == PICTURE
    assert not found.works
    assert found.send(PICTURE) == 0
    assert sock.calls == 1, "it is not tried again"


def test_a_kernel_that_does_not_know_it_is_not_asked() -> None:
    sock = FakeSocket(known=False)
    assert segmented(sock).send(PICTURE) == 0
    assert (sock.sent, sock.calls) == (PICTURE, 0)


@pytest.mark.parametrize("known", [True, False])
def test_what_finds_no_room_is_counted(known: bool) -> None:
    assert segmented(FakeSocket(known=known, full=True)).send(PICTURE) == len(PICTURE)


def test_other_errors_are_the_callers() -> None:
    with pytest.raises(ConnectionRefusedError):
        segmented(FakeSocket(refuses=errno.ECONNREFUSED)).send(PICTURE)
