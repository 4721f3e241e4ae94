"""A dome that does what it is told: moves, remembers presets, knows the time, takes pictures.

On top of `Controls`, whose answers are literal; here those that depend on what went before. Faults
of single answers are set by replacing what stands in `answers`, as there.
"""

from __future__ import annotations

import time
from typing import Final

from .camera import Camera
from .controls import ANSWERS, BLOCKS, Controls
from .recordings import local_time
from .text import Msg

STEP: Final = 5.0
"""Degrees (and tenths of zoom) that one move makes."""

STATUS = """<Result>OK</Result>
<Online>ONLINE</Online>
<Status>OK</Status>
<DeviceTime>{time}</DeviceTime>
"""

POSITION = """<Pan>{pan:.2f}</Pan>
<Tilt>{tilt:.2f}</Tilt>
<Zoom>{zoom:.2f}</Zoom>
"""

PRESETS = """<SumNum>{count}</SumNum>
<PresetList Num="{count}">
{items}</PresetList>
"""

PRESET = """<Item>
<PresetID>{number}</PresetID>
<PresetName>{number}</PresetName>
</Item>
"""


class Dome(Controls):
    """`camera.on_message = Dome(camera)`."""

    def __init__(self, camera: Camera, *, clock_error: int = 0) -> None:
        super().__init__(camera)
        self.presets: set[int] = {1}
        self.place = [100.0, 10.0, 2.0]
        """Pan, tilt, zoom."""
        self.stuck = False
        """The motor is broken: it says 200 and stays where it is."""
        self.forgets = False
        """Presets are not kept."""
        self.clock_error = clock_error
        self.restarts = True
        """Registers anew when it is told to restart."""
        self.blocks = {name: BLOCKS[name] for name in ("BasicParam", "FrameMirror")}
        self._made: dict[str, str] = {}

    def __call__(self, message: Msg) -> bool:
        hexa = message.xml("PTZCmd")
        if hexa:
            self._move(bytes.fromhex(hexa))
        elif "<PTZPreciseCtrl>" in message.text and not self.stuck:
            self.place = [float(message.xml(name)) for name in ("Pan", "Tilt", "Zoom")]
        elif "<TeleBoot>" in message.text and self.restarts:
            self._camera.register_later()
        self._refresh()
        return super().__call__(message)

    def _move(self, command: bytes) -> None:
        code, number = command[3], command[5]
        if code == 0x81 and not self.forgets:
            self.presets.add(number)
        elif code == 0x83:
            self.presets.discard(number)
        elif code < 0x40 and not self.stuck:
            pan = (code & 1) - (code >> 1 & 1)
            tilt = (code >> 2 & 1) - (code >> 3 & 1)
            zoom = (code >> 4 & 1) - (code >> 5 & 1)
            self.place[0] = (self.place[0] + STEP * pan) % 360
            self.place[1] += STEP * tilt
            self.place[2] += 0.1 * STEP * zoom

    def _refresh(self) -> None:
        """Answers that depend on what went before, unless a test put others in their place."""
        now = local_time(int(time.time()) + self.clock_error)
        items = "".join(PRESET.format(number=number) for number in sorted(self.presets))
        pan, tilt, zoom = self.place
        fresh = {
            "DeviceStatus": STATUS.format(time=now),
            "PTZPosition": POSITION.format(pan=pan, tilt=tilt, zoom=zoom),
            "PresetQuery": PRESETS.format(count=len(self.presets), items=items),
        }
        for name, text in fresh.items():
            made = self._made.get(name, ANSWERS[name])
            if self.answers.get(name) == made:
                self.answers[name] = self._made[name] = text
