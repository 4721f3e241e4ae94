"""What the machine of one target is told (`Input`) and what it decides (`Effect`): `talk.leg`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .reasons import Why


class Way(StrEnum):
    """How speech gets to a device."""

    BROADCAST = "broadcast"
    """The device is told and calls us (both editions)."""
    TALK = "talk-2016"
    """We call it, with speech both ways in one dialog (`s=Talk`, 2016)."""


class Step(StrEnum):
    """Where a target stands."""

    QUEUED = "queued"
    ASKING = "asking"
    AWAITING = "awaiting_invite"
    CONNECTING = "connecting"
    RUNNING = "running"
    CLOSING = "closing"
    ENDED = "ended"


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Its turn has come."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Response OK to the notification."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The notification was refused or came to nothing; or the dialog was refused."""

    why: Why


@dataclass(frozen=True, slots=True)
class Invited:
    """The device's INVITE, with an offer that can be served."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A port is there, and the row of the dialog is written."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 2xx to our INVITE, first or repeated; ``why`` when its SDP cannot be used."""

    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Acked:
    """The device acknowledged our 200."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Speech goes to the device: its TCP connection stands, or UDP is aimed at it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The TCP connection broke, or could not be made."""

    why: Why


@dataclass(frozen=True, slots=True)
class PeerBye:
    """The device ended the dialog."""


@dataclass(frozen=True, slots=True)
class PeerCancel:
    """The device cancelled its INVITE before we answered."""


@dataclass(frozen=True, slots=True)
class End:
    """We want it over."""

    why: Why


@dataclass(frozen=True, slots=True)
class ByeDone:
    """Our BYE was answered or given up."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline may have passed."""


Input = (
    Ask
    | Agreed
    | Declined
    | Invited
    | Opened
    | Accepted
    | Acked
    | Reached
    | Lost
    | PeerBye
    | PeerCancel
    | End
    | ByeDone
    | Tick
)


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the device that speech is for it."""


@dataclass(frozen=True, slots=True)
class Open:
    """Lease SSRC and port, write the row; then ``Opened``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Send our 200."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the device's INVITE with this status."""

    status: int


@dataclass(frozen=True, slots=True)
class Invite:
    """Send our INVITE."""


@dataclass(frozen=True, slots=True)
class SendAck:
    """ACK the 2xx just received."""


@dataclass(frozen=True, slots=True)
class SendCancel:
    """CANCEL our INVITE, as soon as a 1xx allows it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Send speech there from now on; then ``Reached`` or ``Lost``."""


@dataclass(frozen=True, slots=True)
class SendBye:
    """BYE; its end is reported as ``ByeDone``."""


@dataclass(frozen=True, slots=True)
class Close:
    """Stop sending, give the port back."""


@dataclass(frozen=True, slots=True)
class Changed:
    """It stands elsewhere now."""

    step: Step


@dataclass(frozen=True, slots=True)
class Failed:
    """The target does not hear (any more); said once, before the dialog is over."""

    why: Why


@dataclass(frozen=True, slots=True)
class Ended:
    """Over."""


Effect = (
    Notify
    | Open
    | Answer
    | Refuse
    | Invite
    | SendAck
    | SendCancel
    | Aim
    | SendBye
    | Close
    | Changed
    | Failed
    | Ended
)
