"""Where cameras look: PTZPosition notifications become `ptz.position` events. Nothing is stored."""

from __future__ import annotations

from gb28181.cluster.bus import Bus, Event
from gb28181.device.model import Device
from gb28181.device.service import DeviceService
from gb28181.manscdp import Message
from gb28181.manscdp.commands.ptz_position_notify import PtzPositionNotify


class Directions:
    """One per node; created before the SIP endpoint starts."""

    def __init__(self, devices: DeviceService, bus: Bus) -> None:
        self._devices = devices
        self._bus = bus
        devices.on_message_other.append(self.on_message)

    def on_message(self, device: Device, message: Message) -> None:
        """A MESSAGE or the content of a NOTIFY."""
        if not isinstance(message, PtzPositionNotify) or not self._bus.subscribers:
            return
        reported_id = message.device_id or device.device_id
        data = {
            "device_id": device.device_id,
            "channel_id": self._devices.channel_of(device, reported_id) or None,
            "reported_id": reported_id,
            "pan": message.pan,
            "tilt": message.tilt,
            "zoom": message.zoom,
            "horizontal_field_angle": message.horizontal_field_angle,
            "vertical_field_angle": message.vertical_field_angle,
            "max_view_distance": message.max_view_distance,
        }
        self._bus.publish(Event("ptz.position", data))
