"""What a node and its worker tell each other.

Downwards calls of the seam, of which those with a number are answered; upwards answers, events,
figures and what viewers are to get. A viewer's bytes come against credit, so that one that does not
read is held back in the worker, where it drops to the next key frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from media import node as seam
from media import outgoing
from media.errors import MediaError
from media.options import HubLimits, NodeOptions
from media.pulling import PublishSpec, PullSpec
from media.pushing import PushEnded, PushInfo, PushSpec, PushStatistics
from media.record.segment import (
    SegmentClosed,
    SegmentOpened,
    SegmentsFailed,
    SegmentsInfo,
    SegmentSpec,
)
from media.revoked import Refusal
from media.unit import AccessUnit, AudioFormat, FormatChanged, VideoFormat

from .serving import HttpOptions

# --- to the worker --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The first word: be this node."""

    options: NodeOptions
    http: HttpOptions | None
    """Serve viewers at a port of your own."""
    refusals: tuple[Refusal, ...]
    """Tickets that were taken back."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tickets that were taken back until now."""

    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Do this; `number` 0 wants no answer."""

    number: int
    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """A viewer wants a stream."""

    viewer: int
    stream_id: str
    kind: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class More:
    """The viewer has read so many bytes: as many may follow."""

    viewer: int
    size: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The viewer is gone."""

    viewer: int


# --- to the node ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker runs, with this process id."""

    pid: int
    http_port: int
    """Where it serves viewers itself; 0: it does not."""
    http_host: str | None = None
    """None: where the platform is reached."""
    http_secure: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a call returned."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """What a call raised: an error of this package by name, its text and its attributes."""

    number: int
    kind: str
    text: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the node; the stream it is about was told in a `Seen` before."""

    event: Any


@dataclass(frozen=True, slots=True)
class Seen:
    """How streams, recordings, voices and senders stand."""

    totals: seam.NodeTotals | None
    """With them, all there are; without, only some."""
    streams: tuple[seam.StreamStatistics, ...] = ()
    recordings: tuple[seam.RecordingInfo, ...] = ()
    voices: tuple[seam.VoiceStatistics, ...] = ()
    senders: tuple[seam.SenderStatistics, ...] = ()
    segments: tuple[SegmentsInfo, ...] = ()
    forwards: tuple[outgoing.ForwardStatistics, ...] = ()
    pushes: tuple[PushStatistics, ...] = ()
    viewers: tuple[tuple[int, int], ...] = ()
    """Number of a viewer, and how many frames it was too slow for so far."""
    looking: tuple[tuple[str, int, int], ...] = ()
    """Id of a viewer, its bytes, and the frames it was too slow for."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Sound that a loudspeaker's device sends back, for the call that opened its sender."""

    number: int
    samples: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes for a viewer."""

    viewer: int
    data: bytes
    mime: str
    """Of an initialisation segment, else empty."""


@dataclass(frozen=True, slots=True)
class Over:
    """A viewer gets nothing more."""

    viewer: int
    reason: str
    dropped: int = 0
    """Frames it was too slow for, in all."""
    discard: bool = False
    """Nor what it has not read yet."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of the worker's log."""

    name: str
    level: int
    text: str


TYPES: tuple[type[Any], ...] = (
    *(Begin, Refuse, Call, Watch, More, Leave),
    *(Ready, Done, Raised, Told, Seen, Heard, Chunk, Over, Logged),
    *(
        seam.NodeTotals,
        seam.ReceiverSpec,
        seam.ReceiverInfo,
        seam.StreamStatistics,
        seam.Measures,
        seam.RecordingInfo,
        SegmentSpec,
        SegmentsInfo,
    ),
    *(seam.SenderSpec, seam.SenderInfo, seam.SenderStatistics, seam.VoiceStatistics),
    *(seam.MediaStarted, seam.MediaSilent, seam.MediaUnsupported, seam.ViewersChanged),
    *(seam.FormatChangedEvent, seam.ReceiverFailed, seam.RecordingFailed),
    *(SegmentOpened, SegmentClosed, SegmentsFailed),
    *(seam.SenderConnected, seam.SenderClosed, seam.VoiceEnded, seam.SoundUnavailable),
    *(seam.Who, seam.ViewerInfo, seam.ViewerCame, seam.ViewerLeft),
    *(AccessUnit, FormatChanged),
    *(VideoFormat, AudioFormat, HubLimits, NodeOptions, HttpOptions, Refusal),
    *(outgoing.ForwardSpec, outgoing.ForwardInfo, outgoing.ForwardStatistics),
    *(outgoing.ForwardConnected, outgoing.ForwardEnded),
    *(PullSpec, PublishSpec),
    *(PushSpec, PushInfo, PushStatistics, PushEnded),
)
"""Everything that may travel."""


CREDIT = 1 << 20


def credit_of(options: NodeOptions) -> int:
    """Bytes that may be on their way to one viewer, besides as many in its queue at most."""
    return min(CREDIT, options.limits.queue_bytes)


class WorkerDown(MediaError):
    """The worker process ended, or cannot be started."""


def _family(kind: type[MediaError]) -> dict[str, type[MediaError]]:
    found = {kind.__name__: kind}
    for heir in kind.__subclasses__():
        found |= _family(heir)
    return found


def raised(number: int, error: MediaError) -> Raised:
    """An error as it travels."""
    return Raised(number, type(error).__name__, str(error), dict(vars(error)))


def error_of(told: Raised) -> MediaError:
    """The error again, of its own class, with its attributes."""
    kind = _family(MediaError).get(told.kind, MediaError)
    error = kind.__new__(kind)
    Exception.__init__(error, told.text)
    vars(error).update(told.attributes)
    return error
