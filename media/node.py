"""The seam between signalling and media: what any media node can be asked and what it reports.

A node opens receivers for streams, hands pictures to viewers, brings voices to loudspeakers and
tells what happens.  Signalling knows only this Protocol; behind it stands the node of this process
(`media.inprocess`), a worker process, a relay on another host or foreign software.  One set of
contract tests (`tests/contract/test_media_node.py`) runs on all of them.

A node knows stream ids, ports and addresses.  It knows no devices, no SIP and no leases: whoever
opens a receiver or a sender closes it, and `receivers()` and `senders()` tell what is open, so that
the caller can reconcile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from media.errors import (
    LocalError,
    MediaConnectFailed,
    PortsExhausted,
    StreamUnknown,
    ViewersExhausted,
)
from media.feeding import FeedNode
from media.measures import NOT_MEASURED, Measures
from media.outgoing import OutgoingEvent, OutgoingNode
from media.pulling import PullNode
from media.record.segment import SegmentEvent, SegmentNode
from media.revoked import Refusal
from media.unit import AudioFormat, VideoFormat
from media.viewer import (
    NOBODY,
    HlsViewer,
    InitSegment,
    Sound,
    Viewer,
    ViewerCame,
    ViewerInfo,
    ViewerKind,
    ViewerLeft,
    Who,
)
from media.voice.audio import AudioPayload

ReceiveMode = Literal["udp", "tcp-passive", "tcp-active", "rtsp", "rtmp", "fed"]
"""`udp`: packets come to our port; `tcp-passive`: we listen; `tcp-active`: we connect; `rtsp`: we
fetch (`pull`); `rtmp`: it is brought, and taken by `pull`; `fed`: the platform gives units itself
(`feed`)."""


class StreamBusy(LocalError):
    """The stream already has an open receiver: one stream has one source at a time."""


class RecordingBusy(LocalError):
    """The stream is being recorded already."""


class RecordingImpossible(LocalError):
    """The file cannot be opened or continued."""


class ReceiverUnknown(LocalError):
    """No open receiver has this id."""


class VoiceBusy(LocalError):
    """A voice of this id is open already."""


class VoiceUnknown(LocalError):
    """No voice of this id is open."""


class SenderUnknown(LocalError):
    """No open sender has this id."""


@dataclass(frozen=True, slots=True)
class ReceiverSpec:
    """What a receiver is opened for."""

    stream_id: str
    """The stream its packets belong to; viewers ask for the same id."""
    mode: ReceiveMode
    ssrc: int | None = None
    """The SSRC asked of the sender, None for any.  Evidence for the lock, never a filter."""
    sources: tuple[str, ...] = ()
    """IP networks media may come from; empty for any."""
    place: str = ""
    """Administrative code of where the camera is, for the choice among several nodes."""


@dataclass(frozen=True, slots=True)
class ReceiverInfo:
    """An open receiver."""

    receiver_id: str
    stream_id: str
    host: str
    """The announced address, for the SDP."""
    port: int
    """The leased port, for the SDP."""
    mode: ReceiveMode


@dataclass(frozen=True, slots=True)
class SenderSpec:
    """One loudspeaker a voice is brought to."""

    voice_id: str
    mode: ReceiveMode
    """As for receivers: `tcp-passive` we listen for the device, `tcp-active` we connect."""
    ssrc: int
    payload: AudioPayload = 8
    """8 PCMA, or 96: the same samples in a program stream."""
    networks: tuple[str, ...] = ()
    """IP networks of the device; nothing is sent elsewhere. Empty for any."""


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """An open sender."""

    sender_id: str
    voice_id: str
    host: str
    """The announced address, for the SDP."""
    port: int
    """The leased port, for the SDP."""
    mode: ReceiveMode


@dataclass(frozen=True, slots=True)
class SenderStatistics:
    """One sender as it stands now."""

    sender_id: str
    remote: tuple[str, int] | None
    """Where packets go; None while they cannot."""
    packets: int
    """Sent; 50 a second."""
    dropped: int
    """Not taken in time by the system or the device."""
    heard: int
    """Packets of the device's microphone."""
    foreign: int
    """Packets or connections from elsewhere."""


@dataclass(frozen=True, slots=True)
class VoiceStatistics:
    """One voice as it stands now."""

    voice_id: str
    senders: int
    frames: int
    """Of 20 ms."""
    silent_frames: int
    """Those of them in which nobody spoke."""
    dropped_s: float
    """Speech cut because it would have come late."""


class SilenceReason(StrEnum):
    """Why a receiver is called silent."""

    NEVER = "never"
    """Nothing came since it was opened."""
    GAP = "gap"
    """Packets came and then stopped."""
    CLOSED = "closed"
    """The sender closed its TCP connection."""


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The first decodable key frame arrived (or one second of audio without any video)."""

    stream_id: str
    receiver_id: str
    video: VideoFormat | None
    audio: AudioFormat | None


@dataclass(frozen=True, slots=True)
class MediaSilent:
    """No packet came for the node's gap; told once per silence."""

    stream_id: str
    receiver_id: str
    seconds: float
    """How long it has been silent; 0 when the connection was closed."""
    reason: SilenceReason


