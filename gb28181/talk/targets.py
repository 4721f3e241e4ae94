"""Whom a talk is for, and by which code a device knows it.

A device with a loudspeaker reports it as a voice output (type 137) below itself (9.12.1.1). Many
report none and play all the same; they are named by the channel, as the platforms in the field do
it. For a channel therefore, in this order: the code the caller gave; a voice output below the
channel; the device's only voice output; the channel's own code. For a device: the code given, else
the device itself, which means all its loudspeakers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.ids import is_gb_id
from catalog.model import CatalogItem
from gb28181.device.service import DeviceService
from gb28181.errors import BadInput, NotFound
from gb28181.session.model import TRANSPORTS, Transport

VOICE_OUTPUT = "137"


@dataclass(frozen=True, slots=True)
class Wish:
    """A target as the API names it: a channel or a device."""

    channel_id: str = ""
    device_id: str = ""
    voice_output: str = ""
    """The device's code of a loudspeaker, where the caller knows better."""


@dataclass(frozen=True, slots=True)
class Target:
    """One loudspeaker, or all of a device."""

    device_id: str
    code: str
    """By which the device knows it."""
    channel_id: str = ""
    """Public id; empty for a device."""
    transport: Transport = "udp"
    """Of a talk of 2016, where we offer it; a broadcast goes as the device asks."""

    @property
    def target_id(self) -> str:
        """The public id it was named by."""
        return self.channel_id or self.device_id

    @property
    def key(self) -> tuple[str, str]:
        """By what targets are the same."""
        return self.device_id, self.code


def find(devices: DeviceService, wish: Wish) -> Target:
    """The target of a wish; raises NotFound, BadInput."""
    if wish.voice_output and not is_gb_id(wish.voice_output):
        raise BadInput("voice_output is a 20-digit code", voice_output=wish.voice_output)
    if bool(wish.channel_id) == bool(wish.device_id):
        raise BadInput("a target is a channel_id or a device_id")
    if wish.device_id:
        device = devices.device(wish.device_id)
        if device is None:
            raise NotFound("device", wish.device_id)
        transport = _transport(device.policy.transport)
        return Target(wish.device_id, wish.voice_output or wish.device_id, "", transport)
    route = devices.route(wish.channel_id)
    device = None if route is None else devices.device(route.device_id)
    if route is None or device is None:
        raise NotFound("channel", wish.channel_id)
    code = wish.voice_output or voice_output(route.reported_id, device.items)
    return Target(route.device_id, code, wish.channel_id, _transport(route.transport))


def voice_output(reported_id: str, items: Mapping[str, CatalogItem]) -> str:
    """By which code a channel of a device is spoken to."""
    outputs = sorted(_outputs(items.values()), key=lambda item: item.device_id)
    below = [item for item in outputs if reported_id in (item.parent_id or "").split("/")]
    if below:
        return below[0].device_id
    return outputs[0].device_id if len(outputs) == 1 else reported_id


def _outputs(items: Iterable[CatalogItem]) -> list[CatalogItem]:
    return [item for item in items if item.device_id[10:13] == VOICE_OUTPUT]


def _transport(text: str) -> Transport:
    return next((known for known in TRANSPORTS if known == text), "udp")
