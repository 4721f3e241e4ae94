"""The signalling path of devices to the platform: one endpoint, one flow, shared or a device's own.

Over UDP the flow is there at once. Over TCP it is a connection that is opened when somebody needs
it and again after it was lost; all who asked meanwhile get the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gb28181.simulator.options import FleetOptions
from sip.endpoint import Endpoint
from sip.errors import TransportFailed
from sip.flow import Address, Flow
from sip.options import EndpointOptions, Handler
from sip.timers import Timers

_NEVER_S = 86_400.0
"""We send 100 ourselves: a device that plays dead must not be betrayed by its transaction."""

Waiter = Callable[[Flow | None], None]


class SipLine:
    """One local port towards the platform."""

    def __init__(self, options: FleetOptions, handler: Handler, port: int) -> None:
        self._options = options
        udp = options.transport == "udp"
        self.endpoint = Endpoint(
            EndpointOptions(
                host=options.host,
                port=port,
                udp=udp,
                tcp=not udp,
                timers=Timers(trying=_NEVER_S),
                user_agent="gb28181-simulator",
            ),
            handler,
        )
        self._flow: Flow | None = None
        self._waiting: list[Waiter] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises TransportFailed."""
        await self.endpoint.start()
        if self._options.transport == "udp":
            server = self._options.server
            self._flow = await self.endpoint.open_udp(server.host, server.port)

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.endpoint.aclose()

    @property
    def flow(self) -> Flow | None:
        """None while there is no connection."""
        return self._flow

    def contact(self, user: str) -> str:
        """Contact header for a user on this line."""
        host, port = self.address
        return f"<sip:{user}@{f'[{host}]' if ':' in host else host}:{port}>"

    @property
    def address(self) -> Address:
        """What is announced to the platform."""
        flow = self._flow
        return self.endpoint.bound if flow is None else self.endpoint.contact_address(flow)

    def with_flow(self, then: Waiter) -> None:
        """Calls `then` with the flow, now or once it is open; with None when it cannot be had."""
        if self._flow is not None:
            then(self._flow)
            return
        self._waiting.append(then)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._connect())

    def lost(self, flow: Flow) -> bool:
        """Whether the flow that was closed was this line's."""
        if self._flow != flow:
            return False
        self._flow = None
        return True

    async def _connect(self) -> None:
        server = self._options.server
        try:
            self._flow = await self.endpoint.open_tcp(server.host, server.port)
        except TransportFailed:
            self._flow = None
        finally:
            self._task = None
            waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(self._flow)
