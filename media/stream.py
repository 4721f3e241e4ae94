"""One stream in this process: pipeline, hub and the receiver that is open for it.

The stream outlives its receivers: when a camera is invited again, viewers stay and the pipeline
goes on counting time where it was.  What happens is told through `emit`; once a second `tick`
finds what no packet can tell, because none came.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from media.feeding import Fed
from media.hub import Hub
from media.measures import Meter
from media.node import (
    FormatChangedEvent,
    MediaSilent,
    MediaStarted,
    MediaUnsupported,
    NodeEvent,
    ReceiverFailed,
    ReceiverInfo,
    ReceiverUnknown,
    SilenceReason,
    SoundUnavailable,
    StreamStatistics,
    ViewersChanged,
)
from media.options import HubLimits
from media.pulling import PublishSpec, PullSpec, Spec
from media.receive.fed import FedReceiver
from media.receive.pipeline import Pipeline
from media.receive.rtcp_port import RtcpPort
from media.receive.single_tcp import SingleTcp
from media.receive.single_udp import SharedReceiver, SingleUdp
from media.receive.source_lock import SILENCE_S, Networks, SourceLock
from media.receive.tcp import TcpReceiver
from media.receive.udp import SocketPoller, UdpReceiver
from media.record.recorder import Recorder
from media.record.segments import SegmentRecorder
from media.rtmp.publications import Publications
from media.rtmp.receiver import RtmpReceiver
from media.rtp.reception import INTERVAL_S
from media.rtsp.puller import RtspPuller
from media.sound.shop import SoundShop

Shell = UdpReceiver | SharedReceiver | TcpReceiver | RtspPuller | RtmpReceiver | FedReceiver
"""What takes the packets of a stream."""

UNSUPPORTED_AFTER_S = 3.0
"""An unknown sound alone is no failure while a picture may still begin."""
CNAME = b"gb28181"
"""Who reports, RFC 3550 6.5.1: cameras do nothing with it."""


class OpenReceiver:
    """A leased port, its socket, and what was already told about it."""

    __slots__ = ("info", "opened_at", "rtcp", "shell", "told_silence", "told_unsupported")

    def __init__(self, info: ReceiverInfo, shell: Shell, now: float) -> None:
        self.info = info
        self.shell = shell
        self.opened_at = now
        self.rtcp: RtcpPort | None = None
        self.told_silence: float | None = None  # the last packet before the silence told last
        self.told_unsupported = False

    @property
    def last_at(self) -> float:
        """The last packet, or the opening when none came."""
        return max(self.shell.last_at, self.opened_at)


class Stream:
    """A stream and its one source."""

    def __init__(
        self,
        stream_id: str,
        limits: HubLimits,
        emit: Callable[[NodeEvent], None],
        now: float,
        *,
        ordered: bool = False,
        sounds: SoundShop | None = None,
        own_ssrc: int = 0,
        report_s: float = INTERVAL_S,
    ) -> None:
        """`ordered`: the transport keeps order (TCP), no packet is waited for. `own_ssrc` signs
        receiver reports; without one none are sent."""
        self.stream_id = stream_id
        self.ordered = ordered
        self.pipeline = Pipeline(ordered=ordered)
        self.hub = Hub(
            stream_id,
            limits,
            on_started=self._started,
            on_format=self._format_changed,
            on_viewers=lambda viewers: emit(ViewersChanged(stream_id, viewers)),
            on_no_sound=lambda reason: emit(SoundUnavailable(stream_id, reason)),
            sounds=sounds,
        )
        self.receiver: OpenReceiver | None = None
        self.recorder: Recorder | None = None
        self.segments: SegmentRecorder | None = None
        self._emit = emit
        self._had_receiver = False
        self._meter = Meter(now)
        self._own_ssrc = own_ssrc
        self._report_s = report_s
        self._leave_shared: Callable[[], None] | None = None
        self._gone = (0, 0, 0)  # kernel drops, foreign, invalid of the receivers closed so far
        self._foreign_source: tuple[str, int] | None = None

    def open_udp(
        self,
        info: ReceiverInfo,
        poller: SocketPoller,
        lock: SourceLock,
        sock: socket.socket,
        now: float,
    ) -> None:
        """Receive on a bound socket, which is ours from here on."""
        self._expect_sender()
        shell = UdpReceiver(
            poller,
            sock,
            lock,
            self.pipeline.feed_all,
            self.hub.feed,
            on_new_source=self._new_sender,
            on_failed=lambda reason: self._failed(info, reason),
        )
        self.receiver = OpenReceiver(info, shell, now)

    def open_shared(
        self, info: ReceiverInfo, port: SingleUdp, lock: SourceLock, now: float
    ) -> None:
        """Receive on the port all streams share."""
        self._expect_sender()
        shell = SharedReceiver(
            port,
            lock,
            self.pipeline.feed_all,
            self.hub.feed,
            on_new_source=self._new_sender,
            on_failed=lambda reason: self._failed(info, reason),
        )
        self.receiver = OpenReceiver(info, shell, now)

    def open_rtsp(
        self,
        info: ReceiverInfo,
        poller: SocketPoller,
        open_udp: Callable[[str], socket.socket],
        now: float,
    ) -> None:
        """Be ready to fetch the picture of a camera."""
        self._expect_sender()
        shell = RtspPuller(
            poller,
            self.pipeline,
            self.hub.feed,
            open_udp,
            on_closed=lambda: self._connection_closed(info),
        )
        self.receiver = OpenReceiver(info, shell, now)

    def open_brought(self, info: ReceiverInfo, publications: Publications, now: float) -> None:
        """Be ready for what comes to this process otherwise than in packets."""
        if info.mode == "fed":
            self.open_fed(info, now)
        else:
            self.open_rtmp(info, publications, now)

    def open_rtmp(self, info: ReceiverInfo, publications: Publications, now: float) -> None:
        """Be ready to take what somebody publishes."""
        self._expect_sender()
        shell = RtmpReceiver(
            publications,
            self.pipeline,
            self.hub.feed,
            on_closed=lambda: self._connection_closed(info),
        )
        self.receiver = OpenReceiver(info, shell, now)

    def open_fed(self, info: ReceiverInfo, now: float) -> None:
        """Be ready for units the platform gives itself."""
        self._expect_sender()
        self.hub.complete = True
        shell = FedReceiver(self.pipeline, self.hub.feed, self.hub.interrupt)
        self.receiver = OpenReceiver(info, shell, now)

    def feed(self, outs: Fed, now: float) -> bool:
        """Units for a receiver that is fed; False when the one that is open is not."""
        shell = self.receiver.shell if self.receiver is not None else None
        if not isinstance(shell, FedReceiver):
            return False
        shell.feed(outs, now)
        return True

    def open_tcp(
        self,
        info: ReceiverInfo,
        poller: SocketPoller,
        networks: Networks,
        sock: socket.socket | None,
        now: float,
        shared: SingleTcp | None = None,
        ssrc: int | None = None,
    ) -> None:
        """Listen on a bound socket, or on the one all streams share; be ready to connect when there
        is neither."""
        self._expect_sender()
        shell = TcpReceiver(
            poller,
            networks,
            self.pipeline.feed_all,
            self.hub.feed,
            on_new_source=self._new_sender,
            on_closed=lambda: self._connection_closed(info),
        )
        self.receiver = OpenReceiver(info, shell, now)
        if sock is not None:
            shell.listen(sock)
        if shared is not None:
            shared.add(shell, ssrc)
            self._leave_shared = lambda: shared.remove(shell)

    async def pull(self, spec: Spec) -> None:
        """Have the picture fetched; see `media.pulling.PullNode`."""
        receiver = self.receiver
        match receiver and receiver.shell, spec:
            case RtspPuller() as puller, PullSpec():
                await puller.pull(spec)
            case RtmpReceiver() as listener, PublishSpec():
                await listener.pull(spec)
            case _:
                raise ReceiverUnknown(f"{self.stream_id} does not pull that")

    def record(self, recorder: Recorder | None) -> None:
        """Give all units to a recording from here on, or no longer."""
        self.recorder = recorder
        self.hub.tap(None if recorder is None else recorder.take)

    def record_segments(self, recorder: SegmentRecorder | None) -> None:
        """Record in segments from here on, or no longer."""
        self.segments = recorder
        self.hub.record(recorder)

    def update(self, ssrc: int | None, networks: Networks | None) -> None:
        if self.receiver is None:
            return
        shell = self.receiver.shell
        if isinstance(shell, UdpReceiver | SharedReceiver):
            if ssrc is not None:
                shell.lock.ssrc = ssrc
            if networks is not None:
                shell.lock.allow_only(networks)
        elif networks is not None and isinstance(shell, TcpReceiver):
            shell.allow_only(networks)

    def close_receiver(self) -> ReceiverInfo | None:
        """Stop receiving; the stream and its viewers stay."""
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return None
        self._gone = self._intake_counts(receiver)
        self._foreign_source = receiver.shell.foreign_source or self._foreign_source
        receiver.shell.close()
        if self._leave_shared is not None:
            self._leave_shared()
            self._leave_shared = None
        if receiver.rtcp is not None:
            receiver.rtcp.close()
        return receiver.info

    def close(self, reason: str) -> ReceiverInfo | None:
        info = self.close_receiver()
        self.hub.close(reason)
        return info

    def flush(self, now: float) -> None:
        """Some times a second: what waited too long for a missing packet, or for the next frame."""
        outs = self.pipeline.flush(now)
        if outs:
            self.hub.feed(outs)

    def tick(self, now: float, gap_s: float) -> None:
        """Once a second."""
        self.hub.tick(now)
        if self.segments is not None:
            self.segments.tick()
        if self.receiver is not None:
            self.receiver.shell.tick(now)
            self._report(self.receiver, now)
            self._check_silence(self.receiver, now, gap_s)
            self._check_codec(self.receiver, now)
        self._meter.look(self.pipeline, now)

    def hear(self, packet: bytes, now: float) -> bool:
        """RTCP of the sender that came to a port of its own."""
        return self.pipeline.reception.hear(packet, now)

    def _report(self, receiver: OpenReceiver, now: float) -> None:
        """RTCP for the sender, where it is due: over UDP, to whom media is taken from."""
        shell, pipeline = receiver.shell, self.pipeline
        if (
            not self._own_ssrc
            or not isinstance(shell, UdpReceiver | SharedReceiver)
            or shell.source is None
        ):
            return
        if receiver.rtcp is not None:
            receiver.rtcp.expected = shell.source[0]
        if not pipeline.reception.due(now) or now - shell.last_at >= SILENCE_S:
            return
        counts = pipeline.counts()
        if counts is None:
            return
        packet = pipeline.reception.report(counts, self._own_ssrc, CNAME, now, self._report_s)
        if receiver.rtcp is not None and not pipeline.rtcp_muxed:
            receiver.rtcp.send(packet, *shell.source)
        else:
            shell.send(packet, above=not pipeline.rtcp_muxed)

    def statistics(self) -> StreamStatistics:
        stats = self.pipeline.stats
        receiver = self.receiver
        kernel_drops, foreign, invalid = (
            self._gone if receiver is None else self._intake_counts(receiver)
        )
        return StreamStatistics(
            stream_id=self.stream_id,
            video=self.hub.video,
            audio=self.hub.audio,
            aac=self.hub.promised_aac,
            receiver_id=None if receiver is None else receiver.info.receiver_id,
            source=None if receiver is None else receiver.shell.source,
            packets=stats.packets,
            bytes_in=stats.bytes,
            bitrate_bps=self._meter.last.bitrate_bps,
            lost=stats.lost,
            late=stats.late,
            duplicates=stats.duplicates,
            kernel_drops=kernel_drops,
            foreign=foreign,
            foreign_source=(receiver and receiver.shell.foreign_source) or self._foreign_source,
            invalid=invalid,
            ssrc=stats.ssrc,
            ssrc_changes=stats.ssrc_changes,
            frames=stats.frames,
            key_frames=stats.key_frames,
            unsupported=stats.unsupported_codec or stats.unsupported_audio,
            waiting_key=stats.waiting_key,
            last_packet_at=stats.last_packet_at,
            viewers=self.hub.viewer_count,
            bytes_out=self.hub.bytes_out,
            dropped_frames=self.hub.dropped_frames,
            container=stats.container,
            bad_ps=stats.bad_ps,
            measured=self._meter.last,
        )

    def _intake_counts(self, receiver: OpenReceiver) -> tuple[int, int, int]:
        drops, foreign, invalid = self._gone
        shell = receiver.shell
        if isinstance(shell, UdpReceiver | SharedReceiver):
            drops += shell.kernel_drops
            invalid += shell.lock.invalid
        return drops, foreign + shell.foreign, invalid

    def _expect_sender(self) -> None:
        if self._had_receiver:
            self._new_sender()
        self._had_receiver = True
        self.hub.started = self.hub.complete = False

    def _new_sender(self) -> None:
        self.hub.feed(self.pipeline.restart())
        self.hub.interrupt()

    def _started(self) -> None:
        if self.receiver is not None:
            self._emit(
                MediaStarted(
                    self.stream_id,
                    self.receiver.info.receiver_id,
                    self.hub.video,
                    self.hub.audio,
                )
            )

    def _format_changed(self) -> None:
        self._emit(FormatChangedEvent(self.stream_id, self.hub.video, self.hub.audio))

    def _failed(self, info: ReceiverInfo, reason: str) -> None:
        self._emit(ReceiverFailed(self.stream_id, info.receiver_id, reason))

    def _connection_closed(self, info: ReceiverInfo) -> None:
        receiver = self.receiver
        if receiver is not None and receiver.info is info:
            receiver.told_silence = receiver.last_at
            self._emit(MediaSilent(self.stream_id, info.receiver_id, 0.0, SilenceReason.CLOSED))

    def _check_silence(self, receiver: OpenReceiver, now: float, gap_s: float) -> None:
        if isinstance(receiver.shell, FedReceiver):
            return  # whoever feeds it knows
        last_at = receiver.last_at
        seconds = now - last_at
        if seconds < gap_s or receiver.told_silence == last_at:
            return
        receiver.told_silence = last_at
        never = receiver.shell.last_at <= receiver.opened_at
        reason = SilenceReason.NEVER if never else SilenceReason.GAP
        self._emit(MediaSilent(self.stream_id, receiver.info.receiver_id, seconds, reason))

    def _check_codec(self, receiver: OpenReceiver, now: float) -> None:
        if receiver.told_unsupported or self.hub.started:
            return
        stats = self.pipeline.stats
        codec = stats.unsupported_codec
        if (
            codec is None
            and self.hub.video is None
            and now - receiver.opened_at >= UNSUPPORTED_AFTER_S
        ):
            codec = stats.unsupported_audio
        if codec is not None:
            receiver.told_unsupported = True
            self._emit(MediaUnsupported(self.stream_id, receiver.info.receiver_id, str(codec)))
