"""One end of the connection between a node and its worker: whole values in and out.

Between processes of one host it is a socket pair; between hosts a TCP connection with a seal.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from .messages import TYPES
from .secret import Seal
from .wire import Wire, WireError


class Link(asyncio.Protocol):
    """Reads values and hands them on; `on_lost` is called once, with the reason."""

    def __init__(self, on_value: Callable[[Any], None], on_lost: Callable[[str], None]) -> None:
        self._on_value = on_value
        self._on_lost = on_lost
        self._wire = Wire(TYPES)
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._broken = ""
        self._seal: Seal | None = None

    async def open(self, sock: socket.socket, seal: Seal | None = None) -> None:
        """Take over the socket."""
        self._seal = seal
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, sock=sock)

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, value: object) -> None:
        """Write one value; after the end it is lost, as everything on its way is."""
        if self._transport is not None:
            data = self._wire.write(value)
            self._transport.write(data if self._seal is None else self._seal.close(data))

    async def room(self) -> None:
        """Wait until the other side has taken most of what was written."""
        await self._room.wait()

    def abort(self) -> None:
        """Hang up at once; the other side may be gone already."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Hang up; what was written is still sent."""
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        try:
            for opened in (data,) if self._seal is None else self._seal.open(data):
                for value in self._wire.feed(opened):
                    self._on_value(value)
        except WireError as error:
            self._broken = str(error)
            if self._transport is not None:
                self._transport.abort()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._room.set()
        self._on_lost(self._broken or (str(exc) if exc else "the other side hung up"))
