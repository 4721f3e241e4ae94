"""What a protocol of pushing has to be: one connection to one server, from connecting to its end.

`media.send.pushes` makes one for each push, by the scheme of its address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.output.viewers import StreamViewer
from media.pushing import PushSpec
from media.viewer import Sound, ViewerKind, Who

LookAtIt = Callable[[ViewerKind, Sound, Who], StreamViewer]
"""Opens a viewer of the stream that is pushed; raises StreamUnknown, ViewersExhausted."""


class Pusher(Protocol):
    """One attempt."""

    remote: tuple[str, int]
    """The address connected to, once it is known."""

    @property
    def bytes_out(self) -> int: ...
    @property
    def dropped_frames(self) -> int: ...

    async def open(self) -> None:
        """Connect and publish; returns when the target takes pictures.

        Raises MediaConnectFailed, MediaTimeout, PushRefused, UnsupportedCodec, StreamUnknown,
        ViewersExhausted, and then holds nothing any more.
        """
        ...

    async def run(self) -> str:
        """After `open`: give the target the stream until one of both ends; says why it ended."""
        ...

    def close(self) -> None:
        """End it, politely where it can be done at once.  Idempotent."""
        ...


MakePusher = Callable[[PushSpec, LookAtIt], Pusher]