@dataclass(frozen=True, slots=True)
class MediaUnsupported:
    """The receiver gets media, but the only video or audio in it is of a codec not carried."""

    stream_id: str
    receiver_id: str
    codec: str


@dataclass(frozen=True, slots=True)
class ViewersChanged:
    """The number of viewers of a stream changed."""

    stream_id: str
    count: int


@dataclass(frozen=True, slots=True)
class FormatChangedEvent:
    """Codec, picture size or audio format changed after the start."""

    stream_id: str
    video: VideoFormat | None
    audio: AudioFormat | None


@dataclass(frozen=True, slots=True)
class ReceiverFailed:
    """The receiver cannot go on (its socket failed); it still has to be closed."""

    stream_id: str
    receiver_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """A recording ended by itself: the disk is full or too slow. It still has to be stopped."""

    stream_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SenderConnected:
    """The TCP connection of a sender stands."""

    voice_id: str
    sender_id: str


@dataclass(frozen=True, slots=True)
class SenderClosed:
    """The TCP connection of a sender ended; the sender still has to be closed."""

    voice_id: str
    sender_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    """The programme of a voice was played to its end."""

    voice_id: str


@dataclass(frozen=True, slots=True)
class SoundUnavailable:
    """Somebody wants to hear the stream, and no AAC can be made of its sound; told once."""

    stream_id: str
    reason: str


NodeEvent = (
    MediaStarted
    | MediaSilent
    | MediaUnsupported
    | ViewersChanged
    | ViewerCame
    | ViewerLeft
    | FormatChangedEvent
    | ReceiverFailed
    | RecordingFailed
    | SegmentEvent
    | SenderConnected
    | SenderClosed
    | VoiceEnded
    | SoundUnavailable
    | OutgoingEvent
)


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A recording as it stands: a spool file (`media.record.spool`)."""

    stream_id: str
    path: str
    size: int
    """Bytes on the disk."""
    units: int
    seconds: float
    """Recorded media time, of earlier runs included."""
    failure: str | None


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """One stream as it stands now.  Counters run since the stream was created."""

    stream_id: str
    video: VideoFormat | None
    audio: AudioFormat | None
    """As the camera sends it."""
    aac: AudioFormat | None
    """The sound of outputs that carry nothing but AAC, made or to be made if need be."""
    receiver_id: str | None
    """The open receiver, None between a close and the next open."""
    source: tuple[str, int] | None
    """The address media comes from, once locked."""
    packets: int
    bytes_in: int
    bitrate_bps: int
    """Received in the last full second."""
    lost: int
    """Packets missing in the sequence: network loss, kernel drops included."""
    late: int
    duplicates: int
    kernel_drops: int
    """Datagrams the kernel threw away because the socket's buffer was full."""
    foreign: int
    """Packets or connections from an address that is not allowed or not the locked one."""
    foreign_source: tuple[str, int] | None
    """The last such address."""
    invalid: int
    """Datagrams before the lock that were no RTP."""
    ssrc: int | None
    ssrc_changes: int
    frames: int
    key_frames: int
    unsupported: str | None
    """A codec in the stream that is not carried, video before audio."""
    waiting_key: bool
    """Pictures are held back until the next key frame: the moment to ask the device for one."""
    last_packet_at: float | None
    """Monotonic seconds."""
    viewers: int
    bytes_out: int
    dropped_frames: int
    """Frames not given to viewers that were too slow."""
    container: str | None = None
    """``ps``, ``h264``, ``h265``, ``ts``, ``annexb`` or ``flv``: what packets carry, once known."""
    bad_ps: int = 0
    """Places where the program stream broke the rules."""
    measured: Measures = NOT_MEASURED
    """What is measured once a second."""


@dataclass(frozen=True, slots=True)
class ServedAt:
    """Where a node serves its viewers itself: ``/stream/{stream_id}.flv`` and ``.mp4``."""

    host: str | None
    """None: the host the platform is reached at."""
    port: int
    secure: bool
    """https and wss."""


@dataclass(frozen=True, slots=True)
class NodeTotals:
    """What a node does besides its streams."""

    sounds: int
    """Streams AAC is made for."""
    sounds_refused: int
    """Listeners that got no sound because too much is made already; since the start."""


