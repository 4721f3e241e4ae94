"""What a media node is told to fetch by itself, and how it says that it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from media.errors import RemoteError


@dataclass(frozen=True, slots=True)
class PullSpec:
    """A picture of a camera that speaks RTSP."""

    url: str
    """`rtsp://host[:port]/path`, without user and password."""
    user: str = ""
    password: str = field(default="", repr=False)
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTP comes: interleaved in the connection, or to ports of ours."""
    allow: tuple[str, ...] = ()
    """Networks that may be connected to though they are this host's own or special ones."""


@dataclass(frozen=True, slots=True)
class PublishSpec:
    """A picture that a camera or encoder brings by itself, by RTMP."""

    source_id: str
    """Whom its key belongs to."""


Spec = PullSpec | PublishSpec
"""Where a receiver that is not called by SIP gets its picture."""


class NotPublishing(RemoteError):
    """Nobody brings this picture now."""

    def __init__(self, source_id: str) -> None:
        super().__init__("nobody publishes it")
        self.source_id = source_id


class PullRefused(RemoteError):
    """The camera answered, and not with a picture."""

    def __init__(self, status: int, phrase: str) -> None:
        super().__init__(f"{status} {phrase}".rstrip())
        self.status = status
        self.phrase = phrase


class PullNode(Protocol):
    """The part of a media node that fetches pictures by itself."""

    async def pull(self, receiver_id: str, spec: Spec) -> None:
        """Fetch the picture of an `rtsp` receiver; returns when the camera plays.

        That of an `rtmp` receiver is taken from whoever brings it to this process.

        Raises MediaConnectFailed, MediaTimeout, PullRefused, UnsupportedCodec, NotPublishing,
        ReceiverUnknown.
        """
        ...
