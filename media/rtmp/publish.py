"""Machine of the server's side of one RTMP connection: somebody who publishes one stream.

    state       connect    createStream   publish      end of it
    greeting    connected  over           over         over
    connected   over       connected      publishing   over
    publishing  over       publishing     over         over

Whoever asks to publish is judged at once, and a refusal ends the connection too. releaseStream,
FCPublish and what else an encoder says beside these changes nothing anywhere; whoever wants to play
is refused. From the connection to `publishing` there are `SETUP_S` seconds and `MOST_COMMANDS`
commands.
``now`` is monotonic seconds.

RTMP 1.0 (Adobe, 2012), section 7.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.errors import StreamFormatError
from media.rtmp.amf import Amf
from media.rtmp.chunks import (
    AGGREGATE,
    AUDIO,
    MAX_MESSAGE,
    PEER_BANDWIDTH,
    USER_CONTROL,
    VIDEO,
    WINDOW_SIZE,
    Broken,
    Message,
)
from media.rtmp.commands import Command, read_command, status
from media.rtmp.flv_reader import FlvReader
from media.rtmp.handshake import ServerHandshake
from media.rtmp.wire import CONTROL, Wire

SETUP_S: Final = 10.0
"""From the connection to the begin of publishing."""
MOST_COMMANDS: Final = 64
"""Before publishing."""
WINDOW: Final = 2_500_000
"""Bytes between two acknowledgements, as we ask for them and as we announce them."""
CHUNK: Final = 64 * 1024
"""Bytes of our chunks; encoders that follow it send theirs in this size too."""
STREAM: Final = 1
"""The only message stream of a connection."""
LONGEST_NAME: Final = 512


class PublishState(StrEnum):
    """Where it stands."""

    GREETING = "greeting"
    CONNECTED = "connected"
    PUBLISHING = "publishing"
    OVER = "over"


class PublishInput(StrEnum):
    """What can be said to change that."""

    CONNECT = "connect"
    CREATE = "createStream"
    PUBLISH = "publish"
    END = "end"


_S, _I = PublishState, PublishInput
TABLE: Final[Mapping[tuple[PublishState, PublishInput], PublishState]] = {
    (_S.GREETING, _I.CONNECT): _S.CONNECTED,
    (_S.CONNECTED, _I.CREATE): _S.CONNECTED,
    (_S.CONNECTED, _I.PUBLISH): _S.PUBLISHING,
    (_S.PUBLISHING, _I.CREATE): _S.PUBLISHING,
}
"""Everything else ends the connection."""

INPUTS: Final = {
    "connect": _I.CONNECT,
    "createStream": _I.CREATE,
    "publish": _I.PUBLISH,
    "FCUnpublish": _I.END,
    "deleteStream": _I.END,
    "closeStream": _I.END,
}
PLAYING: Final = frozenset({"play", "play2", "getStreamLength", "receiveVideo", "receiveAudio"})


@dataclass(frozen=True, slots=True)
class Send:
    """To the encoder."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not publish."""

    code: str
    """Such as `NetStream.Publish.BadName`."""
    reason: str


Judge = Callable[[str, str], Refusal | None]
"""Application and name of a stream in, why it may not be published out."""


@dataclass(frozen=True, slots=True)
class Media:
    """Pictures and sound."""

    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Over:
    """The connection is to be closed."""

    reason: str
    fault: bool
    """It broke a limit or the protocol."""


Effect = Send | Media | Over


