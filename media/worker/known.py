"""What a node knows of its worker without asking: what is open there, and how it stood last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from media.node import (
    NodeEvent,
    NodeTotals,
    ReceiverFailed,
    ReceiverInfo,
    RecordingFailed,
    RecordingInfo,
    SenderClosed,
    SenderInfo,
    SenderStatistics,
    StreamStatistics,
    ViewerCame,
    ViewerInfo,
    ViewerLeft,
    ViewersChanged,
    VoiceStatistics,
)
from media.outgoing import ForwardEnded, ForwardInfo, ForwardStatistics
from media.pushing import PushEnded, PushInfo, PushStatistics
from media.record.segment import SegmentsFailed, SegmentsInfo

from .messages import Seen


class Known:
    """One worker's life; the next worker begins with nothing.

    What is open is known from the calls that opened it, so that nothing told late makes a closed
    stream look open; figures are as old as the last `Seen`.
    """

    def __init__(self) -> None:
        self.receivers: dict[str, ReceiverInfo] = {}
        self.streams: dict[str, None] = {}
        """In the order they were opened."""
        self.recordings: dict[str, RecordingInfo] = {}
        self.segments: dict[str, SegmentsInfo] = {}
        self.voices: dict[str, VoiceStatistics] = {}
        self.senders: dict[str, SenderInfo] = {}
        self.forwards: dict[str, ForwardInfo] = {}
        self.pushes: dict[str, PushInfo] = {}
        self.hearers: dict[int, Callable[[bytes], None]] = {}
        self.viewers: dict[str, ViewerInfo] = {}
        self.totals = NodeTotals(0, 0)
        self._streams_seen: dict[str, StreamStatistics] = {}
        self._senders_seen: dict[str, SenderStatistics] = {}
        self._forwards_seen: dict[str, ForwardStatistics] = {}
        self._pushes_seen: dict[str, PushStatistics] = {}

    def see(self, seen: Seen) -> None:
        """Figures came."""
        streams = {one.stream_id: one for one in seen.streams}
        if seen.totals is not None:
            self.totals = seen.totals
            self._streams_seen = streams
            self._senders_seen = {one.sender_id: one for one in seen.senders}
            self._forwards_seen = {one.forward_id: one for one in seen.forwards}
            self._pushes_seen = {one.push_id: one for one in seen.pushes}
        else:
            self._streams_seen.update(streams)
        for viewer_id, size, dropped in seen.looking:
            viewer = self.viewers.get(viewer_id)
            if viewer is not None:
                self.viewers[viewer_id] = replace(viewer, bytes_out=size, dropped_frames=dropped)
        for recording in seen.recordings:
            if recording.stream_id in self.recordings:
                self.recordings[recording.stream_id] = recording
        for one in seen.segments:
            if one.stream_id in self.segments:
                self.segments[one.stream_id] = one
        for voice in seen.voices:
            if voice.voice_id in self.voices:
                self.voices[voice.voice_id] = voice

    def hear(self, event: NodeEvent) -> None:
        """Something happened: viewers come and go by themselves."""
        if isinstance(event, ViewerCame):
            self.viewers[event.viewer.viewer_id] = event.viewer
        elif isinstance(event, ViewerLeft):
            self.viewers.pop(event.viewer.viewer_id, None)

    def stream(self, stream_id: str) -> StreamStatistics | None:
        """How an open stream stood last."""
        return self._streams_seen.get(stream_id) if stream_id in self.streams else None

    def sender(self, sender_id: str) -> SenderStatistics | None:
        """How an open sender stood last."""
        return self._senders_seen.get(sender_id) if sender_id in self.senders else None

    def forward(self, forward_id: str) -> ForwardStatistics | None:
        """How an open forward stood last."""
        return self._forwards_seen.get(forward_id) if forward_id in self.forwards else None

    def push(self, push_id: str) -> PushStatistics | None:
        """How an open push stood last."""
        return self._pushes_seen.get(push_id) if push_id in self.pushes else None

    def close_stream(self, stream_id: str) -> bool:
        """Forget a stream and its receiver; False when there is none."""
        for info in [one for one in self.receivers.values() if one.stream_id == stream_id]:
            del self.receivers[info.receiver_id]
        found = stream_id in self.streams
        self.streams.pop(stream_id, None)
        return found

    def close_voice(self, voice_id: str) -> bool:
        """Forget a voice and its senders; False when there is none."""
        for info in [one for one in self.senders.values() if one.voice_id == voice_id]:
            del self.senders[info.sender_id]
        return self.voices.pop(voice_id, None) is not None

    def ports(self) -> tuple[int, ...]:
        """Ports that are in use."""
        receiving = tuple(info.port for info in self.receivers.values())
        speaking = tuple(info.port for info in self.senders.values())
        return receiving + speaking + tuple(info.port for info in self.forwards.values())

    def losses(self, reason: str) -> list[NodeEvent]:
        """What there is to tell when the worker died with all this."""
        return [
            *(
                ReceiverFailed(one.stream_id, one.receiver_id, reason)
                for one in self.receivers.values()
            ),
            *(RecordingFailed(stream_id, reason) for stream_id in self.recordings),
            *(SegmentsFailed(stream_id, reason, False) for stream_id in self.segments),
            *(SenderClosed(one.voice_id, one.sender_id, reason) for one in self.senders.values()),
            *(ForwardEnded(f.stream_id, f.forward_id, reason) for f in self.forwards.values()),
            *(PushEnded(one.stream_id, one.push_id, reason) for one in self.pushes.values()),
            *(ViewersChanged(stream_id, 0) for stream_id in self.streams),
            *(ViewerLeft(viewer, "worker_died") for viewer in self.viewers.values()),
        ]
