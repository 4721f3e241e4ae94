"""All talks of a node: begins and ends them, and tells what becomes of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from gb28181.cluster.bus import Bus, Event
from gb28181.device.clock import Clock
from gb28181.errors import BadInput, Busy, Conflict, LegFailed, NotFound
from gb28181.telemetry import events
from gb28181.telemetry import events_talk as ev
from gb28181.telemetry.logs import get_logger
from media.node import NodeEvent, SenderClosed, SenderConnected, VoiceEnded

from . import conversation as talks
from . import leg_words as legs
from .books import Desk
from .conversation import Conversation, Source
from .leg_words import Step, Way
from .line import Line
from .microphone import Microphone
from .reasons import Reason, Why
from .reception import Reception
from .talk import Mode, Talk, TalkView, target_view
from .targets import Target, Wish, find
from .voices import Voices

HISTORY = 200
"""Ended talks that can still be asked for."""
PARALLEL = 64
"""Targets of one node that are on their way at one time; the others are queued."""
SHUTDOWN_S = 2.5
"""How long ``aclose`` waits for the answers to its BYEs."""

log = get_logger("talk")


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """From the settings."""

    microphone_s: float
    """How long a talk waits for a microphone."""
    targets: int
    talks: int


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants said, and to whom."""

    targets: Sequence[Wish]
    mode: Mode = Mode.BROADCAST
    source: Source = Source.MICROPHONE
    voice_id: str | None = None
    loop: bool = False
    by: str = ""


