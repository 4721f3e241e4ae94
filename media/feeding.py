"""What a media node is given by the platform itself, unit by unit, in place of packets."""

from __future__ import annotations

from typing import Protocol

from media.unit import AccessUnit, FormatChanged

Fed = tuple[AccessUnit | FormatChanged, ...]
"""Units and formats, in their order."""


class FeedNode(Protocol):
    """The part of a media node that takes units as they are."""

    async def feed(self, receiver_id: str, outs: Fed) -> None:
        """Give a `fed` receiver what follows; returns when it has been taken.

        Times are those of the stream: they rise, and begin where the ones before ended. Such a
        receiver has no port, and its silence is no event. Nothing at all says that no more comes:
        what an output holds back (the segment of HLS that grows) is given out. Raises
        ReceiverUnknown.
        """
        ...
