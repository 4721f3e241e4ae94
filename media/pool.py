"""Several media nodes as one: a stream is opened where `placement` says, and stays there.

Everything of a stream (its receivers, viewers, recording) is on one node, and so is a voice with
its senders. A node that is down gets nothing new; what it had is told as failed by itself, and
whoever opens it again gets another node. A node that is drained gets nothing new either; what it
has ends by itself, or is called again elsewhere when asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from media.errors import PortsExhausted, StreamUnknown
from media.feeding import Fed
from media.node import (
    NOBODY,
    HlsViewer,
    MediaNode,
    NodeEvent,
    NodeTotals,
    ReceiverFailed,
    ReceiverInfo,
    ReceiverSpec,
    ReceiverUnknown,
    RecordingInfo,
    SenderInfo,
    SenderSpec,
    SenderStatistics,
    SenderUnknown,
    ServedAt,
    Sound,
    StreamStatistics,
    Viewer,
    ViewerInfo,
    ViewerKind,
    VoiceStatistics,
    VoiceUnknown,
    Who,
)
from media.outgoing import ForwardInfo, ForwardSpec, ForwardStatistics, ForwardUnknown
from media.placement import NodeStanding, NodeState, Traits, choose
from media.pool_pushes import PoolPushes
from media.ports import REST_S
from media.pulling import Spec
from media.record.segment import SegmentsInfo, SegmentsMoved, SegmentSpec
from media.revoked import Refusal


@dataclass(frozen=True, slots=True)
class Home:
    """The node that alone takes streams somebody brings to this process (RTMP)."""

    name: str
    holds: Callable[[str], bool]
    """Whether a stream is one of these."""
    apart: bool = False
    """It takes no others."""


class NodePool:
    """`media.node.MediaNode` over several of them."""

    def __init__(
        self,
        nodes: Sequence[MediaNode],
        traits: Mapping[str, Traits] | None = None,
        home: Home | None = None,
    ) -> None:
        """`nodes`: at least one; they live and end with the pool. `traits` by their names."""
        self.name = "pool"
        self.nodes = tuple(nodes)
        self.pushing = PoolPushes(self.nodes)
        self._traits = dict(traits or {})
        self._home = home
        self._draining: set[str] = set()
        self._recorded: dict[str, MediaNode] = {}
        self._listeners: list[Callable[[NodeEvent], None]] = []

    def __repr__(self) -> str:
        return f"<NodePool {list(self.nodes)!r}>"

    async def start(self) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))

    async def aclose(self) -> None:
        await asyncio.gather(*(node.aclose() for node in self.nodes))

    async def refresh(self) -> None:
        await asyncio.gather(*(node.refresh() for node in self.nodes if _is_up(node)))

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._listeners.append(callback)
        for node in self.nodes:
            node.listen(callback)

    # --- standing, and taking out of service -------------------------------------------------

    def standings(self) -> list[NodeStanding]:
        """Every node as it stands."""
        return [self._standing(node) for node in self.nodes]

    def drain(self, name: str, on: bool) -> bool:
        """Give a node nothing new, or give it again; False when there is none of this name."""
        if all(node.name != name for node in self.nodes):
            return False
        (self._draining.add if on else self._draining.discard)(name)
        return True

    async def move(self, name: str) -> int:
        """Have the streams of a node called again elsewhere; how many there were.

        Told like the death of a node: receivers failed, viewers end and come again. A recording in
        segments is ended with a whole file, and whoever wants it is told to begin anew. Streams
        that are downloaded into one file stay until they end by themselves.
        """
        moved = 0
        for node in self.nodes:
            if node.name != name:
                continue
            recorded = [one for one, where in self._recorded.items() if where is node]
            for stream_id in dict.fromkeys([*node.streams(), *recorded]):
                if node.recording(stream_id) is None:
                    moved += stream_id in node.streams()
                    await self._move(node, stream_id)
        return moved

    async def _move(self, node: MediaNode, stream_id: str) -> None:
        is_recorded = self._recorded.pop(stream_id, None) is not None
        if is_recorded:
            await node.stop_segments(stream_id)
        for info in node.receivers():
            if info.stream_id == stream_id:
                failed = ReceiverFailed(stream_id, info.receiver_id, "moved to another media node")
                for callback in self._listeners:
                    callback(failed)
        await node.close_stream(stream_id, "moved")
        if is_recorded:
            for callback in self._listeners:
                callback(SegmentsMoved(stream_id))

    def _standing(self, node: MediaNode) -> NodeStanding:
        state: NodeState = "up" if _is_up(node) else "down"
        return NodeStanding(
            node.name,
            "draining" if node.name in self._draining else state,
            self._traits.get(node.name, Traits()),
            len(node.streams()),
            len(node.voices()),
            len(node.viewers()),
        )

    # --- where things are --------------------------------------------------------------------

    def _of_stream(self, stream_id: str) -> MediaNode | None:
        for node in self.nodes:
            if node.recording(stream_id) is not None or stream_id in node.streams():
                return node
        return next((node for node in self.nodes if node.segments(stream_id) is not None), None)

    def _of_receiver(self, receiver_id: str) -> MediaNode | None:
        for node in self.nodes:
            if any(info.receiver_id == receiver_id for info in node.receivers()):
                return node
        return None

    def _of_voice(self, voice_id: str) -> MediaNode | None:
        return next((node for node in self.nodes if voice_id in node.voices()), None)

    def _of_sender(self, sender_id: str) -> MediaNode | None:
        for node in self.nodes:
            if any(info.sender_id == sender_id for info in node.senders()):
                return node
        return None

    def _chosen(self, stream_id: str = "", place: str = "") -> MediaNode:
        """For something new.  Raises PortsExhausted."""
        standings, home = self.standings(), self._home
        if home is not None and home.holds(stream_id):
            standings = [one for one in standings if one.name == home.name]
        elif home is not None and home.apart:
            standings = [one for one in standings if one.name != home.name]
        name = choose(standings, place)
        for node in self.nodes:
            if node.name == name:
                return node
        raise PortsExhausted("every media node is being drained")

    # --- receivers and viewers ---------------------------------------------------------------

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        node = self._of_stream(spec.stream_id) or self._chosen(spec.stream_id, spec.place)
        return await node.open_receiver(spec)

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        node = self._of_receiver(receiver_id)
        if node is None:
            raise ReceiverUnknown(receiver_id)
        await node.connect(receiver_id, host, port)

    async def pull(self, receiver_id: str, spec: Spec) -> None:
        node = self._of_receiver(receiver_id)
        if node is None:
            raise ReceiverUnknown(receiver_id)
        await node.pull(receiver_id, spec)

    async def feed(self, receiver_id: str, outs: Fed) -> None:
        node = self._of_receiver(receiver_id)
        if node is None:
            raise ReceiverUnknown(receiver_id)
        await node.feed(receiver_id, outs)

    async def update_receiver(
        self,
        receiver_id: str,
        *,
        ssrc: int | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        node = self._of_receiver(receiver_id)
        if node is None:
            raise ReceiverUnknown(receiver_id)
        await node.update_receiver(receiver_id, ssrc=ssrc, sources=sources)

    async def close_receiver(self, receiver_id: str, *, rest_s: float = REST_S) -> None:
        node = self._of_receiver(receiver_id)
        if node is not None:
            await node.close_receiver(receiver_id, rest_s=rest_s)

    async def close_stream(self, stream_id: str, reason: str) -> None:
        node = self._of_stream(stream_id)
        if node is not None:
            await node.close_stream(stream_id, reason)

    def receivers(self) -> list[ReceiverInfo]:
        return [info for node in self.nodes for info in node.receivers()]

    def streams(self) -> list[str]:
        return [stream_id for node in self.nodes for stream_id in node.streams()]

    def statistics(self, stream_id: str) -> StreamStatistics | None:
        found = (node.statistics(stream_id) for node in self.nodes)
        return next((one for one in found if one is not None), None)

    def totals(self) -> NodeTotals:
        found = [node.totals() for node in self.nodes]
        return NodeTotals(sum(t.sounds for t in found), sum(t.sounds_refused for t in found))

    def open_viewer(
        self, stream_id: str, kind: ViewerKind, *, audio: Sound = "off", who: Who = NOBODY
    ) -> Viewer:
        node = self._of_stream(stream_id)
        if node is None:
            raise StreamUnknown(stream_id)
        return node.open_viewer(stream_id, kind, audio=audio, who=who)

    def open_hls(self, stream_id: str, *, audio: Sound = "aac", who: Who = NOBODY) -> HlsViewer:
        node = self._of_stream(stream_id)
        if node is None:
            raise StreamUnknown(stream_id)
        return node.open_hls(stream_id, audio=audio, who=who)

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        return [info for node in self.nodes for info in node.viewers(stream_id)]

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        for node in self.nodes:
            if any(info.viewer_id == viewer_id for info in node.viewers()):
                return await node.end_viewer(viewer_id, reason)
        return False

    def served_at(self, stream_id: str) -> ServedAt | None:
        node = self._of_stream(stream_id)
        return None if node is None else node.served_at(stream_id)

    def refuse(self, refusals: tuple[Refusal, ...]) -> None:
        for node in self.nodes:
            node.refuse(refusals)

    async def key_frame(self, stream_id: str) -> bytes:
        node = self._of_stream(stream_id)
        if node is None:
            raise StreamUnknown(stream_id)
        return await node.key_frame(stream_id)

    # --- forwards ----------------------------------------------------------------------------

    def _of_forward(self, forward_id: str) -> MediaNode | None:
        for node in self.nodes:
            if any(info.forward_id == forward_id for info in node.forwards()):
                return node
        return None

    async def open_forward(self, spec: ForwardSpec) -> ForwardInfo:
        node = self._of_stream(spec.stream_id)
        if node is None:
            raise StreamUnknown(spec.stream_id)
        return await node.open_forward(spec)

    async def aim_forward(self, forward_id: str, host: str, port: int) -> None:
        node = self._of_forward(forward_id)
        if node is None:
            raise ForwardUnknown(forward_id)
        await node.aim_forward(forward_id, host, port)

    async def close_forward(self, forward_id: str, *, rest_s: float = REST_S) -> None:
        node = self._of_forward(forward_id)
        if node is not None:
            await node.close_forward(forward_id, rest_s=rest_s)

    def forwards(self) -> list[ForwardInfo]:
        return [info for node in self.nodes for info in node.forwards()]

    def forward_statistics(self, forward_id: str) -> ForwardStatistics | None:
        node = self._of_forward(forward_id)
        return None if node is None else node.forward_statistics(forward_id)

    # --- recordings --------------------------------------------------------------------------

    async def record(self, stream_id: str, path: str) -> None:
        await (self._of_stream(stream_id) or self._chosen(stream_id)).record(stream_id, path)

    async def stop_recording(self, stream_id: str) -> RecordingInfo | None:
        node = self._of_stream(stream_id)
        return None if node is None else await node.stop_recording(stream_id)

    def recording(self, stream_id: str) -> RecordingInfo | None:
        node = self._of_stream(stream_id)
        return None if node is None else node.recording(stream_id)

    async def record_segments(self, stream_id: str, spec: SegmentSpec) -> None:
        node = self._of_stream(stream_id) or self._chosen(stream_id)
        await node.record_segments(stream_id, spec)
        self._recorded[stream_id] = node

    async def stop_segments(self, stream_id: str) -> SegmentsInfo | None:
        self._recorded.pop(stream_id, None)
        node = self._of_stream(stream_id)
        return None if node is None else await node.stop_segments(stream_id)

    def segments(self, stream_id: str) -> SegmentsInfo | None:
        node = self._of_stream(stream_id)
        return None if node is None else node.segments(stream_id)

    # --- voices ------------------------------------------------------------------------------

    async def open_voice(self, voice_id: str) -> None:
        await (self._of_voice(voice_id) or self._chosen()).open_voice(voice_id)

    def feed_voice(self, voice_id: str, samples: bytes) -> None:
        node = self._of_voice(voice_id)
        if node is not None:
            node.feed_voice(voice_id, samples)

    async def play_voice(self, voice_id: str, samples: bytes, *, loop: bool = False) -> None:
        await self._voice(voice_id).play_voice(voice_id, samples, loop=loop)

    async def close_voice(self, voice_id: str) -> None:
        node = self._of_voice(voice_id)
        if node is not None:
            await node.close_voice(voice_id)

    async def open_sender(
        self, spec: SenderSpec, on_heard: Callable[[bytes], None] | None = None
    ) -> SenderInfo:
        return await self._voice(spec.voice_id).open_sender(spec, on_heard)

    async def aim_sender(self, sender_id: str, host: str, port: int) -> None:
        node = self._of_sender(sender_id)
        if node is None:
            raise SenderUnknown(sender_id)
        await node.aim_sender(sender_id, host, port)

    async def close_sender(self, sender_id: str, *, rest_s: float = REST_S) -> None:
        node = self._of_sender(sender_id)
        if node is not None:
            await node.close_sender(sender_id, rest_s=rest_s)

    def senders(self) -> list[SenderInfo]:
        return [info for node in self.nodes for info in node.senders()]

    def voices(self) -> list[str]:
        return [voice_id for node in self.nodes for voice_id in node.voices()]

    def sender_statistics(self, sender_id: str) -> SenderStatistics | None:
        node = self._of_sender(sender_id)
        return None if node is None else node.sender_statistics(sender_id)

    def voice_statistics(self, voice_id: str) -> VoiceStatistics | None:
        node = self._of_voice(voice_id)
        return None if node is None else node.voice_statistics(voice_id)

    def _voice(self, voice_id: str) -> MediaNode:
        node = self._of_voice(voice_id)
        if node is None:
            raise VoiceUnknown(voice_id)
        return node


def _is_up(node: MediaNode) -> bool:
    """A node without a worker cannot be down."""
    return bool(getattr(node, "is_up", True))
