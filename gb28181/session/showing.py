"""A call that asks no device: the platform shows pictures of its own, unit by unit.

To the caller it is a dialog like the others, so such a stream has the same states, viewers, limits
and reasons of ending. There is nothing to acknowledge, and ending it is closing the receiver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gb28181.errors import PlatformError
from gb28181.store.errors import StoreUnavailable
from gb28181.store.records import DialogRecord
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.node import MediaNode
from sip.errors import SipError
from sip.message import Request, Response

from . import call_words as calls

log = get_logger("session")


class Show(Protocol):
    """Pictures the platform has."""

    async def run(self, node: MediaNode, receiver_id: str) -> None:
        """Give them to a `fed` receiver, to their end.

        Raises MediaError, PlatformError, StoreUnavailable, OSError.
        """
        ...


class Showing:
    """One show, as a dialog."""

    def __init__(
        self, node: MediaNode, receiver_id: str, show: Show, tell: Callable[[calls.Input], None]
    ) -> None:
        self.ssrc: int | None = None
        self.media_remote: tuple[str, int] | None = None
        self.file_size: int | None = None
        self._tell = tell
        self._task = asyncio.get_running_loop().create_task(self._run(node, receiver_id, show))

    async def _run(self, node: MediaNode, receiver_id: str, show: Show) -> None:
        self._tell(calls.Accepted())
        try:
            await show.run(node, receiver_id)
        except (MediaError, PlatformError, StoreUnavailable, OSError) as error:
            self._tell(calls.MediaLost(f"it cannot be shown: {error}"))
        except Exception as error:  # a defect in showing one must end it, and nothing else
            log.event(APP_FAILED, component="session.showing", exc_info=error)
            self._tell(calls.MediaLost("it cannot be shown: a defect of the platform"))
        else:
            self._tell(calls.PeerFinished())

    @property
    def stands(self) -> bool:
        """Nothing can be sent inside it: it has no INFO."""
        return False

    def ack(self) -> None:
        """Nobody waits for it."""

    def bye(self) -> None:
        """Nobody answers it."""
        self._task.cancel()
        self._tell(calls.ByeDone())

    def cancel(self) -> None:
        """Given up before it began."""
        self._task.cancel()
        self._tell(calls.Unanswered("given up"))

    def info(
        self, body: bytes, content_type: str, on_result: Callable[[Response | SipError], None]
    ) -> None:
        raise AssertionError("a show has no dialog")

    def bye_received(self, request: Request) -> int:
        return 481

    def fill(self, record: DialogRecord) -> None:
        """Nothing lasts beyond the process."""
