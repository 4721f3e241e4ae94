"""What a device is asked and told, behind one object: the floors above talk to this.

It wires the parts and knows how a channel is addressed: the MESSAGE goes to the device, the body
names the channel by the device's own code.
"""

from __future__ import annotations

from gb28181.control.collect import Collected, Enough, Key
from gb28181.control.query import Queries
from gb28181.device.service import DeviceService
from gb28181.manscdp import Message
from sip.endpoint import Endpoint


class ControlService:
    """One per node; created before the SIP endpoint starts, closed before it."""

    def __init__(self, devices: DeviceService, sip: Endpoint) -> None:
        self.queries = Queries(devices, sip)

    async def aclose(self) -> None:
        """Let go of everything in bounded time."""

    async def query(
        self,
        device_id: str,
        message: Message,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
        quiet: float = 5.0,
        longest: float = 120.0,
        enough: Enough | None = None,
        key: Key | None = None,
    ) -> Collected:
        """Ask a device anything; see `Queries.ask`."""
        return await self.queries.ask(
            device_id,
            message,
            timeout=timeout,
            quiet=quiet,
            longest=longest,
            enough=enough,
            key=key,
        )