class TalkService:
    """One per node; close it before the sessions."""

    def __init__(
        self, desk: Desk, voices: Voices, bus: Bus, options: TalkOptions, clock: Clock | None = None
    ) -> None:
        self.voices = voices
        self.options = options
        self._desk = desk
        self._bus = bus
        self._clock = clock or Clock()
        self.reception = Reception(desk, self._lines, self._clock)
        """What devices say in their dialogs."""
        self._talks: dict[str, Talk] = {}
        self._ended: deque[Talk] = deque(maxlen=HISTORY)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        desk.node.listen(self._on_node_event)

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Look at the recorded speech there is."""
        await self.voices.start()

    async def aclose(self) -> None:
        """BYE to all, wait a little for the answers. Idempotent."""
        self._stopping = True
        going = list(self._talks.values())
        for talk in going:
            self._feed(talk, talks.End(Reason.SHUTDOWN))
        if going:
            overs = {asyncio.ensure_future(talk.over.wait()) for talk in going}
            await asyncio.wait(overs, timeout=SHUTDOWN_S)
            for over in overs:
                over.cancel()
        for talk in going:
            for line in talk.lines:
                await line.settle()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self.reception.drain()

    # --- what the API asks -------------------------------------------------------------------

    async def begin(self, order: Order) -> Talk:
        """A new talk, its targets being called. Raises NotFound, BadInput, Busy, Conflict."""
        targets = self._targets(order)
        samples = b""
        if order.source is Source.FILE:
            samples = await self.voices.samples(order.voice_id or "")
        if self._stopping or len(self._talks) >= self.options.talks:
            raise Busy("talks_busy", f"{len(self._talks)} talks are open already")
        talk = Talk(
            talk_id=self._desk.dialer.new_id(),
            mode=order.mode,
            conversation=Conversation(order.source, self.options.microphone_s),
            created_by=order.by,
            voice_id=order.voice_id,
            samples=samples,
            loop=order.loop,
        )
        busy = self._busy()
        way = Way.TALK if order.mode is Mode.TALK_2016 else Way.BROADCAST
        for target in targets:
            line = Line(self._desk, talk.talk_id, target, way, self._line_changed)
            if way is Way.TALK:
                line.on_heard = lambda samples: _hear(talk, samples)
            talk.lines.append(line)
        self._talks[talk.talk_id] = talk
        await self._desk.node.open_voice(talk.talk_id)
        log.event(
            ev.TALK_STARTED,
            talk_id=talk.talk_id,
            mode=order.mode.value,
            source=order.source.value,
            targets=len(targets),
            user=order.by,
        )
        for line in list(talk.lines):
            if line.target.key in busy:
                line.end(Why(Reason.BUSY))
        self._fill()
        return talk

    def talk(self, talk_id: str) -> Talk:
        """Open or ended a while ago; raises NotFound."""
        found = self._talks.get(talk_id)
        if found is None:
            found = next((talk for talk in self._ended if talk.talk_id == talk_id), None)
        if found is None:
            raise NotFound("talk", talk_id[:64])
        return found

    def views(self, *, ended: bool = False) -> list[TalkView]:
        """Newest first."""
        found: Iterable[Talk] = reversed(self._ended if ended else list(self._talks.values()))
        return [talk.view() for talk in found]

    def end(self, talk_id: str) -> None:
        """End every target with BYE; one that is over already is no fault. Raises NotFound."""
        self._feed(self.talk(talk_id), talks.End(Reason.STOPPED))

    def microphone(self, talk_id: str, rate: int) -> Microphone:
        """Open the microphone of a talk. Raises NotFound, Conflict, BadInput."""
        talk = self.talk(talk_id)
        if not talk.open or talk.conversation.source is not Source.MICROPHONE:
            raise Conflict("talk_has_no_microphone", f"talk {talk_id} takes no microphone now")
        if talk.microphone is not None:
            raise Conflict("microphone_busy", f"somebody speaks in talk {talk_id} already")

        def speak(samples: bytes) -> None:
            self._desk.node.feed_voice(talk.talk_id, samples)

        def closed() -> None:
            talk.microphone = None
            log.event(
                ev.TALK_MICROPHONE_CLOSED, talk_id=talk_id, seconds=round(microphone.seconds, 1)
            )
            self._feed(talk, talks.MicrophoneClosed())
            self._tell(talk)

        microphone = Microphone(rate, self._clock.now, speak, closed)
        talk.microphone = microphone
        log.event(ev.TALK_MICROPHONE_OPENED, talk_id=talk_id, rate=rate)
        self._feed(talk, talks.MicrophoneOpened())
        self._tell(talk)
        return microphone

    def _targets(self, order: Order) -> list[Target]:
        if not 0 < len(order.targets) <= self.options.targets:
            raise BadInput(f"a talk has 1 to {self.options.targets} targets")
        if order.mode is not Mode.BROADCAST and len(order.targets) > 1:
            raise BadInput(f"{order.mode} is with one target; to many it is broadcast")
        if order.mode is Mode.TALK and not order.targets[0].channel_id:
            raise BadInput("talk needs a channel, because its live picture brings the sound back")
        if (order.source is Source.FILE) != bool(order.voice_id):
            raise BadInput("source file needs a voice_id, and source microphone has none")
        found: dict[tuple[str, str], Target] = {}
        for wish in order.targets:
            target = find(self._desk.devices, wish)
            found.setdefault(target.key, target)
        return list(found.values())

    def _busy(self) -> set[tuple[str, str]]:
        """Targets somebody talks to."""
        return {line.target.key for line in self._lines() if line.leg.step is not Step.ENDED}

    def device_changed(self, device_id: str, state: str) -> None:
        """A device that goes offline hears nothing any more."""
        if state == "offline":
            for line in self._lines():
                if line.target.device_id == device_id:
                    line.end(Why(Reason.DEVICE_OFFLINE))

    # --- media -------------------------------------------------------------------------------

    def _on_node_event(self, event: NodeEvent) -> None:
        match event:
            case SenderConnected():
                self._of_sender(event.sender_id, legs.Reached())
            case SenderClosed():
                why = Why(Reason.CONNECTION_LOST, event.reason)
                self._of_sender(event.sender_id, legs.Lost(why))
            case VoiceEnded():
                talk = self._talks.get(event.voice_id)
                if talk is not None:
                    self._feed(talk, talks.Played())
            case _:
                pass  # of pictures

    def _of_sender(self, sender_id: str, event: legs.Input) -> None:
        session = self._desk.ledger.by_receiver(sender_id)
        line = next((line for line in self._lines() if line.session is session), None)
        if session is not None and line is not None:
            line.feed(event)

    # --- conversations -----------------------------------------------------------------------

    def _line_changed(self, line: Line) -> None:
        talk = self._talks.get(line.talk_id)
        if talk is None:
            return
        self._bus.publish(Event("talk.changed", _told(talk, line)))
        counts = talk.counts()
        self._feed(talk, counts)
        if not counts.pending:
            talk.settled.set()
        self._fill()

    def _fill(self) -> None:
        """Begin the oldest queued targets, as many as may be on their way."""
        going = (Step.ASKING, Step.AWAITING, Step.CONNECTING)
        room = PARALLEL - sum(line.leg.step in going for line in self._lines())
        queued = [line for line in self._lines() if line.leg.step is Step.QUEUED]
        for line in queued[: max(0, room)]:
            if line.leg.step is Step.QUEUED:
                line.begin()

    def _feed(self, talk: Talk, event: talks.Input) -> None:
        for effect in talk.conversation.handle(event, self._clock.now()):
            match effect:
                case talks.Play():
                    self._spawn(talk)
                case talks.EndTargets(reason):
                    for line in list(talk.lines):
                        line.end(Why(reason))
                case talks.Changed():
                    self._tell(talk)
                case talks.Over():
                    self._over(talk)
                case _:
                    assert_never(effect)
        self._arm(talk)

    def _spawn(self, talk: Talk) -> None:
        play = self._desk.node.play_voice(talk.talk_id, talk.samples, loop=talk.loop)
        self._keep(asyncio.ensure_future(play))

    def _over(self, talk: Talk) -> None:
        self._talks.pop(talk.talk_id, None)
        self._ended.append(talk)
        talk.ended_at = self._clock.civil()
        talk.samples = b""
        talk.settled.set()
        talk.over.set()
        if talk.microphone is not None:
            talk.microphone.close()
        self._keep(asyncio.ensure_future(self._desk.node.close_voice(talk.talk_id)))
        reason = talk.conversation.reason
        log.event(
            ev.TALK_ENDED,
            talk_id=talk.talk_id,
            reason=reason.value if reason is not None else "targets_gone",
            duration_ms=round((talk.ended_at - talk.created_at).total_seconds() * 1000),
        )

    def _arm(self, talk: Talk) -> None:
        if talk.timer is not None:
            talk.timer.cancel()
            talk.timer = None
        deadline = talk.conversation.deadline
        if deadline is not None:
            pause = max(0.0, deadline - self._clock.now())
            loop = asyncio.get_running_loop()
            talk.timer = loop.call_later(pause, self._feed, talk, talks.Tick())

    def _tell(self, talk: Talk) -> None:
        self._bus.publish(Event("talk.changed", _told(talk)))

    def _lines(self) -> list[Line]:
        return [line for talk in self._talks.values() for line in talk.lines]

    def _keep(self, task: asyncio.Future[None]) -> None:
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(events.APP_FAILED, component="talk", error=task.exception())


def refusal(talk: Talk) -> LegFailed | Conflict | None:
    """Why the only target of a talk does not hear, as an error of the API; None when it does."""
    line = talk.lines[0]
    why = line.leg.why
    if why is None:
        return None
    detail = {
        "talk_id": talk.talk_id,
        "reason": why.reason.value,
        "zh": why.words.zh,
        "en": why.words.en,
    }
    if why.reason is Reason.BUSY:
        return Conflict("talk_busy", why.message, **detail)
    return LegFailed(why.leg, why.message, sip_status=why.sip_status, detail=detail)


def _hear(talk: Talk, samples: bytes) -> None:
    if talk.microphone is not None:
        talk.microphone.hear(samples)


def _told(talk: Talk, line: Line | None = None) -> dict[str, object]:
    reason = talk.conversation.reason
    data: dict[str, object] = {
        "talk_id": talk.talk_id,
        "state": talk.conversation.state.value,
        "reason": None if reason is None else reason.value,
        "speaking": talk.microphone is not None,
        "target": None,
    }
    if line is not None:
        view = target_view(line)
        data["target"] = {
            "target_id": view.target_id,
            "device_id": view.device_id,
            "state": view.state.value,
            "reason": view.reason,
            "message": view.message,
            "message_zh": view.message_zh,
            "session_id": view.session_id,
        }
    return data
