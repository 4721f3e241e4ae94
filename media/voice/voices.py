"""The voices of a node and the senders that carry them: one timer for all, 50 times a second.

A voice is opened, fed (or given a programme to play) and closed; senders are opened for it, one
for each loudspeaker. One feed serves all senders of a voice. The timer runs only while a voice has
a sender somebody listens to.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from media.node import (
    NodeEvent,
    SenderClosed,
    SenderConnected,
    SenderInfo,
    SenderSpec,
    SenderStatistics,
    SenderUnknown,
    VoiceBusy,
    VoiceEnded,
    VoiceStatistics,
    VoiceUnknown,
)
from media.send.sender import Sender
from media.voice.audio import AudioPacketizer, AudioReader
from media.voice.voice import FRAME_S, VoiceSource

Heard = Callable[[bytes], None]
Open = Callable[["Line"], Sender]


@dataclass(slots=True, eq=False)
class Line:
    """A sender and what it counts."""

    info: SenderInfo
    packets: AudioPacketizer
    on_heard: Heard | None
    emit: Callable[[NodeEvent], None]
    sender: Sender | None = None
    reader: AudioReader = field(default_factory=AudioReader)
    sent: int = 0

    def say(self, frame: bytes) -> None:
        """One frame of the voice; before anybody can hear it nothing is counted."""
        sender = self.sender
        if sender is None or sender.remote is None:
            return
        if sender.send(self.packets.packet(frame)):
            self.sent += 1

    def hear(self, packets: list[bytes]) -> None:
        """Packets of the device's microphone."""
        for packet in packets:
            samples = self.reader.feed(packet)
            if samples and self.on_heard is not None:
                self.on_heard(samples)

    def connected(self) -> None:
        self.emit(SenderConnected(self.info.voice_id, self.info.sender_id))

    def closed(self, reason: str) -> None:
        self.emit(SenderClosed(self.info.voice_id, self.info.sender_id, reason))


@dataclass(slots=True, eq=False)
class _Voice:
    source: VoiceSource = field(default_factory=VoiceSource)
    lines: dict[str, Line] = field(default_factory=dict)
    end_told: bool = False


class Voices:
    """Those of one node."""

    def __init__(
        self, name: str, emit: Callable[[NodeEvent], None], clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._emit = emit
        self._clock = clock
        self._voices: dict[str, _Voice] = {}
        self._lines: dict[str, Line] = {}
        self._numbers = count(1)
        self._timer: asyncio.TimerHandle | None = None

    # --- voices ------------------------------------------------------------------------------

    def open(self, voice_id: str) -> None:
        """Raises VoiceBusy."""
        if voice_id in self._voices:
            raise VoiceBusy(voice_id)
        self._voices[voice_id] = _Voice()

    def feed(self, voice_id: str, samples: bytes) -> None:
        """A-law as it comes; of a voice that is gone it is nobody's."""
        voice = self._voices.get(voice_id)
        if voice is not None and voice.source.deadline is not None:
            voice.source.push(samples)

    def play(self, voice_id: str, samples: bytes, *, loop: bool) -> None:
        """Raises VoiceUnknown."""
        voice = self._voice(voice_id)
        voice.source.play(samples, loop=loop)
        voice.end_told = False

    def close(self, voice_id: str) -> list[SenderInfo]:
        """Forget a voice; returns the senders it still had, closed."""
        voice = self._voices.get(voice_id)
        if voice is None:
            return []
        gone = [info for line in list(voice.lines) if (info := self.close_sender(line))]
        del self._voices[voice_id]
        return gone

    def ids(self) -> list[str]:
        return list(self._voices)

    def statistics(self, voice_id: str) -> VoiceStatistics | None:
        voice = self._voices.get(voice_id)
        if voice is None:
            return None
        source = voice.source
        return VoiceStatistics(
            voice_id, len(voice.lines), source.frames, source.silent_frames, source.dropped_s
        )

    # --- senders -----------------------------------------------------------------------------

    def open_sender(
        self, spec: SenderSpec, host: str, port: int, on_heard: Heard | None, make: Open
    ) -> SenderInfo:
        """Raises VoiceUnknown, and whatever ``make`` raises."""
        voice = self._voice(spec.voice_id)
        info = SenderInfo(
            sender_id=f"{self._name}-v{next(self._numbers)}",
            voice_id=spec.voice_id,
            host=host,
            port=port,
            mode=spec.mode,
        )
        packets = AudioPacketizer(
            spec.ssrc,
            spec.payload,
            sequence=secrets.randbelow(1 << 15),
            timestamp=secrets.randbits(31),
        )
        line = Line(info, packets, on_heard, self._emit)
        line.sender = make(line)
        self._lines[info.sender_id] = voice.lines[info.sender_id] = line
        # All voices on one grid: then the timer serves them in one wake.
        voice.source.start((self._clock() // FRAME_S + 1) * FRAME_S)
        self._arm()
        return info

    async def aim(self, sender_id: str, host: str, port: int) -> None:
        """Raises SenderUnknown, MediaConnectFailed."""
        line = self._lines.get(sender_id)
        if line is None or line.sender is None:
            raise SenderUnknown(sender_id)
        await line.sender.aim(host, port)

    def close_sender(self, sender_id: str) -> SenderInfo | None:
        """What it was, once."""
        line = self._lines.pop(sender_id, None)
        if line is None or line.sender is None:
            return None
        line.sender.close()
        voice = self._voices[line.info.voice_id]
        del voice.lines[sender_id]
        if not voice.lines:
            voice.source.stop()
        return line.info

    def senders(self) -> list[SenderInfo]:
        return [line.info for line in self._lines.values()]

    def sender_statistics(self, sender_id: str) -> SenderStatistics | None:
        line = self._lines.get(sender_id)
        if line is None or line.sender is None:
            return None
        return SenderStatistics(
            sender_id=sender_id,
            remote=line.sender.remote,
            packets=line.sent,
            dropped=line.sender.dropped,
            heard=line.reader.packets,
            foreign=line.sender.foreign,
        )

    # --- time --------------------------------------------------------------------------------

    def tick(self) -> None:
        """Send what is due."""
        now = self._clock()
        for voice_id, voice in list(self._voices.items()):
            for frame in voice.source.due(now):
                for line in list(voice.lines.values()):
                    line.say(frame)
            if voice.source.ended and not voice.end_told:
                voice.end_told = True
                self._emit(VoiceEnded(voice_id))

    def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for voice_id in self.ids():
            self.close(voice_id)

    def _on_timer(self) -> None:
        self._timer = None
        self.tick()
        self._arm()

    def _arm(self) -> None:
        deadlines = [d for v in self._voices.values() if (d := v.source.deadline) is not None]
        if deadlines and self._timer is None:
            pause = max(0.001, min(deadlines) - self._clock())
            self._timer = asyncio.get_running_loop().call_later(pause, self._on_timer)

    def _voice(self, voice_id: str) -> _Voice:
        voice = self._voices.get(voice_id)
        if voice is None:
            raise VoiceUnknown(voice_id)
        return voice
