"""The closed sets of the registry: states of a device, and why it is in one."""

from __future__ import annotations

from enum import StrEnum


class DeviceState(StrEnum):
    """Where a device stands; the first letter of every interval in the store."""

    UNKNOWN = "unknown"
    """Never registered: entered by an operator, or just created."""
    CHALLENGED = "challenged"
    """Not live; asked for credentials a moment ago and yet to answer."""
    ONLINE = "online"
    UNREACHABLE = "unreachable"
    """Its connection is lost, its registration and its heartbeat deadline still run."""
    OFFLINE = "offline"


class Cause(StrEnum):
    """Why a state began; stored with its interval."""

    REGISTERED = "registered"
    RECONNECTED = "reconnected"
    """Heard again after its connection was lost."""
    UNREGISTERED = "unregistered"
    HEARTBEAT_MISSED = "heartbeat_missed"
    REGISTRATION_EXPIRED = "registration_expired"
    TCP_LOST = "tcp_lost"
    REMOVED = "removed"
    """An operator removed the device or took its approval back."""
    PLATFORM = "platform"
    """Our own downtime; only in intervals that belong to no device."""


LIVE = frozenset({DeviceState.ONLINE, DeviceState.UNREACHABLE})
"""States in which a registration holds."""
