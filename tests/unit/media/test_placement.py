"""Which node takes a new stream: health, drain, place, load by weight."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.placement import NodeStanding, NodeState, Traits, choose


def node(
    name: str,
    streams: int = 0,
    *,
    state: NodeState = "up",
    weight: float = 1.0,
    places: tuple[str, ...] = (),
    viewers: int = 0,
) -> NodeStanding:
    return NodeStanding(name, state, Traits(weight, places), streams, 0, viewers)


def test_the_least_load_by_weight() -> None:
    assert choose([node("a", 3), node("b", 2)]) == "b"
    assert choose([node("a", 3, weight=4), node("b", 2)]) == "a"
    assert choose([node("a"), node("b", weight=2)]) == "b"
    assert choose([node("a", 2), node("b", 1, viewers=4)]) == "a"
    assert choose([node("a"), node("b")]) == "a"


def test_no_node_that_is_down_or_drained() -> None:
    assert choose([node("a", state="down"), node("b", 100)]) == "b"
    assert choose([node("a", state="draining"), node("b", 100)]) == "b"
    assert choose([node("a", state="draining")]) is None
    assert choose([node("a", state="down"), node("b", state="draining")]) == "a", "it may be back"
    assert choose([]) is None


@pytest.mark.parametrize(
    ("place", "chosen"),
    [("640104", "yinchuan"), ("6401", "yinchuan"), ("640202", "anywhere"), ("", "anywhere")],
)
def test_a_place_has_its_nodes(place: str, chosen: str) -> None:
    nodes = [node("yinchuan", 50, places=("6401",)), node("anywhere", 10)]
    assert choose(nodes, place) == chosen


def test_other_places_are_taken_when_there_is_nobody_else() -> None:
    nodes = [node("yinchuan", places=("6401",)), node("anywhere", state="down")]
    assert choose(nodes, "640202") == "yinchuan"
    assert choose([replace(nodes[0], state="down"), node("b", 9)], "640104") == "b"


weights = st.lists(st.integers(1, 8), min_size=1, max_size=5)


@given(weights, st.integers(0, 200))
def test_streams_are_shared_out_by_weight(weights: list[int], streams: int) -> None:
    held: Counter[str] = Counter()
    traits = {str(number): Traits(weight) for number, weight in enumerate(weights)}
    for _ in range(streams):
        standings = [NodeStanding(n, "up", t, held[n], 0, 0) for n, t in traits.items()]
        name = choose(standings)
        assert name is not None
        held[name] += 1
    for name, one in traits.items():
        fair = streams * one.weight / sum(weights)
        assert abs(held[name] - fair) <= len(weights), (name, held)


states = st.sampled_from(["up", "down", "draining"])
standings = st.lists(st.tuples(states, st.integers(0, 9), st.sampled_from(["", "6401"])))


@given(standings, st.sampled_from(["", "640104", "640202"]))
def test_never_one_that_is_drained_nor_one_that_is_down_beside_one_that_is_up(
    drawn: list[tuple[NodeState, int, str]], place: str
) -> None:
    nodes = [
        node(str(number), streams, state=state, places=(at,) if at else ())
        for number, (state, streams, at) in enumerate(drawn)
    ]
    name = choose(nodes, place)
    found = next((one for one in nodes if one.name == name), None)
    if all(one.state == "draining" for one in nodes):
        assert found is None
        return
    assert found is not None
    expected = "up" if any(one.state == "up" for one in nodes) else "down"
    assert found.state == expected
