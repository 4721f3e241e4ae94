"""The rows of the database as Python values, one slotted dataclass per noun.

What they are not: the live objects of the platform. The floors above keep their own state and hand
a record over when something worth keeping changed. Times are civil and in UTC; a password is clear
text here and never leaves the process that way (`cipher.py` encrypts it on its way to the disk).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def utc_now() -> datetime:
    """The civil time as records hold it."""
    return datetime.now(UTC)


@dataclass(slots=True)
class DeviceRecord:
    """What is known about a device and what an operator said about it; changes seldom."""

    device_id: str
    name: str = ""
    """As an operator gave it, else as DeviceInfo told it."""
    name_fixed: bool = False
    """The name was given by an operator: DeviceInfo does not overwrite it."""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    user_agent: str = ""
    password: str | None = field(default=None, repr=False)
    """The device's own password; None: the platform's default password counts."""
    approved: bool = True
    """False: it authenticated, but an operator has to approve it first."""
    origin: str = "device"
    """`device` when it came by itself, `operator` when it was entered."""
    policy: Json = field(default_factory=dict)
    """Per-device settings that differ from the defaults."""
    charsets: Json = field(default_factory=dict)
    """What the device has proven about its encodings, per command."""
    config_warnings: list[str] = field(default_factory=list)
    """Habits outside the standard that were seen and tolerated."""
    observed: Json = field(default_factory=dict)
    """What the device showed of itself in passing and is worth keeping: `clock`."""
    catalog_at: datetime | None = None
    """When the last complete catalog was committed."""
    created_at: datetime = field(default_factory=utc_now)


@dataclass(slots=True)
class RegistrationRecord:
    """Where a device is and until when; one row per device that ever registered."""

    device_id: str
    state: str
    """`online`, `unreachable` or `offline`."""
    cause: str = ""
    transport: str = "udp"
    remote_host: str = ""
    remote_port: int = 0
    local_host: str = ""
    local_port: int = 0
    contact: str = ""
    """The Contact as the device wrote it; never used as an address to send to."""
    gb_version: str = ""
    """X-GB-Ver; empty when the device did not send it (then 2.0 is assumed)."""
    registered_at: datetime | None = None
    expires_at: datetime | None = None
    last_keepalive_at: datetime | None = None


@dataclass(slots=True)
class ChannelRecord:
    """One item of a device's catalog; with a `channel_id` when it can send video."""

    device_id: str
    reported_id: str
    channel_id: str | None = None
    """The public id; None for groups, divisions and devices that are no channel."""
    name: str = ""
    status_on: bool = True
    city: str = ""
    county: str = ""
    unit: str = ""
    place_step: str = ""
    """Which rule found the place."""
    hidden: bool = False
    present: bool = True
    """False: the item left the device's catalog; the row keeps its public id reserved."""
    item: Json = field(default_factory=dict)
    """All fields of the item as it came."""


@dataclass(slots=True)
class IntervalRecord:
    """A stretch of time in one state. `device_id` is empty for the platform's own downtime."""

    device_id: str
    state: str
    cause: str
    start: datetime
    end: datetime | None = None


@dataclass(slots=True)
class DialogRecord:
    """An INVITE dialog, complete enough to send its BYE from another run of the platform."""

    call_id: str
    local_tag: str
    remote_tag: str = ""
    cseq: int = 1
    remote_target: str = ""
    local_uri: str = ""
    remote_uri: str = ""
    transport: str = "udp"
    remote_host: str = ""
    remote_port: int = 0
    local_host: str = ""
    local_port: int = 0
    route_set: list[str] = field(default_factory=list)
    ssrc: int = 0
    media_port: int = 0
    node: str = ""
    session_id: str = ""
    stream_id: str = ""
    channel_id: str = ""
    device_id: str = ""
    kind: str = "live"
    state: str = "inviting"
    reason: str = ""
    opened_at: datetime = field(default_factory=utc_now)
    closed_at: datetime | None = None


@dataclass(slots=True)
class SubscriptionRecord:
    """What is subscribed to at a device, and the dialog in which it is."""

    device_id: str
    kind: str
    wanted: bool | None = None
    """As an operator said; None: the device's settings decide."""
    settings: Json = field(default_factory=dict)
    """What an operator asked for: expires, interval, filter of alarms."""
    state: str = "idle"
    reason: str = ""
    event: str = ""
    """Event header of the dialog."""
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    cseq: int = 0
    remote_target: str = ""
    local_uri: str = ""
    remote_uri: str = ""
    route_set: list[str] = field(default_factory=list)
    expires_at: datetime | None = None
    """When the device lets go of it; empty when it is not in force."""


@dataclass(slots=True)
class AlarmRecord:
    """One alarm of a device; `alarm_id` is made of what it says, so that a repeated one is the
    same row."""

    alarm_id: str
    device_id: str
    reported_id: str
    """What raised it, by the device's code."""
    alarm_at: datetime
    received_at: datetime
    last_at: datetime
    """When it was last heard, if it was repeated."""
    channel_id: str = ""
    """Public id of the channel; empty for alarm inputs and the device itself."""
    priority: int | None = None
    method: int | None = None
    methods: str = ""
    """All methods of a combination, `1/2`."""
    type: int | None = None
    event_type: int | None = None
    device_time: str = ""
    """AlarmTime as the device wrote it."""
    time_source: str = "device"
    """`platform`: the device's time was missing or impossible, the time of arrival counts."""
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    sn: str = ""
    repeats: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""


@dataclass(slots=True)
class PositionRecord:
    """Where something was at one time, in the coordinates in which it was reported."""

    device_id: str
    reported_id: str
    at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    speed: float | None = None
    direction: float | None = None
    altitude: float | None = None
    height: float | None = None
    system: str = "wgs84"


@dataclass(slots=True)
class AlarmRuleRecord:
    """What follows from an alarm, as an operator entered it."""

    rule_id: str
    name: str
    enabled: bool
    matching: Json
    actions: list[Json]
    secret: str | None = field(default=None, repr=False)
    """Key of the webhook signature; encrypted on the disk."""
    cooldown_s: float = 0.0
    created_at: datetime = field(default_factory=utc_now)


@dataclass(slots=True)
class UserRecord:
    """Somebody who may log in. The hash is argon2id in PHC form."""

    name: str
    password_hash: str = field(repr=False)
    role: str = "admin"
    disabled: bool = False
    created_at: datetime = field(default_factory=utc_now)


@dataclass(slots=True)
class ApiKeyRecord:
    """A key for software that logs in with `X-API-Key`; only its digest is kept."""

    key_id: str
    digest: str = field(repr=False)
    name: str = ""
    role: str = "admin"
    created_at: datetime = field(default_factory=utc_now)


@dataclass(slots=True)
class RunRecord:
    """One run of the platform, from start to end; `ended_at` stays empty when it was killed."""

    run_id: str
    started_at: datetime
    alive_at: datetime
    ended_at: datetime | None = None
    version: str = ""
