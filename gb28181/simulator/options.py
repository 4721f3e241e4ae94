"""What a simulation is told. Values only; the command line fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gb28181.simulator.faults import FaultSpec
from gb28181.simulator.machine import Times

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
    gb_version: str = "2.0"
    """X-GB-Ver; empty sends none."""
    page_items: int = 2
    """Catalog items per message."""
    calls_per_channel: int = 2
    """More calls than this on one channel are answered 486."""
    audio: bool = True
    faults: tuple[FaultSpec, ...] = ()
    seed: int = 1
    cache: Path | None = None
    """Folder for encoded pictures; None keeps nothing."""
    unregister: bool = True
    """Take the registrations back at the end."""