class MediaNode(OutgoingNode, SegmentNode, PullNode, FeedNode, Protocol):
    """A place that receives, holds and hands out streams."""

    name: str

    async def start(self) -> None: ...
    async def aclose(self) -> None: ...

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        """Lease a port and listen; creates the stream when missing.

        Raises PortsExhausted, StreamBusy, LocalError (a source that is no IP network).
        """
        ...

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        """Connect a tcp-active receiver to its sender.

        Raises MediaConnectFailed, ReceiverUnknown.
        """
        ...

    async def update_receiver(
        self,
        receiver_id: str,
        *,
        ssrc: int | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        """Change what is expected of the sender, None leaves a value as it is.

        Raises ReceiverUnknown.
        """
        ...

    async def close_receiver(self, receiver_id: str, *, rest_s: float = 30.0) -> None:
        """Stop receiving; the stream and its viewers stay, the port rests.  Idempotent."""
        ...

    async def close_stream(self, stream_id: str, reason: str) -> None:
        """End the stream and its viewers.  Idempotent."""
        ...

    async def refresh(self) -> None:
        """Bring all figures up to date; without it they may be half a second old."""
        ...

    def receivers(self) -> list[ReceiverInfo]: ...
    def streams(self) -> list[str]: ...
    def statistics(self, stream_id: str) -> StreamStatistics | None: ...
    def totals(self) -> NodeTotals: ...

    def open_viewer(
        self, stream_id: str, kind: ViewerKind, *, audio: Sound = "off", who: Who = NOBODY
    ) -> Viewer:
        """A reader of the stream; it waits when media has not begun.

        Raises StreamUnknown, ViewersExhausted.
        """
        ...

    def open_hls(self, stream_id: str, *, audio: Sound = "aac", who: Who = NOBODY) -> HlsViewer:
        """A player of the stream by HLS; `raw` sound is `auto`.

        Raises StreamUnknown, ViewersExhausted.
        """
        ...

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        """Who looks now, at one stream or at all; in the order they came."""
        ...

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        """Show a viewer nothing more; False when there is none of this id."""
        ...

    def served_at(self, stream_id: str) -> ServedAt | None:
        """Where the node itself lets players look at this stream; None: nowhere."""
        ...

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        """Tickets that were taken back until now, for a node that is shown tickets."""
        ...

    async def record(self, stream_id: str, path: str) -> None:
        """Write the stream's units into a spool file, from now on or from when the stream comes.

        A file that is there is continued. The recording outlives receivers and the stream; whoever
        began it stops it. Raises RecordingBusy, RecordingImpossible.
        """
        ...

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        """End a recording, with all of it in the file. Idempotent; None when there is none."""
        ...

    def recording(self, stream_id: str) -> RecordingInfo | None: ...

    async def open_voice(self, voice_id: str) -> None:
        """Begin a voice that senders carry.  Raises VoiceBusy."""
        ...

    def feed_voice(self, voice_id: str, samples: bytes) -> None:
        """A-law of a microphone, 8 kHz, as it comes; never blocks, and forgets what is too much.

        Of a voice that is not open, or that nobody hears, it is lost.
        """
        ...

    async def play_voice(self, voice_id: str, samples: bytes, *, loop: bool = False) -> None:
        """Play A-law, 8 kHz, in place of the microphone.  Raises VoiceUnknown."""
        ...

    async def close_voice(self, voice_id: str) -> None:
        """End the voice and its senders, whose ports rest.  Idempotent."""
        ...

    async def open_sender(
        self, spec: SenderSpec, on_heard: Callable[[bytes], None] | None = None
    ) -> SenderInfo:
        """Lease a port for one loudspeaker; `tcp-passive` listens from here on.

        `on_heard` gets the A-law the device sends back, in the loop.
        Raises VoiceUnknown, PortsExhausted, LocalError (a network that is none).
        """
        ...

    async def aim_sender(self, sender_id: str, host: str, port: int) -> None:
        """UDP: send there from now on.  `tcp-active`: connect.

        Raises MediaConnectFailed (also for an address outside the sender's networks),
        SenderUnknown.
        """
        ...

    async def close_sender(self, sender_id: str, *, rest_s: float = 30.0) -> None:
        """Stop sending; the port rests.  Idempotent."""
        ...

    def senders(self) -> list[SenderInfo]: ...
    def voices(self) -> list[str]: ...
    def sender_statistics(self, sender_id: str) -> SenderStatistics | None: ...
    def voice_statistics(self, voice_id: str) -> VoiceStatistics | None: ...

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        """Call `callback` for every event, in the loop; it must not block."""
        ...


__all__ = [
    "NOBODY",
    "FormatChangedEvent",
    "HlsViewer",
    "InitSegment",
    "Measures",
    "MediaConnectFailed",
    "MediaNode",
    "MediaSilent",
    "MediaStarted",
    "MediaUnsupported",
    "NodeEvent",
    "NodeTotals",
    "PortsExhausted",
    "ReceiveMode",
    "ReceiverFailed",
    "ReceiverInfo",
    "ReceiverSpec",
    "ReceiverUnknown",
    "RecordingBusy",
    "RecordingFailed",
    "RecordingImpossible",
    "RecordingInfo",
    "SenderClosed",
    "SenderConnected",
    "SenderInfo",
    "SenderSpec",
    "SenderStatistics",
    "SenderUnknown",
    "ServedAt",
    "SilenceReason",
    "Sound",
    "SoundUnavailable",
    "StreamBusy",
    "StreamStatistics",
    "StreamUnknown",
    "Viewer",
    "ViewerCame",
    "ViewerInfo",
    "ViewerKind",
    "ViewerLeft",
    "ViewersChanged",
    "ViewersExhausted",
    "VoiceBusy",
    "VoiceEnded",
    "VoiceStatistics",
    "VoiceUnknown",
    "Who",
]
