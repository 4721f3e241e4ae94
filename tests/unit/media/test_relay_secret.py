"""The seal between hosts: only who knows the secret speaks, and nothing is changed on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.worker.secret import NONCE, Agreement, Seal, Stranger
from media.worker.wire import WireError

SECRET = b"s" * 32
NONCES = (b"a" * NONCE, b"b" * NONCE)


def seals() -> tuple[Seal, Seal]:
    return Agreement(SECRET, *NONCES).seal("caller"), Agreement(SECRET, *NONCES).seal("listener")


def test_proofs() -> None:
    one, other = Agreement(SECRET, *NONCES), Agreement(b"t" * 32, *NONCES)
    one.check("caller", one.proof("caller"))
    for wrong in (other.proof("caller"), one.proof("listener"), b"", bytes(32)):
        with pytest.raises(Stranger):
            one.check("caller", wrong)
    later = Agreement(SECRET, b"c" * NONCE, NONCES[1])
    with pytest.raises(Stranger):
        later.check("caller", one.proof("caller"))
    with pytest.raises(ValueError, match="32 bytes"):
        Agreement(b"short", *NONCES)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50))
def test_frames_arrive_whole_however_they_are_cut(frames: list[bytes], step: int) -> None:
    here, there = seals()
    stream = b"".join(here.close(frame) for frame in frames)
    found: list[bytes] = []
    for start in range(0, len(stream), step):
        found += there.open(stream[start : start + step])
    assert found == frames


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_noticed(frames: list[bytes], data: st.DataObject) -> None:
    here, there = seals()
    stream = bytearray(b"".join(here.close(frame) for frame in frames))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= 1 << data.draw(st.integers(0, 7))
    found: list[bytes] = []
    try:
        for opened in there.open(bytes(stream)):
            found.append(opened)
    except WireError:
        pass
    assert found == frames[: len(found)]
    assert len(found) < len(frames), "what follows a changed byte does not open"


def test_a_frame_that_is_left_out_repeated_or_sent_back_is_noticed() -> None:
    here, there = seals()
    first, second = here.close(b"first"), here.close(b"second")
    with pytest.raises(WireError):
        list(there.open(second))
    here, there = seals()
    first = here.close(b"first")
    assert list(there.open(first)) == [b"first"]
    with pytest.raises(WireError):
        list(there.open(first))
    here, there = seals()
    with pytest.raises(WireError):
        list(here.open(here.close(b"mine")))


@pytest.mark.parametrize("size", [0, 15, 1 << 31])
def test_no_frame_is_that_short_or_long(size: int) -> None:
    _, there = seals()
    with pytest.raises(WireError):
        list(there.open(size.to_bytes(4, "big")))
