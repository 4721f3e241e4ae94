"""Machine of an RTSP client that fetches one picture: OPTIONS, DESCRIBE, SETUP, PLAY, keepalive.

    state      reply 200            reply 401          other reply      no reply in time
    asking     describing           asks with answer   describing       failed
    describing setting_up           asks with answer   failed           failed
    setting_up setting_up, playing  asks with answer   failed           failed
    starting   playing              asks with answer   failed           failed
    playing    playing              asks with answer   playing          playing

OPTIONS is asked first because some cameras want it, and its refusal means nothing. A redirect is a
refusal: nobody but the operator says where this node connects. A 401 is answered once per request.
``now`` is monotonic seconds.

RFC 2326 10 (methods), 12.37 (session time-out), 10.12 (interleaving), A.1 (client).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from media.pulling import PullSpec
from media.rtsp.asking import ANSWER_S, Asker, Refused, Send, Unanswered, channel_of
from media.rtsp.credentials import Credentials
from media.rtsp.message import Frame
from media.rtsp.reply import Broken, Reply, ReplyReader
from media.rtsp.tracks import Track, read_tracks, track_address

__all__ = [
    "ANSWER_S",
    "Described",
    "Effect",
    "Media",
    "NotCarried",
    "Playing",
    "PullState",
    "Refused",
    "RtspPull",
    "Send",
    "Unanswered",
]


class PullState(StrEnum):
    """Where it stands."""

    ASKING = "asking"
    DESCRIBING = "describing"
    SETTING_UP = "setting_up"
    STARTING = "starting"
    PLAYING = "playing"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Described:
    """The tracks that will be fetched."""

    video: Track | None
    audio: Track | None


@dataclass(frozen=True, slots=True)
class Playing:
    """The camera sends from here on."""


@dataclass(frozen=True, slots=True)
class Media:
    """Packets that came interleaved."""

    video: list[bytes] = field(default_factory=list)
    audio: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NotCarried:
    """No track of it can be carried."""

    codec: str


Effect = Send | Described | Playing | Media | Refused | Unanswered | NotCarried


class RtspPull:
    """One connection to one camera."""

    def __init__(
        self, spec: PullSpec, credentials: Credentials, client_port: Callable[[str], int]
    ) -> None:
        """`client_port` opens the ports of a track over UDP (`video`, `audio`) and gives the first
        of the pair."""
        self.state = PullState.ASKING
        self.deadline: float | None = None
        """When `tick` is due."""
        self._spec = spec
        self._asker = Asker(credentials)
        self._client_port = client_port
        self._reader = ReplyReader()
        self._base = spec.url
        self._control = ""
        self._tracks: list[Track] = []
        self._number = 0
        self._keepalive = "OPTIONS"
        self._channels: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"<RtspPull {self.state} {self._spec.url}>"

    def start(self, now: float) -> list[Effect]:
        """The connection stands."""
        return [self._ask("OPTIONS", self._spec.url, now)]

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes of the camera."""
        out: list[Effect] = []
        media = Media()
        for item in self._reader.feed(data):
            if self.state is PullState.OVER:
                break
            match item:
                case Frame():
                    kind = self._channels.get(item.channel)
                    if kind is not None:
                        (media.video if kind == "video" else media.audio).append(item.data)
                case Reply():
                    out += self._reply(item, now)
                case Broken():
                    out += self._over(Unanswered(item.reason))
        if media.video or media.audio:
            out.append(media)
        return out

    def tick(self, now: float) -> list[Effect]:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return []
        if self.state is PullState.PLAYING:
            # A lost answer ends nothing: as long as media comes, the camera is there.
            return [self._ask(self._keepalive, self._aggregate, now)]
        return self._over(Unanswered(f"no answer to {self._asker.method}"))

    def stop(self) -> list[Effect]:
        """Nobody wants it any more."""
        began = self._asker.in_session and self.state is not PullState.OVER
        out = [self._ask("TEARDOWN", self._aggregate, 0.0)] if began else []
        self.state, self.deadline = PullState.OVER, None
        return list(out)

    @property
    def _aggregate(self) -> str:
        return track_address(self._base, self._control, "*")

    def _ask(self, method: str, uri: str, now: float, more: tuple[str, ...] = ()) -> Send:
        self._wait(now)
        return self._asker.ask(method, uri, more)

    def _wait(self, now: float) -> None:
        playing = self.state is PullState.PLAYING
        self.deadline = now + (self._asker.keepalive_s if playing else ANSWER_S)

    def _reply(self, reply: Reply, now: float) -> list[Effect]:
        if not self._asker.is_answer(reply):
            return []
        again = self._asker.again(reply)
        if again is not None:
            self._wait(now)
            return [again]
        match self.state:
            case PullState.PLAYING:
                return []
            case PullState.ASKING:
                if "GET_PARAMETER" in reply.get("public").upper():
                    self._keepalive = "GET_PARAMETER"
                self.state = PullState.DESCRIBING
                accept = ("Accept: application/sdp",)
                return [self._ask("DESCRIBE", self._spec.url, now, accept)]
        if reply.status != 200:
            return self._over(Refused(reply.status, reply.phrase))
        if self.state is PullState.DESCRIBING:
            return self._described(reply, now)
        if self.state is PullState.SETTING_UP:
            return self._set_up(reply, now)
        self.state = PullState.PLAYING
        self._wait(now)
        return [Playing()]

    def _described(self, reply: Reply, now: float) -> list[Effect]:
        base = reply.get("content-base") or reply.get("content-location") or self._spec.url
        self._base = base if base.lower().startswith("rtsp://") else self._spec.url
        tracks, self._control = read_tracks(reply.body)
        video = next((t for t in tracks if t.kind == "video" and t.codec), None)
        audio = next((t for t in tracks if t.kind == "audio" and t.codec), None)
        other = next((t for t in tracks if t.kind == "video"), None)
        if video is None and (other is not None or audio is None):
            name = other.name if other is not None and other.name else "none"
            return self._over(NotCarried(name))
        self._tracks = [track for track in (video, audio) if track is not None]
        self.state = PullState.SETTING_UP
        return [Described(video, audio), self._next_track(now)]

    def _next_track(self, now: float) -> Send:
        track = self._tracks[self._number]
        if self._spec.transport == "tcp":
            channel = 2 * self._number
            self._channels[channel] = track.kind
            told = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        else:
            port = self._client_port(track.kind)
            told = f"RTP/AVP;unicast;client_port={port}-{port + 1}"
        uri = track_address(self._base, self._control, track.control)
        return self._ask("SETUP", uri, now, (f"Transport: {told}",))

    def _set_up(self, reply: Reply, now: float) -> list[Effect]:
        self._asker.join(reply)
        self._read_channel(reply.get("transport"))
        self._number += 1
        if self._number < len(self._tracks):
            return [self._next_track(now)]
        self.state = PullState.STARTING
        return [self._ask("PLAY", self._aggregate, now, ("Range: npt=0.000-",))]

    def _read_channel(self, told: str) -> None:
        """A camera may choose other channels than asked."""
        chosen = channel_of(told) if self._spec.transport == "tcp" else None
        if chosen is not None:
            self._channels.pop(2 * self._number, None)
            self._channels[chosen] = self._tracks[self._number].kind

    def _over(self, effect: Effect) -> list[Effect]:
        self.state, self.deadline = PullState.OVER, None
        return [effect]
