"""Machine of an RTMP client that publishes one stream to a server.

    state       handshake    answer to it      refusal   no answer in time
    greeting    connecting   -                 -         over
    connecting  -            creating          over      over
    creating    -            asking            over      over
    asking      -            publishing        over      over
    publishing  -            publishing        over      publishing

What releaseStream and FCPublish are answered is passed over: many servers do not know them. H.265
goes out as enhanced RTMP (FourCC `hvc1`), which the server is told of when we connect.
``now`` is monotonic seconds.

RTMP 1.0 (Adobe, 2012), section 7.2; Enhanced RTMP (Veovera, 2023).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.errors import StreamFormatError
from media.rtmp.amf import Amf, encode
from media.rtmp.chunks import AUDIO, DATA, VIDEO, Broken, Message
from media.rtmp.commands import Command, read_command
from media.rtmp.flv_reader import Tag
from media.rtmp.handshake import ClientHandshake
from media.rtmp.target import RtmpTarget
from media.rtmp.wire import Wire

ANSWER_S: Final = 10.0
"""For each answer of the server."""
CHUNK: Final = 64 * 1024
AGENT: Final = "FMLE/3.0 (compatible; gb28181)"
"""Servers look for its first word to know an encoder."""

_CONNECT, _RELEASE, _ANNOUNCE, _CREATE, _PUBLISH = 1.0, 2.0, 3.0, 4.0, 5.0
_CHUNK_STREAM: Final = {AUDIO: 4, DATA: 5, VIDEO: 6}


class PushState(StrEnum):
    """Where it stands."""

    GREETING = "greeting"
    CONNECTING = "connecting"
    CREATING = "creating"
    ASKING = "asking"
    PUBLISHING = "publishing"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Send:
    """To the server."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Publishing:
    """The server takes media from here on."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not want it, or no longer."""

    code: str
    """Such as `NetStream.Publish.BadName`."""
    description: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer in time, or nothing that is RTMP."""

    reason: str


Effect = Send | Publishing | Refused | Unanswered


class RtmpPush:
    """One connection to one server."""

    def __init__(self, target: RtmpTarget, random: bytes) -> None:
        """``random``: `media.rtmp.handshake.RANDOM` bytes."""
        self.state = PushState.GREETING
        self.deadline: float | None = None
        """When `tick` is due."""
        self._target = target
        self._handshake = ClientHandshake(random)
        self._wire = Wire(self._handshake)
        self._stream = 0
        self._base: int | None = None

    def __repr__(self) -> str:
        return f"<RtmpPush {self.state} {self._target.place}>"

    def start(self, now: float) -> list[Effect]:
        """The connection stands."""
        self.deadline = now + ANSWER_S
        return [Send(self._handshake.start())]

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes of the server."""
        if self.state is PushState.OVER:
            return []
        out: list[Effect] = []
        for item in self._wire.feed(data):
            out += self._item(item, now)
        if self.state is PushState.GREETING and self._wire.greeted:
            self._connect(now)
        answer = self._wire.take()
        return [Send(answer), *out] if answer else out

    def tick(self, now: float) -> list[Effect]:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._over(Unanswered(f"no answer while {self.state}"))

    def send(self, tags: Iterable[Tag]) -> bytes:
        """Media as it is sent; nothing before the server takes any."""
        if self.state is not PushState.PUBLISHING:
            return b""
        for tag in tags:
            body = encode("@setDataFrame") + tag.body if tag.kind == DATA else tag.body
            time = 0 if tag.kind == DATA else self._since_begin(tag.time)
            self._wire.put(Message(tag.kind, self._stream, time, body), _CHUNK_STREAM[tag.kind])
        return self._wire.take()

    def stop(self) -> bytes:
        """What to say when nobody wants it any more."""
        began = self.state is PushState.PUBLISHING
        self.state, self.deadline = PushState.OVER, None
        if not began:
            return b""
        self._say("FCUnpublish", 0.0, None, self._target.name)
        self._say("deleteStream", 0.0, None, float(self._stream))
        return self._wire.take()

    def _since_begin(self, time: int) -> int:
        """Servers expect the first picture near 0."""
        if self._base is None:
            self._base = time
        return max(0, time - self._base)

    def _connect(self, now: float) -> None:
        self._wire.resize(CHUNK)
        about: dict[str, Amf] = {
            "app": self._target.app,
            "type": "nonprivate",
            "flashVer": AGENT,
            "tcUrl": self._target.tc_url,
            "fourCcList": ["hvc1"],
        }
        self._say("connect", _CONNECT, about)
        self._go(PushState.CONNECTING, now)

    def _item(self, item: Message | Broken, now: float) -> list[Effect]:
        if self.state is PushState.OVER:
            return []
        if isinstance(item, Broken):
            return self._over(Unanswered(item.reason))
        try:
            command = read_command(item)
        except StreamFormatError as error:
            return self._over(Unanswered(str(error)))
        if command is None:
            return []
        match command.name:
            case "_result":
                self._result(command, now)
            case "_error" if command.number in (_CONNECT, _CREATE, _PUBLISH):
                return self._over(_refusal(command))
            case "onStatus":
                return self._status(command)
        return []

    def _result(self, command: Command, now: float) -> None:
        if self.state is PushState.CONNECTING and command.number == _CONNECT:
            self._say("releaseStream", _RELEASE, None, self._target.name)
            self._say("FCPublish", _ANNOUNCE, None, self._target.name)
            self._say("createStream", _CREATE, None)
            self._go(PushState.CREATING, now)
        elif self.state is PushState.CREATING and command.number == _CREATE:
            self._stream = command.numeral(1) or 1
            ask = Command("publish", _PUBLISH, (None, self._target.name, "live"), self._stream)
            self._wire.put(ask.message())
            self._go(PushState.ASKING, now)

    def _status(self, command: Command) -> list[Effect]:
        told = command.fields(1)
        if told.get("level") == "error":
            return self._over(_refusal(command))
        if self.state is PushState.ASKING and told.get("code") == "NetStream.Publish.Start":
            self.state, self.deadline = PushState.PUBLISHING, None
            return [Publishing()]
        return []

    def _say(self, name: str, number: float, *values: Amf) -> None:
        self._wire.put(Command(name, number, values).message())

    def _go(self, state: PushState, now: float) -> None:
        self.state, self.deadline = state, now + ANSWER_S

    def _over(self, end: Refused | Unanswered) -> list[Effect]:
        self.state, self.deadline = PushState.OVER, None
        return [end]


def _refusal(command: Command) -> Refused:
    told = command.fields(1)
    code, description = told.get("code"), told.get("description")
    return Refused(
        code[:100] if isinstance(code, str) else command.name,
        description[:200] if isinstance(description, str) else "",
    )
