"""The part of the seam about pictures brought to other servers; see `media.node`.

A *push* publishes a stream that is here at a server that speaks RTSP or RTMP. It runs where the
stream is, counts as a viewer of it, and is one attempt: whoever opened it hears of its end and may
open it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from media.errors import RemoteError


@dataclass(frozen=True, slots=True)
class PushSpec:
    """What is pushed, and where."""

    stream_id: str
    url: str = field(repr=False)
    """`rtsp://host[:port]/path` or `rtmp://host[:port]/app/key`, without user and password. The
    key of RTMP is a secret, and so may be a query."""
    user: str = ""
    password: str = field(default="", repr=False)
    allow: tuple[str, ...] = ()
    """Networks that may be connected to though they are this host's own or special ones."""


@dataclass(frozen=True, slots=True)
class PushInfo:
    """A push that runs."""

    push_id: str
    stream_id: str
    remote: tuple[str, int]


@dataclass(frozen=True, slots=True)
class PushStatistics:
    """One push as it stands now."""

    push_id: str
    bytes_out: int
    """Of pictures and sound, without the headers of the protocol."""
    dropped_frames: int
    """Left out because the target was too slow, up to a key frame."""


@dataclass(frozen=True, slots=True)
class PushEnded:
    """Nothing is pushed any more; the push still has to be closed."""

    stream_id: str
    push_id: str
    reason: str


class PushRefused(RemoteError):
    """The target answered, and does not take the stream."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PushNode(Protocol):
    """All pushes of a node: its attribute `pushing`."""

    async def open(self, spec: PushSpec) -> PushInfo:
        """Connect and publish; returns when the target takes pictures.

        Raises MediaConnectFailed, MediaTimeout, PushRefused, UnsupportedCodec, StreamUnknown,
        ViewersExhausted, LocalError (a protocol that is none).
        """
        ...

    async def reach(self, spec: PushSpec) -> None:
        """Only look whether the target takes a connection; no stream is needed.

        Raises MediaConnectFailed.
        """
        ...

    async def close(self, push_id: str) -> None:
        """Push no more.  Idempotent."""
        ...

    def infos(self) -> list[PushInfo]: ...
    def statistics(self, push_id: str) -> PushStatistics | None: ...
