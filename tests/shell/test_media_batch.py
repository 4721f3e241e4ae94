"""Many datagrams with one call, from real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from media.receive.batch import SLOTS, Batch, batch_of

FAMILIES = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}


@pytest.fixture(params=FAMILIES)
def place(request: pytest.FixtureRequest) -> tuple[int, str]:
    return FAMILIES[request.param]


@pytest.fixture
def batch(place: tuple[int, str]) -> Batch:
    found = batch_of(place[0])
    assert found is not None
    return found


@pytest.fixture
def sockets(place: tuple[int, str]) -> Iterator[list[socket.socket]]:
    """A receiver and two senders."""
    made = [socket.socket(place[0], socket.SOCK_DGRAM) for _ in range(3)]
    for sock in made:
        sock.bind((place[1], 0))
    made[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    yield made
    for sock in made:
        sock.close()


def test_what_was_sent_is_what_is_read(batch: Batch, sockets: list[socket.socket]) -> None:
    to, one, other = sockets
    sent = [bytes([n]) * size for n, size in enumerate((1, 0, 1400, 65_000, 7))]
    for round_ in range(2):  # the slots are used again
        for data in sent:
            one.sendto(data, to.getsockname())
        assert batch.read(to.fileno()) == len(sent)
        assert batch.packets(len(sent)) == sent
        assert {batch.address(at) for at in range(len(sent))} == {one.getsockname()[:2]}
        names = batch.name(0) * SLOTS
        assert batch.all_from(names, len(sent))
        other.sendto(b"x", to.getsockname())
        one.sendto(b"y", to.getsockname())
        assert batch.read(to.fileno()) == 2
        assert batch.packets(2) == [b"x", b"y"]
        assert not batch.all_from(names, 2), round_
        assert [batch.address(at) for at in range(2)] == [
            other.getsockname()[:2],
            one.getsockname()[:2],
        ]


def test_one_call_is_bounded_and_an_empty_socket_blocks_nobody(
    batch: Batch, sockets: list[socket.socket]
) -> None:
    to, one, _ = sockets
    for number in range(SLOTS + 3):
        one.sendto(b"%d" % number, to.getsockname())
    assert batch.read(to.fileno()) == SLOTS
    assert batch.packets(SLOTS) == [b"%d" % number for number in range(SLOTS)]
    assert batch.read(to.fileno()) == 3
    with pytest.raises(BlockingIOError):
        batch.read(to.fileno())


def test_a_closed_socket_is_an_error(batch: Batch) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        batch.read(-1)


def test_an_unknown_platform_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.receive.batch.sys.platform", "darwin")
    assert batch_of(socket.AF_INET) is None
