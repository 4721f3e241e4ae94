"""What a media node is started with."""

from __future__ import annotations

from dataclasses import dataclass, field

from media.rtp.reception import INTERVAL_S


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds of one stream."""

    gop_bytes: int = 4 << 20
    """Largest group of pictures held for new viewers."""
    gop_s: float = 12.0
    queue_bytes: int = 3 << 20
    """How far one viewer may fall behind, besides the first burst."""
    viewers: int = 256
    stall_s: float = 30.0
    """A viewer that reads nothing for so long, with something to read, is closed."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Of one node, in this process or in one of its own."""

    name: str = "local"
    bind_host: str = "0.0.0.0"
    announce_host: str = ""
    """What goes into SDP; the bind address when empty."""
    first_port: int = 30000
    last_port: int = 30999
    gap_s: float = 10.0
    """No packet for so long is a silence."""
    viewers: int = 4096
    """Of all streams together."""
    sounds: int = 64
    """Streams AAC is made for at one time."""
    report_s: float = INTERVAL_S
    """Between two RTCP receiver reports of a stream over UDP; 0: none are sent."""
    single_port: int = 0
    """One port for all streams, over UDP and over TCP that we listen for; 0: one for each."""
    resting: tuple[int, ...] = ()
    """Ports a node that died had in use: cameras may still send there, so they rest first."""
    limits: HubLimits = field(default_factory=HubLimits)
