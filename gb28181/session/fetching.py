"""A call to a camera without SIP: the media node fetches the picture itself, by RTSP, or takes what
is brought to it by RTMP.

To the caller it is a dialog like the others: it tells the call machine what becomes of it in the
same words, so such a stream has the same states, time-outs and legs of error. There is nothing to
acknowledge, and closing the receiver is the end of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gb28181.store.records import DialogRecord
from media.errors import (
    MediaConnectFailed,
    MediaError,
    MediaTimeout,
    PortsExhausted,
    UnsupportedCodec,
)
from media.node import MediaNode
from media.pulling import NotPublishing, PullRefused, Spec
from sip.errors import SipError
from sip.message import Request, Response

from . import call_words as calls
from .dialing import Dialing
from .model import EndReason, Failure
from .showing import Showing


class Fetching:
    """One pull of the node, as a dialog."""

    def __init__(
        self,
        node: MediaNode,
        receiver_id: str,
        spec: Spec,
        tell: Callable[[calls.Input], None],
        told: Callable[[str], None],
    ) -> None:
        """`told` hears how it went: an empty text, or why not."""
        self.ssrc: int | None = None
        self.media_remote: tuple[str, int] | None = None
        self.file_size: int | None = None
        self._tell = tell
        self._told = told
        self._task = asyncio.get_running_loop().create_task(self._run(node, receiver_id, spec))

    async def _run(self, node: MediaNode, receiver_id: str, spec: Spec) -> None:
        try:
            await node.pull(receiver_id, spec)
        except MediaError as error:
            self._told(str(error))
            self._tell(_outcome(error))
            self._tell(calls.Unanswered("it is over"))
        else:
            self._told("")
            self._tell(calls.Accepted())

    @property
    def stands(self) -> bool:
        """Nothing can be sent inside it: it has no INFO."""
        return False

    def ack(self) -> None:
        """RTSP needs none."""

    def bye(self) -> None:
        """The receiver says TEARDOWN when it is closed."""
        self._tell(calls.ByeDone())

    def cancel(self) -> None:
        """The receiver, when it is closed, ends what waits."""
        self._task.cancel()
        self._tell(calls.Unanswered("given up"))

    def info(
        self, body: bytes, content_type: str, on_result: Callable[[Response | SipError], None]
    ) -> None:
        raise AssertionError("a pull has no dialog")

    def bye_received(self, request: Request) -> int:
        return 481

    def fill(self, record: DialogRecord) -> None:
        """Nothing lasts beyond the process."""


Way = Dialing | Fetching | Showing
"""What a call is made over."""


def _outcome(error: MediaError) -> calls.Input:
    """The leg that broke."""
    match error:
        case PullRefused():
            return calls.Refused(error.status, error.phrase)
        case UnsupportedCodec():
            return calls.MediaForeign(error.codec)
        case MediaTimeout():
            return calls.Unanswered("no answer by RTSP")
        case NotPublishing():
            return calls.End(Failure(EndReason.DEVICE_OFFLINE, str(error)))
        case PortsExhausted():
            return calls.End(Failure(EndReason.NO_PORT, str(error)))
        case MediaConnectFailed():
            message = f"the camera cannot be reached: {error.reason}"
            return calls.End(Failure(EndReason.DEVICE_OFFLINE, message))
    return calls.End(Failure(EndReason.NO_MEDIA, str(error)))
