"""Fragments of any frames: every byte is accounted for, and times come back as they went in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.output import fmp4
from media.output.fmp4 import Run, Sample
from tests.unit.media.boxes import fragments

samples = st.builds(
    lambda data, duration, offset, key: Sample((data,), len(data), duration, offset, key),
    st.binary(max_size=4000),
    st.integers(1, 2**31),
    st.integers(0, 2**31 - 1),
    st.booleans(),
)
runs = st.lists(
    st.builds(
        Run,
        track=st.integers(1, 3),
        begins=st.integers(0, 2**63),
        samples=st.lists(samples, min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=3,
)


@given(st.integers(0, 2**40), runs)
def test_any_frames_come_back(number: int, wanted: list[Run]) -> None:
    found = fragments(fmp4.fragment(number, wanted))
    assert {one.number for one in found} == {number & 0xFFFFFFFF}
    assert [(one.track, one.begins) for one in found] == [(r.track, r.begins) for r in wanted]
    for one, run in zip(found, wanted, strict=True):
        assert [s.data for s in one.samples] == [bytes(s.parts[0]) for s in run.samples]
        assert [(s.duration, s.offset) for s in one.samples] == [
            (s.duration, s.offset) for s in run.samples
        ]
        assert [s.flags == 0x02000000 for s in one.samples] == [s.key for s in run.samples]
