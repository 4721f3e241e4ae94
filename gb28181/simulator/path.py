"""How the media of one call leaves: a UDP socket, a connection we open, or one we wait for.

GB/T 28181-2022 annex D: at most three tries a second apart, one connection a call.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from gb28181.simulator.answer import Offer
from gb28181.simulator.sender import Network, Output, TcpOutput, UdpOutput, Unwanted

CONNECT_TRIES: Final = 3
CONNECT_PAUSE_S: Final = 1.0
CONNECT_S: Final = 5.0
LISTEN_S: Final = 20.0


class MediaPath:
    """Of one call."""

    def __init__(
        self,
        offer: Offer,
        host: str,
        on_open: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        """`host`: the local address; `on_open`: a TCP connection is there."""
        self._offer = offer
        self._host = host
        self._on_open = on_open
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.output: Output | None = None

    @property
    def is_open(self) -> bool:
        output = self.output
        return output is not None and (isinstance(output, UdpOutput) or output.is_open)

    def open_udp(self, network: Network) -> int:
        """The local port. Raises OSError."""
        output = UdpOutput((self._host, 0), network)
        self.output = output
        output.connect((self._offer.host, self._offer.port))
        return output.port

    async def listen(self) -> int:
        """The platform opens the connection; the local port. Raises OSError."""
        output = self._tcp()
        server = await self._loop.create_server(
            lambda: Unwanted() if output.is_open else output, self._host, 0
        )
        self._server = server
        self._timer = self._loop.call_later(LISTEN_S, self._nobody_came)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def connect(self) -> None:
        """We open the connection. Idempotent."""
        if self._task is None:
            self._task = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        output = self._tcp()
        for attempt in range(CONNECT_TRIES):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_S):
                    await self._loop.create_connection(
                        lambda: output, self._offer.host, self._offer.port
                    )
                return
        self._on_lost("media connection refused")

    def _tcp(self) -> TcpOutput:
        output = TcpOutput(self._opened, lambda: self._on_lost("media connection lost"))
        self.output = output
        return output

    def _opened(self) -> None:
        self._stop_listening()
        self._on_open()

    def _nobody_came(self) -> None:
        if self._server is not None:
            self._on_lost("nobody connected")

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Idempotent."""
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self._stop_listening()
        if self.output is not None:
            self.output.close()
