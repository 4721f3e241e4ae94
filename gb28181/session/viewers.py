"""Who looks and what it came to: every viewer with its user, and sums for each user.

The media node knows the viewers; here is what lasts longer than they do, and hanging up on them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from media.node import MediaNode, NodeEvent, ViewerCame, ViewerInfo, ViewerLeft

MOST_USERS = 10_000
"""Users with sums of their own; those that come later share one without a name."""
OTHERS = ""


@dataclass(frozen=True, slots=True)
class UserSums:
    """What one user looked at since the start."""

    user: str
    viewers: int
    """Now."""
    opened: int
    bytes_out: int
    """Those of viewers that look now included."""


class ViewerBook:
    """The viewers of one signalling node; what the platform does for itself is left out."""

    def __init__(self, node: MediaNode) -> None:
        self.opened: Counter[str] = Counter()
        """By protocol, since the start."""
        self.bytes_gone: Counter[str] = Counter()
        """By protocol, of viewers that are over."""
        self._node = node
        self._opened_by: Counter[str] = Counter()
        self._bytes_by: Counter[str] = Counter()
        node.listen(self._heard)

    def viewers(self, stream_id: str | None = None, user: str | None = None) -> list[ViewerInfo]:
        """Who looks now, in the order they came."""
        return [
            one
            for one in self._node.viewers(stream_id)
            if one.who.protocol and (user is None or one.who.user == user)
        ]

    def users(self) -> list[UserSums]:
        """The sums of all users, most bytes first."""
        looking: Counter[str] = Counter()
        size = Counter(self._bytes_by)
        for one in self.viewers():
            user = self._named(one.who.user)
            looking[user] += 1
            size[user] += one.bytes_out
        found = [
            UserSums(user, looking[user], opened, size[user])
            for user, opened in self._opened_by.items()
        ]
        return sorted(found, key=lambda one: (-one.bytes_out, one.user))

    def by_protocol(self) -> dict[str, int]:
        """How many look now."""
        return dict(Counter(one.who.protocol for one in self.viewers()))

    def bytes_by_protocol(self) -> dict[str, int]:
        """Bytes of all viewers since the start."""
        size = Counter(self.bytes_gone)
        for one in self.viewers():
            size[one.who.protocol] += one.bytes_out
        return dict(size)

    async def end(self, viewer_id: str, reason: str = "ended") -> bool:
        """Hang up on one viewer; False when there is none of this id."""
        return await self._node.end_viewer(viewer_id, reason)

    async def end_all(self, *, user: str = "", ticket_id: str = "", reason: str) -> int:
        """Hang up on all of a user, or of a ticket; how many there were."""
        found = [
            one.viewer_id
            for one in self._node.viewers()
            if (user and one.who.user == user) or (ticket_id and one.who.ticket_id == ticket_id)
        ]
        return sum([await self._node.end_viewer(viewer_id, reason) for viewer_id in found])

    def _heard(self, event: NodeEvent) -> None:
        if isinstance(event, ViewerCame) and event.viewer.who.protocol:
            who = event.viewer.who
            self.opened[who.protocol] += 1
            self._opened_by[self._named(who.user)] += 1
        elif isinstance(event, ViewerLeft) and event.viewer.who.protocol:
            who, size = event.viewer.who, event.viewer.bytes_out
            self.bytes_gone[who.protocol] += size
            self._bytes_by[self._named(who.user)] += size

    def _named(self, user: str) -> str:
        if user in self._opened_by or len(self._opened_by) < MOST_USERS:
            return user
        return OTHERS
