"""Whom a command is for: the MESSAGE goes to the device, its body names the device or a channel of
it by the device's own code."""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.device.model import GB_2022, Device
from gb28181.device.service import DeviceService
from gb28181.errors import NotFound, NotSupported


@dataclass(frozen=True, slots=True)
class Caller:
    """Who commands; the rank decides who may take a camera over."""

    name: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A device, or one of its channels."""

    device: Device
    code: str
    """DeviceID of the body."""
    channel_id: str = ""
    """The public id; empty for the device itself."""

    @property
    def device_id(self) -> str:
        return self.device.device_id

    @property
    def key(self) -> str:
        """By what locks and moves are kept apart."""
        return self.channel_id or self.device_id

    @property
    def of_2022(self) -> bool:
        return self.device.version >= GB_2022

    def require_2022(self, what: str, *, force: bool = False) -> None:
        """Refuse what 2016 does not have, unless the caller wants to try it all the same."""
        if not self.of_2022 and not force:
            raise NotSupported(
                f"{what} exists since GB/T 28181-2022; device {self.device_id} speaks 2016",
                device_id=self.device_id,
                edition="2016",
            )


def channel_target(devices: DeviceService, channel_id: str) -> Target:
    """A channel by its public id; raises NotFound."""
    route = devices.route(channel_id)
    device = None if route is None else devices.device(route.device_id)
    if route is None or device is None:
        raise NotFound("channel", channel_id)
    return Target(device, route.reported_id, channel_id)


def device_target(devices: DeviceService, device_id: str) -> Target:
    """A device itself; raises NotFound."""
    device = devices.device(device_id)
    if device is None:
        raise NotFound("device", device_id)
    return Target(device, device_id)
