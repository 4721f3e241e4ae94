"""What the outside is shown of devices and channels: frozen values, no live objects, no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.model import Channel
from gb28181.device.clock import Clock
from gb28181.device.facts import ClockReading, behind_nat
from gb28181.device.model import Device
from gb28181.device.state import LIVE
from sip.flow import host_port


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device, as the contract names its fields."""

    device_id: str
    name: str
    manufacturer: str
    model: str
    firmware: str
    online: bool
    state: str
    cause: str
    transport: str
    """Of its signalling: udp or tcp."""
    remote: str
    channel_count: int
    registered_at: datetime | None
    expires_at: datetime | None
    last_keepalive_at: datetime | None
    gb_version: str
    config_warnings: tuple[str, ...]
    approved: bool
    origin: str
    policy: Mapping[str, Any]
    """Only what was set for this device."""
    has_password: bool
    catalog_at: datetime | None
    user_agent: str
    healthy: bool
    """False: its last heartbeat said ERROR, or named children that do not work."""
    faulty: tuple[str, ...]
    clock: ClockReading | None
    """How far its clock is off, if it ever told the time."""
    nat: NatView


@dataclass(frozen=True, slots=True)
class NatView:
    """How a device can be reached, and whether something stands between."""

    behind: bool | None
    """Its Contact names another address than it comes from; None while nothing is known."""
    contact: str
    round_trip_ms: float | None
    """Requests of ours, smoothed."""
    unanswered: int
    """Requests of ours in a row without any response."""
    silent_s: float | None
    """Since it was heard last; None when it is not there."""


def nat_view(device: Device, clock: Clock) -> NatView:
    registration, facts = device.registration, device.facts
    remote = (registration.remote_host, registration.remote_port)
    round_trip = facts.round_trip_s
    live = device.state in LIVE and device.presence.last_seen > 0
    return NatView(
        behind=behind_nat(registration.contact, registration.transport, remote),
        contact=registration.contact,
        round_trip_ms=None if round_trip is None else round(round_trip * 1000, 1),
        unanswered=facts.unanswered,
        silent_s=round(clock.now() - device.presence.last_seen, 1) if live else None,
    )


def device_view(device: Device, clock: Clock) -> DeviceView:
    record, registration = device.record, device.registration
    remote = ""
    if registration.remote_host:
        remote = host_port((registration.remote_host, registration.remote_port))
    return DeviceView(
        device_id=record.device_id,
        name=record.name,
        manufacturer=record.manufacturer,
        model=record.model,
        firmware=record.firmware,
        online=device.online,
        state=device.state.value,
        cause=registration.cause,
        transport=registration.transport if remote else "",
        remote=remote,
        channel_count=sum(1 for channel in device.channels.values() if not channel.hidden),
        registered_at=registration.registered_at,
        expires_at=registration.expires_at,
        last_keepalive_at=last_keepalive(device, clock),
        gb_version=registration.gb_version,
        config_warnings=tuple(record.config_warnings),
        approved=record.approved,
        origin=record.origin,
        policy=dict(record.policy),
        has_password=record.password is not None,
        catalog_at=record.catalog_at,
        user_agent=record.user_agent,
        healthy=device.facts.healthy,
        faulty=device.facts.faulty,
        clock=device.facts.clock,
        nat=nat_view(device, clock),
    )


def last_keepalive(device: Device, clock: Clock) -> datetime | None:
    """Of this run if there was one, else as stored."""
    if device.kept_alive:
        return clock.civil_of(device.kept_alive)
    return device.registration.last_keepalive_at


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel; `item` holds everything else the device said."""

    channel_id: str
    reported_id: str
    device_id: str
    name: str
    city: str
    county: str
    place_step: str
    online: bool
    hidden: bool
    longitude: float | None
    latitude: float | None
    ptz_type: int | None
    item: Mapping[str, Any]


def channel_view(channel: Channel, *, online: bool) -> ChannelView:
    item = channel.item
    return ChannelView(
        channel_id=channel.channel_id,
        reported_id=channel.reported_id,
        device_id=channel.device_id,
        name=item.name or channel.reported_id,
        city=channel.place.city,
        county=channel.place.county,
        place_step=str(channel.place.step),
        online=online,
        hidden=channel.hidden,
        longitude=item.longitude,
        latitude=item.latitude,
        ptz_type=item.ptz_type,
        item=item.to_dict(),
    )
