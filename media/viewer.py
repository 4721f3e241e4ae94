"""Viewers of a stream: what they may ask for, how they read, and who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

ViewerKind = Literal["flv", "fmp4", "rtp", "ps"]
"""The containers a viewer may ask for; `media.output.containers` has one for each."""

Sound = Literal["off", "auto", "aac", "raw"]
"""What a viewer wants to hear: nothing; AAC if the camera sends it; AAC, made if need be; what the
camera sends, if the container has it."""


class InitSegment(bytes):
    """A chunk of fMP4 that (again) says what is in it; it is handed out alone."""

    mime: str
    """The media type with its codecs, as `MediaSource.addSourceBuffer` wants it."""

    @classmethod
    def of(cls, segment: bytes, mime: str) -> InitSegment:
        made = cls(segment)
        made.mime = mime
        return made


class Viewer(Protocol):
    """One reader of a stream: an asynchronous iterator of byte chunks.

    The first chunk holds container header, metadata, sequence headers and the pictures since the
    last key frame; it comes as soon as there is one.  Of fMP4 the first chunk is an `InitSegment`,
    and there is another wherever the formats change.  Iteration ends when the stream is closed.
    """

    remote: str
    """Who looks, for logs."""

    @property
    def dropped_frames(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def end_reason(self) -> str | None: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


class HlsViewer(Protocol):
    """One player of a stream by HLS: a viewer until it has asked for nothing for a while.

    Every call raises StreamUnknown when the stream has ended.
    """

    remote: str

    @property
    def bytes_out(self) -> int: ...
    @property
    def end_reason(self) -> str | None: ...

    async def playlist(self, prefix: str, suffix: str, number: int | None, part: int | None) -> str:
        """The media playlist; with a number, as soon as it has that segment, or part of it.

        `prefix` and `suffix` are put around every address in it.  Raises ReloadRefused, ReloadLate.
        """
        ...

    async def init(self, number: int) -> bytes:
        """An initialisation segment.  Raises PartUnknown."""
        ...

    async def segment(self, number: int) -> bytes:
        """A whole segment.  Raises PartUnknown."""
        ...

    async def part(self, number: int, index: int) -> bytes:
        """A part of a segment; the next one is waited for.  Raises PartUnknown, ReloadLate."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a viewer is opened for; for lists, logs and sums, nothing is decided by it."""

    protocol: str = ""
    """One of `media.tickets.OUTPUTS`; empty for what the platform does for itself."""
    user: str = ""
    remote: str = ""
    """Address and port, or what stands for them."""
    ticket_id: str = ""
    """Of the ticket that opened it, if it was one."""


NOBODY: Final = Who()

HUNG_UP: Final = frozenset({"stalled", "ended", "ticket_revoked"})
"""Reasons for which a viewer ends at once: what it has not read yet, it does not get."""


@dataclass(frozen=True, slots=True)
class ViewerInfo:
    """A viewer as it stands."""

    viewer_id: str
    stream_id: str
    who: Who
    since: float
    """UNIX seconds."""
    bytes_out: int = 0
    dropped_frames: int = 0
    """Those it was too slow for."""


@dataclass(frozen=True, slots=True)
class ViewerCame:
    """Somebody looks at a stream."""

    viewer: ViewerInfo


@dataclass(frozen=True, slots=True)
class ViewerLeft:
    """Somebody looks no longer; these are its last figures."""

    viewer: ViewerInfo
    reason: str
