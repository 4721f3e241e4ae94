"""Commands of RTMP: a name, a number for the answer, and values.

RTMP 1.0 (Adobe, 2012), section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.errors import StreamFormatError
from media.rtmp.amf import Amf, decode, encode
from media.rtmp.chunks import COMMAND, COMMAND_AMF3, Message


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or the answer to one."""

    name: str
    number: float
    """Of the transaction; 0 wants no answer."""
    values: tuple[Amf, ...] = ()
    """The command object first."""
    stream: int = 0

    def text(self, place: int) -> str:
        """The value there if it is a text, else an empty one."""
        value = self.values[place] if place < len(self.values) else None
        return value if isinstance(value, str) else ""

    def fields(self, place: int) -> dict[str, Amf]:
        """The value there if it is an object, else an empty one."""
        value = self.values[place] if place < len(self.values) else None
        return value if isinstance(value, dict) else {}

    def numeral(self, place: int) -> int | None:
        """The value there if it is a number of 32 bits."""
        value = self.values[place] if place < len(self.values) else None
        if isinstance(value, float) and 0 <= value <= 0xFFFFFFFF:
            return int(value)
        return None

    def message(self) -> Message:
        """As it is sent."""
        return Message(COMMAND, self.stream, 0, encode(self.name, self.number, *self.values))


def read_command(message: Message) -> Command | None:
    """The command of a message; None for any other message.  Raises StreamFormatError."""
    if message.kind not in (COMMAND, COMMAND_AMF3):
        return None
    # What is called AMF3 has one byte in front and is AMF0 behind it.
    values = decode(message.data, 1 if message.kind == COMMAND_AMF3 else 0)
    if not values or not isinstance(values[0], str):
        raise StreamFormatError("no command")
    # FFmpeg's onFCPublish has no number.
    number = values[1] if len(values) > 1 and isinstance(values[1], float) else 0.0
    return Command(values[0], number, tuple(values[2:]), message.stream)


def status(stream: int, level: str, code: str, description: str) -> Command:
    """onStatus: what became of a stream."""
    told: dict[str, Amf] = {"level": level, "code": code, "description": description}
    return Command("onStatus", 0.0, (None, told), stream)
