"""A projector with what stands around it: files in memory, and a clock that moves when told to."""

from __future__ import annotations

from dataclasses import dataclass

from media.record import projector as p
from media.record.projector import Projector, Strip
from media.record.unpack import Part
from media.unit import CLOCK_HZ, AccessUnit, AudioFormat, Codec, FormatChanged, VideoFormat

START = 1_800_000_000.0
STEP = CLOCK_HZ // 25
VIDEO = VideoFormat(Codec.H264, 320, 240, 25.0, (b"\x67sps", b"\x68pps"))
OTHER = VideoFormat(Codec.H264, 640, 480, 25.0, (b"\x67sp2", b"\x68pps"))
SOUND = AudioFormat(Codec.AAC, 8000, 1, b"\x15\x88")
FRAME = 1024 * CLOCK_HZ // 8000


def file_of(
    name: str,
    starts: float,
    seconds: int,
    *,
    video: VideoFormat | None = VIDEO,
    sound: AudioFormat | None = None,
    size: int = 10,
) -> list[Strip]:
    """Strips of a second, each beginning with a key frame; data names file and number."""
    strips, heard = [], 0
    for second in range(seconds):
        begins, ends = second * CLOCK_HZ, (second + 1) * CLOCK_HZ
        units = []
        for number in range(25 if video else 0):
            data = f"{name}:{second * 25 + number}".encode().ljust(size, b".")
            at = begins + number * STEP
            units.append(AccessUnit(True, Codec.H264, at + STEP, at, number == 0, data))
        while sound is not None and heard * FRAME < ends:
            data = f"{name}~{heard}".encode()
            units.append(AccessUnit(False, Codec.AAC, heard * FRAME, heard * FRAME, True, data))
            heard += 1
        units.sort(key=lambda unit: (unit.dts, not unit.video))
        strips.append(Strip(name, starts, video, sound, Part(begins, ends, tuple(units))))
    return strips


@dataclass(frozen=True)
class Shown:
    """What was given, and when."""

    at: float
    out: AccessUnit | FormatChanged


class Stage:
    """Plays the shell."""

    def __init__(self, *files: list[Strip], end: float = START + 1e6, delay: float = 0.0) -> None:
        self.strips = [strip for file in files for strip in file]
        self.projector = Projector(START, end)
        self.now = 100.0
        self.shown: list[Shown] = []
        self.finished = False
        self.loads: list[p.Load] = []
        self.most = 0
        self.delay = delay
        self._next = 0
        self._coming: tuple[float, p.Loaded] | None = None
        self.tell(p.Begin())

    def tell(self, event: p.Input) -> None:
        for effect in self.projector.handle(event, self.now):
            match effect:
                case p.Show(outs):
                    self.shown += [Shown(self.now, out) for out in outs]
                case p.Load():
                    self._load(effect)
                case p.Finished():
                    assert not self.finished
                    self.finished = True
        self.most = max(self.most, self.projector.buffered)

    def _load(self, load: p.Load) -> None:
        self.loads.append(load)
        if load.at is not None:
            before = [
                number
                for number, strip in enumerate(self.strips)
                if strip.starts + strip.part.begins / CLOCK_HZ <= load.at
            ]
            self._next = before[-1] if before else 0
        found = self.strips[self._next : self._next + 1]
        self._next += 1
        self._coming = (self.now + self.delay, p.Loaded(load.turn, tuple(found)))

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        until = self.now + seconds
        while not self.finished:
            due = [until]
            if self._coming is not None:
                due.append(self._coming[0])
            if self.projector.deadline is not None:
                due.append(self.projector.deadline)
            self.now = max(self.now, min(due))
            if self._coming is not None and self._coming[0] <= self.now:
                loaded, self._coming = self._coming[1], None
                self.tell(loaded)
            elif self.projector.deadline is not None and self.projector.deadline <= self.now:
                self.tell(p.Tick())
            elif self.now >= until:
                break
        self.now = max(self.now, until)

    def look(self, on: bool = True) -> None:
        self.tell(p.Watched(on))

    @property
    def units(self) -> list[AccessUnit]:
        return [one.out for one in self.shown if isinstance(one.out, AccessUnit)]

    @property
    def pictures(self) -> list[AccessUnit]:
        return [unit for unit in self.units if unit.video]

    @property
    def names(self) -> list[str]:
        """Of the pictures."""
        return [unit.data.decode().rstrip(".") for unit in self.pictures]

    @property
    def formats(self) -> list[FormatChanged]:
        return [one.out for one in self.shown if isinstance(one.out, FormatChanged)]

    def check(self) -> None:
        """What players rest on: times rise in each track, nothing comes before its time."""
        for video in (True, False):
            times = [unit.dts for unit in self.units if unit.video is video]
            assert times == sorted(set(times))
        assert all(unit.pts >= unit.dts for unit in self.units)
