"""What a simulation is told. Values only; the command line fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gb28181.simulator.faults import FaultSpec
from gb28181.simulator.machine import Times
from gb28181.simulator.profiles import STANDARD, Profile
from sip.flow import host_port

Transport = Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The platform as a device is configured for it."""

    host: str = "127.0.0.1"
    port: int = 5060
    server_id: str = "64000000002000000001"
    domain: str = "6400000000"
    password: str = ""

    @property
    def uri(self) -> str:
        """Request-URI of everything a device sends outside of calls."""
        return f"sip:{self.server_id}@{self.domain}"

    @property
    def address(self) -> str:
        return host_port((self.host, self.port))


@dataclass(frozen=True, slots=True)
class Happenings:
    """What happens by itself."""

    alarms: float = 0.0
    """Per minute, in the whole fleet."""
    changes: float = 0.0
    """Channels that go off or come back, per minute in the whole fleet."""
    moving: float = 0.0
    """Share of devices that drive around."""
    boot_s: float = 8.0
    """How long a device that restarts is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    server: Server
    transport: Transport = "udp"
    host: str = "0.0.0.0"
    """Local address of SIP and media."""
    port: int = 0
    """Local SIP port; 0 takes a free one."""
    own_ports: bool = False
    """A SIP port (and connection) for each device instead of one for all."""
    times: Times = field(default_factory=Times)
    rate: float = 200.0
    """Devices that register per second at the start; 0: all at once."""
    profiles: tuple[Profile, ...] = (STANDARD,)
    """Families of devices, in turn."""
    gb_version: str | None = None
    """X-GB-Ver of all; empty sends none, None what the profile says."""
    page_items: int | None = None
    """Catalog items per message of all; None what the profile says."""
    calls_per_channel: int = 2
    """More calls than this on one channel are answered 486."""
    audio: bool = True
    faults: tuple[FaultSpec, ...] = ()
    happenings: Happenings = field(default_factory=Happenings)
    seed: int = 1
    cache: Path | None = None
    """Folder for encoded pictures; None keeps nothing."""
    unregister: bool = True
    """Take the registrations back at the end."""
