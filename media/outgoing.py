"""The part of the seam about what goes out to others than viewers; see `media.node`.

A *forward* sends a stream that is here on to one address, as program stream in RTP: to a platform
above (cascade), or to whoever else takes what cameras send. It counts as a viewer of its stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from media.errors import LocalError
from media.pushing import PushEnded, PushNode

ForwardMode = Literal["udp", "tcp-passive", "tcp-active"]
"""`udp`: we send to an address; `tcp-passive`: we listen for it; `tcp-active`: we connect."""


class ForwardUnknown(LocalError):
    """No open forward has this id."""


@dataclass(frozen=True, slots=True)
class ForwardSpec:
    """What is sent on, and how."""

    stream_id: str
    mode: ForwardMode
    ssrc: int
    """In every packet of it, whatever the camera uses."""
    payload_type: int = 96
    networks: tuple[str, ...] = ()
    """IP networks of the receiver; nothing is sent elsewhere. Empty for any."""


@dataclass(frozen=True, slots=True)
class ForwardInfo:
    """An open forward."""

    forward_id: str
    stream_id: str
    host: str
    """The announced address, for the SDP."""
    port: int
    """The leased port, for the SDP."""
    mode: ForwardMode
    ssrc: int


@dataclass(frozen=True, slots=True)
class ForwardStatistics:
    """One forward as it stands now."""

    forward_id: str
    remote: tuple[str, int] | None
    """Where packets go; None while they cannot."""
    packets: int
    bytes_out: int
    """Without RTP and lower headers."""
    dropped_packets: int
    """Not taken by the system: over UDP it does not wait."""
    dropped_frames: int
    """Left out because the receiver was too slow, up to a key frame."""
    foreign: int
    """Packets or connections from elsewhere."""


@dataclass(frozen=True, slots=True)
class ForwardConnected:
    """Packets can go: it was aimed, or its connection stands."""

    stream_id: str
    forward_id: str
    remote: tuple[str, int]


@dataclass(frozen=True, slots=True)
class ForwardEnded:
    """Nothing is sent any more; the forward still has to be closed."""

    stream_id: str
    forward_id: str
    reason: str


OutgoingEvent = ForwardConnected | ForwardEnded | PushEnded


class OutgoingNode(Protocol):
    """What a media node gives without somebody looking."""

    async def key_frame(self, stream_id: str) -> bytes:
        """The last key frame as an FLV file of one picture; b"" while there is none.

        Whoever asks does not become a viewer by it.  Raises StreamUnknown.
        """
        ...

    async def open_forward(self, spec: ForwardSpec) -> ForwardInfo:
        """Lease a port for one receiver; `tcp-passive` listens from here on.

        Raises StreamUnknown, PortsExhausted, LocalError (a network that is none).
        """
        ...

    async def aim_forward(self, forward_id: str, host: str, port: int) -> None:
        """UDP: send there from now on, once.  `tcp-active`: connect.

        Raises MediaConnectFailed (also for an address outside its networks), ForwardUnknown.
        """
        ...

    async def close_forward(self, forward_id: str, *, rest_s: float = 30.0) -> None:
        """Stop sending; the port rests.  Idempotent."""
        ...

    @property
    def pushing(self) -> PushNode:
        """Streams that are brought to other servers."""
        ...

    def forwards(self) -> list[ForwardInfo]: ...
    def forward_statistics(self, forward_id: str) -> ForwardStatistics | None: ...
