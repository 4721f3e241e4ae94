"""What the machine of a dialog is told (`Input`) and what it decides (`Effect`): `session.call`."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Failure, SessionState

# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 2xx, first or repeated. ``problem`` says why its SDP cannot be used, if so."""

    problem: str | None = None
    connect: tuple[str, int] | None = None
    """Where to open the TCP connection when we are the active side."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A final answer of 300 to 699."""

    status: int
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The INVITE transaction ended without a final answer, or could not be sent."""

    cause: str = "timeout"


@dataclass(frozen=True, slots=True)
class MediaBegan:
    """The first decodable picture (or sound) arrived."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """Media stopped, or its receiver cannot work."""

    cause: str
    silence: bool = False
    """No packet came for a while: no fault while the call is held."""


@dataclass(frozen=True, slots=True)
class MediaForeign:
    """Media arrives, in a codec that cannot be carried."""

    codec: str


@dataclass(frozen=True, slots=True)
class PeerBye:
    """The device ended the dialog."""


@dataclass(frozen=True, slots=True)
class PeerFinished:
    """The device says that the recording was sent to its end (MediaStatus 121)."""


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is on its way any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """Paused by request, or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class MediaFlows:
    """Packets came after a pause."""


@dataclass(frozen=True, slots=True)
class End:
    """We want it over."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ByeDone:
    """Our BYE was answered or given up."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = (
    Accepted
    | Refused
    | Unanswered
    | MediaBegan
    | MediaLost
    | MediaForeign
    | PeerBye
    | PeerFinished
    | Drained
    | Held
    | MediaFlows
    | End
    | ByeDone
    | Tick
)


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendCancel:
    """CANCEL, as soon as a provisional answer allows it."""


@dataclass(frozen=True, slots=True)
class SendAck:
    """ACK the 2xx just received."""


@dataclass(frozen=True, slots=True)
class SendBye:
    """BYE; its end is reported as ``ByeDone``."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the TCP connection for media."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class CloseReceiver:
    """Media is no longer wanted: close the receiver, let its port rest."""

    quarantine: bool = False
    """A late 200 may still make the device send there: rest until that is impossible, too."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Watch until no packet comes any more; that is reported as ``Drained``."""


@dataclass(frozen=True, slots=True)
class Running:
    """The picture is there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The call gives no picture (any more); said once, before it has ended."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Changed:
    """The state changed; observers may be told."""

    state: SessionState


@dataclass(frozen=True, slots=True)
class Ended:
    """Over: the SSRC may begin its rest, the row may be closed."""


Effect = (
    SendCancel
    | SendAck
    | SendBye
    | Connect
    | CloseReceiver
    | Drain
    | Running
    | Failed
    | Changed
    | Ended
)
