"""Faults by name: reading them, and who has them."""

from __future__ import annotations

import pytest

from gb28181.simulator.faults import MEANINGS, Fault, FaultSpec, faults_of, parse_fault

IDS = [f"640106000013200{number:05d}" for number in range(1000)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss=0.03", FaultSpec(Fault.LOSS, 0.03, 1.0)),
        ("loss", FaultSpec(Fault.LOSS, 0.03, 1.0)),
        ("busy@0.1", FaultSpec(Fault.BUSY, 0.0, 0.1)),
        ("late-answer=2.5@0.5", FaultSpec(Fault.LATE_ANSWER, 2.5, 0.5)),
        ("wrong-sumnum=-1", FaultSpec(Fault.WRONG_SUMNUM, -1, 1.0)),
        (" refuse=488 ", FaultSpec(Fault.REFUSE, 488, 1.0)),
    ],
)
def test_a_fault_is_read(text: str, expected: FaultSpec) -> None:
    assert parse_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("los=1", "known are"),
        ("busy=1", "takes no value"),
        ("loss=much", "no number"),
        ("loss=2", "between 0 and 1"),
        ("refuse=200", "between 300 and 699"),
        ("busy@2", "share"),
        ("busy@", "no number"),
    ],
)
def test_a_mistake_is_named(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_fault(text)


def test_every_fault_says_what_it_does() -> None:
    assert set(MEANINGS) == set(Fault)


def test_a_share_hits_about_that_many_and_always_the_same() -> None:
    specs = [parse_fault("busy@0.3")]
    hit = {one for one in IDS if faults_of(specs, 7, one)}
    assert 250 < len(hit) < 350
    assert hit == {one for one in IDS if faults_of(specs, 7, one)}
    assert hit != {one for one in IDS if faults_of(specs, 8, one)}


def test_who_has_one_fault_does_not_depend_on_the_others() -> None:
    alone = [one for one in IDS if Fault.BUSY in faults_of([parse_fault("busy@0.3")], 7, one)]
    both = [parse_fault("no-media@0.5"), parse_fault("busy@0.3")]
    assert alone == [one for one in IDS if Fault.BUSY in faults_of(both, 7, one)]


def test_the_last_value_counts() -> None:
    specs = [parse_fault("loss=0.1"), parse_fault("loss=0.2")]
    assert faults_of(specs, 1, IDS[0]) == {Fault.LOSS: 0.2}
