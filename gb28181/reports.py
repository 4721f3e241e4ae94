"""What devices report by themselves, put together: subscriptions, alarms, positions.

A piece of the composition root: it knows the classes and decides nothing. `start` before the SIP
endpoint is open, `begin` after.
"""

from __future__ import annotations

from gb28181.alarms.actions import ControlActions
from gb28181.alarms.linkage import Linkage
from gb28181.alarms.service import AlarmService
from gb28181.cluster.bus import Bus
from gb28181.control.service import ControlService
from gb28181.device.service import DeviceService
from gb28181.positions.directions import Directions
from gb28181.positions.service import PositionService
from gb28181.store.store import Store
from gb28181.subscribe.incoming import Incoming
from gb28181.subscribe.service import Subscriber
from gb28181.subscribe.wishes import Wishes
from sip.endpoint import Endpoint


class Reports:
    """One per node."""

    def __init__(
        self,
        devices: DeviceService,
        sip: Endpoint,
        store: Store,
        bus: Bus,
        control: ControlService,
    ) -> None:
        self.subscriber = Subscriber(devices, sip, store, bus)
        self.wishes = Wishes(self.subscriber)
        self.incoming = Incoming(self.subscriber, devices)
        self.alarms = AlarmService(devices, sip, store, bus)
        self.linkage = Linkage(self.alarms, store)
        self.actions = ControlActions(self.linkage, control)
        self.positions = PositionService(devices, store, bus)
        directions = Directions(devices, bus)
        self.incoming.on_message += [
            self.alarms.on_notify,
            self.positions.on_message,
            directions.on_message,
        ]

    async def start(self) -> None:
        """Bring back what the run before knew."""
        await self.subscriber.start()
        await self.linkage.start()

    def begin(self) -> None:
        """Requests can be sent now."""
        self.subscriber.begin()

    def drain(self) -> None:
        """Once a second: write what floods held back."""
        for part in (self.subscriber, self.incoming, self.alarms, self.linkage, self.positions):
            part.drain()

    async def aclose(self) -> None:
        """Stop timers and workers; subscriptions stay in force for the next run."""
        await self.linkage.aclose()
        await self.actions.aclose()
        await self.alarms.aclose()
        await self.subscriber.aclose()
