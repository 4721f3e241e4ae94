"""Checks and what they rest on. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Name(StrEnum):
    """The checks, in the order in which a picture depends on them."""

    REGISTERED = "registered"
    HEARTBEAT = "heartbeat"
    REACHABLE = "reachable"
    CATALOG = "catalog"
    HEALTH = "health"
    CLOCK = "clock"
    CHANNEL = "channel"
    INVITE = "invite"
    MEDIA = "media"
    DECODABLE = "decodable"


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    """A picture is possible, but something is not as it should be."""
    UNKNOWN = "unknown"
    """Nothing has happened yet that would tell."""
    SKIPPED = "skipped"
    """An earlier check failed, so this one says nothing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One link of the chain. `words` is a key of `words.WORDS`; the evidence fills it."""

    name: Name
    verdict: Verdict
    words: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceEvidence:
    """What is known about a device."""

    device_id: str
    known: bool
    now: datetime
    approved: bool = True
    state: str = "unknown"
    cause: str = ""
    remote: str = ""
    transport: str = ""
    registered_at: datetime | None = None
    last_keepalive_at: datetime | None = None
    interval_s: float = 60.0
    misses: int = 3
    attempt_reason: str = ""
    """What became of its last try to register, if it is not in."""
    attempt_remote: str = ""
    attempt_at: datetime | None = None
    attempt_tries: int = 0
    outages: int = 0
    """Times it went offline within the last day."""
    behind_nat: bool | None = None
    contact: str = ""
    unanswered: int = 0
    round_trip_ms: float | None = None
    asked: str = ""
    """Result of asking it just now: `answered`, `silent`, or empty when it was not asked."""
    catalog_at: datetime | None = None
    channels: int = 0
    healthy: bool = True
    faulty: tuple[str, ...] = ()
    clock_error_s: float | None = None
    clock_source: str = ""


@dataclass(frozen=True, slots=True)
class CallEvidence:
    """The last pull of a channel's live picture, or the one under way."""

    session_id: str
    state: str
    reason: str
    message: str
    sip_status: int | None
    transport: str
    local: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MediaEvidence:
    """The stream as the media node sees it now."""

    packets: int
    lost: int
    frames: int
    key_frames: int
    video: str
    size: str
    unsupported: str
    source: str
    foreign: int
    foreign_source: str


@dataclass(frozen=True, slots=True)
class ChannelEvidence:
    """What is known about a channel."""

    channel_id: str
    reported_id: str
    status_on: bool
    hidden: bool
    call: CallEvidence | None = None
    media: MediaEvidence | None = None
