"""The media node of this process: receivers, streams, viewers and voices in the running loop.

For small installations and tests, and what a worker process runs inside.  One timer
serves all streams, and one all voices; there is none per packet, per stream or per viewer.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections.abc import Callable
from itertools import count
from time import monotonic, time

from media.errors import StreamUnknown, ViewersExhausted
from media.feeding import Fed
from media.hls.feed import HlsPlayer
from media.hub import Hub
from media.lookers import Lookers
from media.node import (
    NOBODY,
    NodeEvent,
    NodeTotals,
    ReceiverInfo,
    ReceiverSpec,
    ReceiverUnknown,
    RecordingInfo,
    SenderInfo,
    SenderSpec,
    SenderStatistics,
    ServedAt,
    Sound,
    StreamBusy,
    StreamStatistics,
    ViewerInfo,
    ViewerKind,
    ViewersChanged,
    VoiceStatistics,
    Who,
)
from media.options import NodeOptions
from media.outgoing import ForwardInfo, ForwardSpec, ForwardStatistics
from media.output.viewers import StreamViewer
from media.ports import REST_S
from media.pulling import Spec
from media.receive.source_lock import Networks, SourceLock
from media.receive.tcp import TcpReceiver
from media.record.recordings import Recordings
from media.record.segment import SegmentsInfo, SegmentSpec
from media.revoked import Refusal
from media.rtmp.publications import Publications
from media.send.forwards import Forwards
from media.send.pushes import Pushes
from media.sockets import Sockets
from media.sound.shop import SoundShop
from media.stream import Stream
from media.voice.voices import Voices

log = logging.getLogger("gb28181.media.node")

FLUSH_S = 0.25
FLUSHES_PER_TICK = 4
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class InProcessNode:
    """`media.node.MediaNode` in the running loop."""

    def __init__(
        self,
        options: NodeOptions | None = None,
        *,
        publications: Publications | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`publications`: what `rtmp` receivers can take."""
        self.options = options or NodeOptions()
        self.name = self.options.name
        self._publications = publications or Publications()
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self._open: dict[str, Stream] = {}  # by receiver id
        self.sounds = SoundShop(self.options.sounds)
        self._numbers = count(1)
        self._listeners: list[Callable[[NodeEvent], None]] = []
        self._own_ssrc = secrets.randbits(32) | 1 if self.options.report_s else 0
        self._sockets = Sockets(self.options, self._own_ssrc, clock)
        self.ports = self._sockets.ports
        self._recordings = Recordings(self._streams.get, self._emit)
        self._voices = Voices(self.name, self._emit, clock)
        self._lookers = Lookers(self.name, self._emit, time)
        self._forwards = Forwards(self.name, self._emit)
        self.pushing = Pushes(self.name, self._emit, self._look)
        self._flushes = 0
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return (
            f"<InProcessNode {self.name} streams={len(self._streams)}"
            f" receivers={len(self._open)} {self.ports!r}>"
        )

    async def start(self) -> None:
        if self._timer is None:
            self._arm()

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._voices.aclose()
        self._forwards.aclose()
        self.pushing.aclose()
        for stream_id in list(self._streams):
            await self.close_stream(stream_id, "node_closed")
        await self._recordings.aclose()
        self._sockets.aclose()
        self.sounds.close()

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        now = self._clock()
        stream = self._streams.get(spec.stream_id)
        if stream is not None and stream.receiver is not None:
            raise StreamBusy(f"{spec.stream_id} has {stream.receiver.info.receiver_id}")
        networks = Networks(spec.sources)
        shared = bool(self.options.single_port) and spec.mode in ("udp", "tcp-passive")
        if shared:
            self._sockets.share()
        port, sock = (
            (self.options.single_port, None) if shared else self._sockets.open(spec.mode, now)
        )
        stream = self._stream_for(spec, stream, now)
        info = ReceiverInfo(
            receiver_id=f"{self.name}-{next(self._numbers)}",
            stream_id=spec.stream_id,
            host=self.options.announce_host or self.options.bind_host,
            port=port,
            mode=spec.mode,
        )
        self._open[info.receiver_id] = stream
        try:
            if spec.mode == "udp" and sock is not None:
                lock = SourceLock(networks, spec.ssrc)
                stream.open_udp(info, self._sockets.poller(), lock, sock, now)
                self._sockets.open_rtcp(stream, port + 1)
            elif spec.mode == "udp" and self._sockets.single_udp is not None:
                shell = self._sockets.single_udp
                stream.open_shared(info, shell, SourceLock(networks, spec.ssrc), now)
            elif spec.mode in ("fed", "rtmp"):
                stream.open_brought(info, self._publications, now)
            elif spec.mode == "rtsp":
                stream.open_rtsp(info, self._sockets.poller(), self._sockets.for_tracks(info), now)
            elif shared:
                single, poller = self._sockets.single_tcp, self._sockets.poller()
                stream.open_tcp(info, poller, networks, None, now, shared=single, ssrc=spec.ssrc)
            else:
                stream.open_tcp(info, self._sockets.poller(), networks, sock, now)
        except BaseException:
            stream.close_receiver()
            self._rest(info, 0.0)
            if sock is not None:
                sock.close()
            raise
        return info

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        receiver = self._stream_of(receiver_id).receiver
        if receiver is None or not isinstance(receiver.shell, TcpReceiver):
            raise ReceiverUnknown(f"{receiver_id} is no TCP receiver")
        await receiver.shell.connect(host, port, (self.options.bind_host, receiver.info.port))

    async def pull(self, receiver_id: str, spec: Spec) -> None:
        await self._stream_of(receiver_id).pull(spec)

    async def feed(self, receiver_id: str, outs: Fed) -> None:
        if not self._stream_of(receiver_id).feed(outs, self._clock()):
            raise ReceiverUnknown(f"{receiver_id} is not fed")

    async def update_receiver(
        self,
        receiver_id: str,
        *,
        ssrc: int | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        networks = None if sources is None else Networks(sources)
        self._stream_of(receiver_id).update(ssrc, networks)

    async def close_receiver(self, receiver_id: str, *, rest_s: float = REST_S) -> None:
        stream = self._open.pop(receiver_id, None)
        if stream is not None:
            self._rest(stream.close_receiver(), rest_s)

    async def close_stream(self, stream_id: str, reason: str) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            self._rest(stream.close(reason), REST_S)

    async def refresh(self) -> None:
        """Figures are always those of now."""

    def receivers(self) -> list[ReceiverInfo]:
        return [s.receiver.info for s in self._open.values() if s.receiver is not None]

    def streams(self) -> list[str]:
        return list(self._streams)

    def statistics(self, stream_id: str) -> StreamStatistics | None:
        stream = self._streams.get(stream_id)
        return None if stream is None else stream.statistics()

    def totals(self) -> NodeTotals:
        return NodeTotals(self.sounds.running, self.sounds.refused)

    def open_viewer(
        self, stream_id: str, kind: ViewerKind, *, audio: Sound = "off", who: Who = NOBODY
    ) -> StreamViewer:
        viewer = self._hub_for_viewer(stream_id).open_viewer(kind, audio=audio)
        self._lookers.enter(viewer, stream_id, who)
        return viewer

    def open_hls(self, stream_id: str, *, audio: Sound = "aac", who: Who = NOBODY) -> HlsPlayer:
        player = self._hub_for_viewer(stream_id).open_hls(audio=audio)
        self._lookers.enter(player, stream_id, who)
        return player

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        return self._lookers.all(stream_id)

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        return await self._lookers.end(viewer_id, reason)

    def _hub_for_viewer(self, stream_id: str) -> Hub:
        stream = self._streams.get(stream_id)
        if stream is None:
            raise StreamUnknown(stream_id)
        viewers = sum(s.hub.viewer_count for s in self._streams.values())
        if viewers >= self.options.viewers:
            raise ViewersExhausted(f"{self.name}: {viewers} viewers")
        return stream.hub

    def served_at(self, stream_id: str) -> ServedAt | None:
        """Whoever runs this node serves its viewers."""
        return None

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        """Nobody shows it a ticket."""

    async def key_frame(self, stream_id: str) -> bytes:
        stream = self._streams.get(stream_id)
        if stream is None:
            raise StreamUnknown(stream_id)
        return stream.hub.key_frame()

    # --- recordings --------------------------------------------------------------------------

    async def record(self, stream_id: str, path: str) -> None:
        await self._recordings.record(stream_id, path)

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        return await self._recordings.stop_recording(stream_id)

    def recording(self, stream_id: str) -> RecordingInfo | None:
        return self._recordings.recording(stream_id)

    def recordings(self) -> list[str]:
        """Streams being recorded."""
        return self._recordings.recorded()

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        await self._recordings.record_segments(stream_id, spec)

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        return await self._recordings.stop_segments(stream_id)

    def segments(self, stream_id: str) -> SegmentsInfo | None:
        return self._recordings.segments(stream_id)

    def segmented(self) -> list[str]:
        """Streams being recorded in segments."""
        return self._recordings.segmented()

    # --- voices and forwards -----------------------------------------------------------------

    async def open_voice(self, voice_id: str) -> None:
        self._voices.open(voice_id)

    def feed_voice(self, voice_id: str, samples: bytes) -> None:
        self._voices.feed(voice_id, samples)

    async def play_voice(self, voice_id: str, samples: bytes, *, loop: bool = False) -> None:
        self._voices.play(voice_id, samples, loop=loop)

    async def close_voice(self, voice_id: str) -> None:
        for info in self._voices.close(voice_id):
            self._sockets.release(info, REST_S)

    async def open_sender(
        self, spec: SenderSpec, on_heard: Callable[[bytes], None] | None = None
    ) -> SenderInfo:
        with self._sockets.lease(spec.mode, spec.networks) as leased:
            host = self.options.announce_host or self.options.bind_host
            return self._voices.open_sender(
                spec,
                host,
                leased.local[1],
                on_heard,
                lambda line: leased.sender(line.hear, line.connected, line.closed),
            )

    async def aim_sender(self, sender_id: str, host: str, port: int) -> None:
        await self._voices.aim(sender_id, host, port)

    async def close_sender(self, sender_id: str, *, rest_s: float = REST_S) -> None:
        self._sockets.release(self._voices.close_sender(sender_id), rest_s)

    def senders(self) -> list[SenderInfo]:
        return self._voices.senders()

    def voices(self) -> list[str]:
        return self._voices.ids()

    def sender_statistics(self, sender_id: str) -> SenderStatistics | None:
        return self._voices.sender_statistics(sender_id)

    def voice_statistics(self, voice_id: str) -> VoiceStatistics | None:
        return self._voices.statistics(voice_id)

    async def open_forward(self, spec: ForwardSpec) -> ForwardInfo:
        if spec.stream_id not in self._streams:
            raise StreamUnknown(spec.stream_id)
        with self._sockets.lease(spec.mode, spec.networks) as leased:
            host = self.options.announce_host or self.options.bind_host
            return self._forwards.open(spec, host, leased, self._look)

    def _look(self, stream_id: str, kind: ViewerKind, audio: Sound, who: Who) -> StreamViewer:
        return self.open_viewer(stream_id, kind, audio=audio, who=who)

    async def aim_forward(self, forward_id: str, host: str, port: int) -> None:
        await self._forwards.aim(forward_id, host, port)

    async def close_forward(self, forward_id: str, *, rest_s: float = REST_S) -> None:
        self._sockets.release(self._forwards.close(forward_id), rest_s)

    def forwards(self) -> list[ForwardInfo]:
        return self._forwards.infos()

    def forward_statistics(self, forward_id: str) -> ForwardStatistics | None:
        return self._forwards.statistics(forward_id)

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._listeners.append(callback)

    def tick(self, now: float) -> None:
        """What is due once a second, for all streams."""
        for stream in list(self._streams.values()):
            stream.tick(now, self.options.gap_s)
        self._sockets.tick(now)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._on_timer)

    def _on_timer(self) -> None:
        self._arm()
        now = self._clock()
        for stream in list(self._streams.values()):
            stream.flush(now)
        self._flushes += 1
        if self._flushes % FLUSHES_PER_TICK == 0:
            self.tick(now)

    def _stream_for(self, spec: ReceiverSpec, stream: Stream | None, now: float) -> Stream:
        """The stream to receive for; made anew when one that came over TCP now comes over UDP.

        The pipeline of a TCP stream waits for no packet, so it cannot put UDP in order; its time
        begins anew, therefore its viewers have to come again.
        """
        ordered = spec.mode not in ("udp", "rtsp")
        if stream is not None and stream.ordered and not ordered:
            stream.close("transport_changed")
            stream = None
        if stream is None:
            stream = Stream(
                spec.stream_id,
                self.options.limits,
                self._emit,
                now,
                ordered=ordered,
                sounds=self.sounds,
                own_ssrc=self._own_ssrc,
                report_s=self.options.report_s,
            )
            self._streams[spec.stream_id] = stream
            self._recordings.attach(stream)
        return stream

    def _emit(self, event: NodeEvent) -> None:
        for callback in self._listeners:
            try:
                callback(event)
            except Exception:
                # A listener's defect must not stop the packets of the stream that told it.
                log.exception("a listener of %s failed on %r", self.name, event)
        if isinstance(event, ViewersChanged):
            self._lookers.sweep(event.stream_id)

    def _stream_of(self, receiver_id: str) -> Stream:
        stream = self._open.get(receiver_id)
        if stream is None:
            raise ReceiverUnknown(receiver_id)
        return stream

    def _rest(self, info: ReceiverInfo | None, rest_s: float) -> None:
        if info is not None:
            self._open.pop(info.receiver_id, None)
            self._sockets.rest(info, rest_s)