class RtmpPublish:
    """One connection of one encoder."""

    def __init__(self, random: bytes, now: float, judge: Judge) -> None:
        """``random``: `media.rtmp.handshake.RANDOM` bytes."""
        self._judge = judge
        self.state = PublishState.GREETING
        self.deadline: float | None = now + SETUP_S
        """When `tick` is due."""
        self._wire = Wire(ServerHandshake(random))
        self._app = ""
        self._commands = 0

    def __repr__(self) -> str:
        return f"<RtmpPublish {self.state}>"

    def feed(self, data: bytes) -> list[Effect]:
        """Bytes of the encoder."""
        out: list[Effect] = []
        media: list[Message] = []
        for item in self._wire.feed(data):
            out += self._item(item, media)
        if media:
            out.insert(0, Media(media))  # it came before whatever ended it
        return self._said(out)

    def _item(self, item: Message | Broken, media: list[Message]) -> list[Effect]:
        if self.state is PublishState.OVER:
            return []
        if isinstance(item, Broken):
            return self._end(item.reason, fault=True)
        if item.kind in (AUDIO, VIDEO, AGGREGATE):
            return self._media(item, media)
        return self._other(item)

    def tick(self, now: float) -> list[Effect]:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._said(self._end(f"nothing is published after {SETUP_S:.0f} s", fault=True))

    def _media(self, message: Message, media: list[Message]) -> list[Effect]:
        if self.state is not PublishState.PUBLISHING:
            return self._end("media before it may publish", fault=True)
        if message.kind != AGGREGATE:
            media.append(message)
            return []
        try:
            media += _parts(message)
        except StreamFormatError as error:
            return self._end(str(error), fault=True)
        return []

    def _other(self, message: Message) -> list[Effect]:
        try:
            command = read_command(message)
        except StreamFormatError as error:
            return self._end(str(error), fault=True)
        if command is None:
            return []
        self._commands += self.state is not PublishState.PUBLISHING
        if self._commands > MOST_COMMANDS:
            return self._end("too many commands", fault=True)
        if command.name in PLAYING:
            self._answer(status(STREAM, "error", "NetStream.Play.Failed", "nothing is played here"))
            return self._end("it wants to play", fault=True)
        event = INPUTS.get(command.name)
        return [] if event is None else self._input(event, command)

    def _input(self, event: PublishInput, command: Command) -> list[Effect]:
        if event is PublishInput.END:
            return self._unpublished()
        if not self._move(event):
            return self._end(f"{command.name} while {self.state}", fault=True)
        match event:
            case PublishInput.CONNECT:
                self._connected(command)
            case PublishInput.CREATE:
                self._answer(Command("_result", command.number, (None, float(STREAM))))
            case PublishInput.PUBLISH:
                return self._asked(command.text(1)[:LONGEST_NAME])
        return []

    def _asked(self, name: str) -> list[Effect]:
        refusal = self._judge(self._app, name)
        if refusal is not None:
            self._answer(status(STREAM, "error", refusal.code, refusal.reason))
            return self._end(refusal.reason, fault=False)
        self.deadline = None
        self._wire.reader.most = MAX_MESSAGE
        begin = bytes(2) + STREAM.to_bytes(4, "big")
        self._wire.put(Message(USER_CONTROL, 0, 0, begin), CONTROL)
        self._answer(status(STREAM, "status", "NetStream.Publish.Start", "it may begin"))
        return []

    def _unpublished(self) -> list[Effect]:
        if self.state is PublishState.PUBLISHING:
            done = status(STREAM, "status", "NetStream.Unpublish.Success", "it is over")
            self._answer(done)
        return self._end("it stopped publishing", fault=False)

    def _connected(self, command: Command) -> None:
        app = command.fields(0).get("app")
        self._app = app[:LONGEST_NAME] if isinstance(app, str) else ""
        window = WINDOW.to_bytes(4, "big")
        self._wire.put(Message(WINDOW_SIZE, 0, 0, window), CONTROL)
        self._wire.put(Message(PEER_BANDWIDTH, 0, 0, window + b"\x02"), CONTROL)
        self._wire.resize(CHUNK)
        server: dict[str, Amf] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        told: dict[str, Amf] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "connected",
            "objectEncoding": 0.0,
            "fourCcList": ["avc1", "hvc1", "mp4a"],
        }
        self._answer(Command("_result", command.number, (server, told)))

    def _move(self, event: PublishInput) -> bool:
        after = TABLE.get((self.state, event))
        if after is None:
            return False
        self.state = after
        return True

    def _answer(self, command: Command) -> None:
        self._wire.put(command.message())

    def _end(self, reason: str, *, fault: bool) -> list[Effect]:
        self.state, self.deadline = PublishState.OVER, None
        return [Over(reason, fault)]

    def _said(self, out: list[Effect]) -> list[Effect]:
        """What was to be sent goes first."""
        data = self._wire.take()
        return [Send(data), *out] if data else out


def _parts(aggregate: Message) -> list[Message]:
    """The messages one message was made of; their times count from its own.

    RTMP 1.0, section 7.1.6.  Raises StreamFormatError.
    """
    tags = FlvReader().feed(aggregate.data)
    first = tags[0].time if tags else 0
    return [
        Message(
            tag.kind, aggregate.stream, (aggregate.time + tag.time - first) & 0xFFFFFFFF, tag.body
        )
        for tag in tags
        if tag.kind in (AUDIO, VIDEO)
    ]
