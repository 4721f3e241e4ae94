"""Whatever the network does to a sequence, what comes out is ordered and accounted for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp.reorder import Mark, Reorder

patterns = st.lists(
    st.tuples(
        st.sampled_from(["keep", "keep", "keep", "drop", "dup"]),
        st.integers(min_value=0, max_value=6),
    ),
    min_size=2,
    max_size=200,
)


def shuffled(pattern: list[tuple[str, int]], base: int) -> list[int]:
    """Sequence numbers as they arrive: each is delayed by so many places, dropped or doubled."""
    arriving: list[tuple[int, int, int]] = []
    for index, (fate, delay) in enumerate(pattern):
        if index == 0 or fate != "drop":
            arriving.append((index + (delay if index else 0), index, base + index))
        if fate == "dup" and index:
            arriving.append((index + delay + 1, index, base + index))
    return [sequence for _, _, sequence in sorted(arriving)]


@given(patterns, st.sampled_from([0, 65500]))
def test_delay_loss_and_doubling(pattern: list[tuple[str, int]], base: int) -> None:
    order: Reorder[int] = Reorder(window=16)
    sent = shuffled(pattern, base)
    out: list[int | Mark] = []
    for sequence in sent:
        out += order.push(sequence & 0xFFFF, sequence, 0.0)
    out += order.drain()
    numbers = [item for item in out if not isinstance(item, Mark)]
    # Nothing twice, everything in order, everything that arrived is there (delay < window).
    assert numbers == sorted(set(sent))
    # A mark stands exactly where numbers are missing.
    previous: int | None = None
    marked = False
    for item in out:
        if isinstance(item, Mark):
            assert item is Mark.GAP
            marked = True
            continue
        if previous is not None:
            assert marked == (item != previous + 1)
        previous, marked = item, False
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert order.lost == missing
    assert order.duplicates == len(sent) - len(set(sent))


@given(st.lists(st.integers(min_value=0, max_value=0xFFFF), max_size=300))
def test_any_numbers_never_break_it(sequences: list[int]) -> None:
    order: Reorder[int] = Reorder(window=8)
    out: list[int | Mark] = []
    for index, sequence in enumerate(sequences):
        out += order.push(sequence, index, index * 0.01)
        assert 0 <= order.pending <= 8
    out += order.drain()
    delivered = [item for item in out if not isinstance(item, Mark)]
    assert len(set(delivered)) == len(delivered)
