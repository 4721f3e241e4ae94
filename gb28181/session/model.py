"""Words of a session: kinds, states, reasons of ending, and the view outsiders get.

A *session* is one INVITE dialog with what it holds. A *stream* is what viewers look at: it lives
through several sessions when a camera restarts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from gb28181.errors import Leg

if TYPE_CHECKING:
    from .showing import Show

StreamName = Literal["main", "sub"]
STREAMS: tuple[StreamName, ...] = ("main", "sub")
Transport = Literal["udp", "tcp-passive", "tcp-active"]
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp-passive", "tcp-active")


class SessionKind(StrEnum):
    """What the dialog was opened for (SDP ``s=``)."""

    LIVE = "live"
    PLAYBACK = "playback"
    DOWNLOAD = "download"
    TALK = "talk"


class SessionState(StrEnum):
    """Where a session stands; ``closing`` still holds its SSRC and port."""

    INVITING = "inviting"
    WAITING = "waiting"
    RUNNING = "running"
    CLOSING = "closing"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session ended. The first seven are also the ``leg`` of an error."""

    DEVICE_OFFLINE = "device_offline"
    NO_PORT = "no_port"
    INVITE_TIMEOUT = "invite_timeout"
    INVITE_REJECTED = "invite_rejected"
    NO_MEDIA = "no_media"
    MEDIA_STOPPED = "media_stopped"
    UNSUPPORTED_CODEC = "unsupported_codec"
    DEVICE_BYE = "device_bye"
    FINISHED = "finished"
    """The recording was sent to its end, or as far as it was wanted."""
    NO_VIEWERS = "no_viewers"
    STOPPED = "stopped"
    SHUTDOWN = "shutdown"
    PREVIOUS_RUN = "previous_run"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call did not give (or stopped giving) a picture."""

    reason: EndReason
    message: str
    sip_status: int | None = None

    @property
    def leg(self) -> Leg:
        """The leg an API error names; a BYE of the device counts as media that stopped."""
        try:
            return Leg(self.reason.value)
        except ValueError:
            return Leg.MEDIA_STOPPED


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Which picture: a channel's public id and one of its streams."""

    channel_id: str
    stream: StreamName = "main"
    name: str = ""
    """Of a stream that is not the live picture everybody shares."""

    @property
    def stream_id(self) -> str:
        """Name of the stream on the media node and in addresses."""
        if self.name:
            return self.name
        return self.channel_id if self.stream == "main" else f"{self.channel_id}-{self.stream}"


def channel_of(stream_id: str) -> str:
    """The channel of a live picture's stream."""
    return stream_id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of recorded time, in UNIX seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks for: a device's live picture, or a stretch of what was recorded."""

    kind: SessionKind = SessionKind.LIVE
    span: Span | None = None
    speed: int = 1
    """Of a download: how many times faster than it was recorded."""
    show: Show | None = None
    """What the platform shows itself: no device is asked."""


LIVE = Ask()


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as API and events show it. Addresses are ``host:port``; ssrc has ten digits."""

    session_id: str
    stream_id: str
    channel_id: str
    device_id: str
    kind: SessionKind
    transport: str
    state: SessionState
    reason: str | None
    ssrc: str
    local: str | None
    remote: str | None
    call_id: str
    viewers: int
    started_at: datetime
    ended_at: datetime | None
