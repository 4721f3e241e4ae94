"""Which media node takes a new stream: a healthy one, of its city where there is one, least loaded.

Load is counted in streams; a viewer costs about half of what a stream costs to receive. It is
divided by the node's weight, so a node of weight 2 carries twice as much as one of weight 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

VIEWER_LOAD: Final = 0.5
"""What one viewer adds, in streams."""

NodeState = Literal["up", "down", "draining"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What was settled for a node."""

    weight: float = 1.0
    """How much it carries compared with others; above 0."""
    places: tuple[str, ...] = ()
    """Administrative codes (2 to 8 digits) whose streams it takes first; none: of everywhere."""

    def fits(self, place: str) -> bool:
        """Whether a stream from this place belongs here."""
        return bool(place) and any(place.startswith(one) for one in self.places)


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A node as it stands."""

    name: str
    state: NodeState
    """`draining`: up, but nothing new comes to it."""
    traits: Traits
    streams: int
    voices: int
    viewers: int

    @property
    def load(self) -> float:
        """Streams it would carry at weight 1."""
        carried = self.streams + self.voices + VIEWER_LOAD * self.viewers
        return carried / self.traits.weight


def choose(standings: Iterable[NodeStanding], place: str = "") -> str | None:
    """The name of the node for a new stream of this place; None when none takes any.

    Nodes for this place come first, then those of everywhere, then those for other places. A node
    that is down is taken only when no other is up: it may be back in a moment.
    """
    open_ones = [one for one in standings if one.state != "draining"]
    healthy = [one for one in open_ones if one.state == "up"] or open_ones
    if not healthy:
        return None
    return min(healthy, key=lambda one: (_distance(one.traits, place), _next_load(one))).name


def _distance(traits: Traits, place: str) -> int:
    if traits.fits(place):
        return 0
    return 2 if traits.places else 1


def _next_load(one: NodeStanding) -> float:
    """As it would stand with one more: so the larger of two empty nodes comes first."""
    return one.load + 1 / one.traits.weight
