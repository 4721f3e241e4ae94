"""One talk in memory: its lines, its conversation, its microphone; and the view outsiders get."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from .conversation import Conversation, Counts, Source, TalkState
from .leg_words import Step
from .line import Line
from .microphone import Microphone


class Mode(StrEnum):
    """What was asked for."""

    BROADCAST = "broadcast"
    """Speech to devices."""
    TALK = "talk"
    """The same, and the live picture of the channel for its sound (9.12.2)."""
    TALK_2016 = "talk-2016"
    """One dialog with speech both ways (`s=Talk`)."""


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target as API and events show it."""

    target_id: str
    channel_id: str
    device_id: str
    voice_output: str
    state: Step
    reason: str | None
    leg: str | None
    message: str | None
    message_zh: str | None
    sip_status: int | None
    session_id: str | None
    transport: str | None
    remote: str | None
    packets: int
    running_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TalkView:
    """A talk as API and events show it."""

    talk_id: str
    mode: Mode
    source: Source
    voice_id: str | None
    loop: bool
    state: TalkState
    reason: str | None
    speaking: bool
    """A microphone is open."""
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    targets: tuple[TargetView, ...]


@dataclass(slots=True, eq=False)
class Talk:
    """Owned by the service."""

    talk_id: str
    mode: Mode
    conversation: Conversation
    created_by: str
    voice_id: str | None = None
    """Of recorded speech."""
    samples: bytes = field(default=b"", repr=False)
    loop: bool = False
    lines: list[Line] = field(default_factory=list)
    microphone: Microphone | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Every target hears, or is over."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Talk {self.talk_id} {self.conversation.state} {len(self.lines)} targets>"

    @property
    def open(self) -> bool:
        return self.conversation.state is not TalkState.ENDED

    def counts(self) -> Counts:
        """Where its targets stand; one that says goodbye does not count any more."""
        steps = [line.leg.step for line in self.lines]
        over = sum(step is Step.ENDED for step in steps)
        running = sum(step in (Step.RUNNING, Step.CLOSING) for step in steps)
        return Counts(len(steps) - over - running, running, over)

    def view(self) -> TalkView:
        reason = self.conversation.reason
        return TalkView(
            talk_id=self.talk_id,
            mode=self.mode,
            source=self.conversation.source,
            voice_id=self.voice_id,
            loop=self.loop,
            state=self.conversation.state,
            reason=None if reason is None else reason.value,
            speaking=self.microphone is not None,
            created_by=self.created_by,
            created_at=self.created_at,
            ended_at=self.ended_at,
            targets=tuple(map(target_view, self.lines)),
        )


def target_view(line: Line) -> TargetView:
    """One line as outsiders see it."""
    target, session, why = line.target, line.session, line.leg.why
    remote = session.view(0).remote if session is not None else None
    return TargetView(
        target_id=target.target_id,
        channel_id=target.channel_id,
        device_id=target.device_id,
        voice_output=target.code,
        state=line.leg.step,
        reason=None if why is None else why.reason.value,
        leg=why.leg.value if why is not None and why.failed else None,
        message=None if why is None else why.message,
        message_zh=None if why is None else why.words.zh,
        sip_status=None if why is None else why.sip_status,
        session_id=None if session is None else session.session_id,
        transport=None if session is None else session.transport,
        remote=remote,
        packets=line.packets,
        running_at=line.running_at,
        ended_at=line.ended_at,
    )
