"""`media.node.MediaNode` whose work is done by a process of its own.

Calls go down the link and are awaited. What can be asked without waiting (which receivers are open,
how a stream stands) is answered from what was told last, half a second ago at most. When the worker
dies (`life`), whoever opened receivers opens them again.
"""

from __future__ import annotations

from collections.abc import Callable

from media.errors import StreamUnknown
from media.feeding import Fed
from media.node import (
    NOBODY,
    NodeEvent,
    NodeTotals,
    ReceiverInfo,
    ReceiverSpec,
    RecordingInfo,
    SenderInfo,
    SenderSpec,
    SenderStatistics,
    ServedAt,
    Sound,
    StreamStatistics,
    ViewerInfo,
    ViewerKind,
    VoiceStatistics,
    Who,
)
from media.outgoing import ForwardInfo, ForwardSpec, ForwardStatistics
from media.ports import REST_S
from media.pulling import Spec
from media.record.segment import SegmentsInfo, SegmentSpec
from media.revoked import Refusal

from . import messages as m
from .hls import WorkerHls
from .life import WorkerLife
from .viewer import WorkerViewer


class WorkerNode(WorkerLife):
    """One worker process and what is known of it."""

    # --- receivers and viewers ---------------------------------------------------------------

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        await self._next_worker()
        known = self._known
        info: ReceiverInfo = await self._ask("open_receiver", spec)
        known.receivers[info.receiver_id] = info
        known.streams[info.stream_id] = None
        return info

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        await self._ask("connect", receiver_id, host, port)

    async def pull(self, receiver_id: str, spec: Spec) -> None:
        await self._ask("pull", receiver_id, spec)

    async def feed(self, receiver_id: str, outs: Fed) -> None:
        await self._ask("feed", receiver_id, outs)

    async def update_receiver(
        self,
        receiver_id: str,
        *,
        ssrc: int | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        await self._ask("update_receiver", receiver_id, ssrc=ssrc, sources=sources)

    async def close_receiver(self, receiver_id: str, *, rest_s: float = REST_S) -> None:
        if self._known.receivers.pop(receiver_id, None) is not None:
            await self._ask("close_receiver", receiver_id, rest_s=rest_s)

    async def close_stream(self, stream_id: str, reason: str) -> None:
        if self._known.close_stream(stream_id):
            await self._ask("close_stream", stream_id, reason)

    async def refresh(self) -> None:
        await self._ask("refresh")

    def receivers(self) -> list[ReceiverInfo]:
        return list(self._known.receivers.values())

    def streams(self) -> list[str]:
        return list(self._known.streams)

    def statistics(self, stream_id: str) -> StreamStatistics | None:
        return self._known.stream(stream_id)

    def totals(self) -> NodeTotals:
        return self._known.totals

    def open_viewer(
        self, stream_id: str, kind: ViewerKind, *, audio: Sound = "off", who: Who = NOBODY
    ) -> WorkerViewer:
        if stream_id not in self._known.streams:
            raise StreamUnknown(stream_id)
        return self._audience.open(stream_id, kind, {"audio": audio, "who": who})

    def open_hls(self, stream_id: str, *, audio: Sound = "aac", who: Who = NOBODY) -> WorkerHls:
        if stream_id not in self._known.streams:
            raise StreamUnknown(stream_id)
        return self._audience.open_hls(stream_id, {"audio": audio, "who": who}, self._ask)

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        viewers = self._known.viewers.values()
        return [one for one in viewers if stream_id is None or one.stream_id == stream_id]

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        return viewer_id in self._known.viewers and bool(
            await self._ask("end_viewer", viewer_id, reason)
        )

    def served_at(self, stream_id: str) -> ServedAt | None:
        known = stream_id in self._known.streams
        return self.own if known and self.is_up else None

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        self._refusals = refusals
        self._send(m.Refuse(refusals))

    async def key_frame(self, stream_id: str) -> bytes:
        if stream_id not in self._known.streams:
            raise StreamUnknown(stream_id)
        found: bytes = await self._ask("key_frame", stream_id)
        return found

    # --- forwards ----------------------------------------------------------------------------

    async def open_forward(self, spec: ForwardSpec) -> ForwardInfo:
        known = self._known
        info: ForwardInfo = await self._ask("open_forward", spec)
        known.forwards[info.forward_id] = info
        return info

    async def aim_forward(self, forward_id: str, host: str, port: int) -> None:
        await self._ask("aim_forward", forward_id, host, port)

    async def close_forward(self, forward_id: str, *, rest_s: float = REST_S) -> None:
        if self._known.forwards.pop(forward_id, None) is not None:
            await self._ask("close_forward", forward_id, rest_s=rest_s)

    def forwards(self) -> list[ForwardInfo]:
        return list(self._known.forwards.values())

    def forward_statistics(self, forward_id: str) -> ForwardStatistics | None:
        return self._known.forward(forward_id)

    # --- recordings --------------------------------------------------------------------------

    async def record(self, stream_id: str, path: str) -> None:
        await self._next_worker()
        await self._ask("record", stream_id, path)
        self._known.recordings.setdefault(
            stream_id, RecordingInfo(stream_id, path, 0, 0, 0.0, None)
        )

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        self._known.recordings.pop(stream_id, None)
        found: RecordingInfo | None = await self._ask("stop_recording", stream_id)
        return found

    def recording(self, stream_id: str) -> RecordingInfo | None:
        return self._known.recordings.get(stream_id)

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        await self._next_worker()
        await self._ask("record_segments", stream_id, spec)
        none = SegmentsInfo(stream_id, 0, 0, 0.0, None, 0.0, 0.0, 0, None)
        self._known.segments.setdefault(stream_id, none)

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        self._known.segments.pop(stream_id, None)
        found: SegmentsInfo | None = await self._ask("stop_segments", stream_id)
        return found

    def segments(self, stream_id: str) -> SegmentsInfo | None:
        return self._known.segments.get(stream_id)

    # --- voices ------------------------------------------------------------------------------

    async def open_voice(self, voice_id: str) -> None:
        await self._next_worker()
        await self._ask("open_voice", voice_id)
        self._known.voices.setdefault(voice_id, VoiceStatistics(voice_id, 0, 0, 0, 0.0))

    def feed_voice(self, voice_id: str, samples: bytes) -> None:
        if voice_id in self._known.voices:
            self._send(m.Call(0, "feed_voice", (voice_id, samples), {}))

    async def play_voice(self, voice_id: str, samples: bytes, *, loop: bool = False) -> None:
        await self._ask("play_voice", voice_id, samples, loop=loop)

    async def close_voice(self, voice_id: str) -> None:
        if self._known.close_voice(voice_id):
            await self._ask("close_voice", voice_id)

    async def open_sender(
        self, spec: SenderSpec, on_heard: Callable[[bytes], None] | None = None
    ) -> SenderInfo:
        known, number = self._known, next(self._numbers)
        if on_heard is not None:
            known.hearers[number] = on_heard
        try:
            info: SenderInfo = await self._asked(
                m.Call(number, "open_sender", (spec,), {"hears": on_heard is not None})
            )
        except BaseException:
            known.hearers.pop(number, None)
            raise
        known.senders[info.sender_id] = info
        return info

    async def aim_sender(self, sender_id: str, host: str, port: int) -> None:
        await self._ask("aim_sender", sender_id, host, port)

    async def close_sender(self, sender_id: str, *, rest_s: float = REST_S) -> None:
        if self._known.senders.pop(sender_id, None) is not None:
            await self._ask("close_sender", sender_id, rest_s=rest_s)

    def senders(self) -> list[SenderInfo]:
        return list(self._known.senders.values())

    def voices(self) -> list[str]:
        return list(self._known.voices)

    def sender_statistics(self, sender_id: str) -> SenderStatistics | None:
        return self._known.sender(sender_id)

    def voice_statistics(self, voice_id: str) -> VoiceStatistics | None:
        return self._known.voices.get(voice_id)

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._listeners.append(callback)
