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
from typing import Final

from media.pulling import PullSpec
from media.rtsp.credentials import Credentials
from media.rtsp.message import Frame
from media.rtsp.reply import Broken, Reply, ReplyReader
from media.rtsp.tracks import Track, read_tracks, track_address

ANSWER_S: Final = 5.0
"""For each answer of the camera."""
TIMEOUT_S: Final = 60.0
"""Of a session whose server names none."""
LEAST_KEEPALIVE_S: Final = 5.0
AGENT: Final = "gb28181"


class PullState(StrEnum):
    """Where it stands."""

    ASKING = "asking"
    DESCRIBING = "describing"
    SETTING_UP = "setting_up"
    STARTING = "starting"
    PLAYING = "playing"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Send:
    """To the camera."""

    data: bytes


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
class Refused:
    """An answer that is no 200."""

    status: int
    phrase: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer in time, or nothing that is RTSP."""

    reason: str


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
        self._credentials = credentials
        self._client_port = client_port
        self._reader = ReplyReader()
        self._cseq = 0
        self._method = ""
        self._uri = ""
        self._more: tuple[str, ...] = ()
        self._answered_401 = False
        self._base = spec.url
        self._control = ""
        self._tracks: list[Track] = []
        self._number = 0
        self._session = ""
        self._timeout_s = TIMEOUT_S
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
        return self._over(Unanswered(f"no answer to {self._method}"))

    def stop(self) -> list[Effect]:
        """Nobody wants it any more."""
        began = bool(self._session) and self.state is not PullState.OVER
        out = [self._ask("TEARDOWN", self._aggregate, 0.0)] if began else []
        self.state, self.deadline = PullState.OVER, None
        return list(out)

    @property
    def _aggregate(self) -> str:
        return track_address(self._base, self._control, "*")

    def _ask(self, method: str, uri: str, now: float, more: tuple[str, ...] = ()) -> Send:
        self._method, self._uri, self._more, self._answered_401 = method, uri, more, False
        return self._write(now)

    def _write(self, now: float) -> Send:
        self._cseq += 1
        lines = [
            f"{self._method} {self._uri} RTSP/1.0",
            f"CSeq: {self._cseq}",
            f"User-Agent: {AGENT}",
            *self._more,
        ]
        if self._session:
            lines.append(f"Session: {self._session}")
        answer = self._credentials.answer(self._method, self._uri)
        if answer is not None:
            lines.append(f"Authorization: {answer}")
        playing = self.state is PullState.PLAYING
        wait_s = max(LEAST_KEEPALIVE_S, self._timeout_s / 2) if playing else ANSWER_S
        self.deadline = now + wait_s
        return Send("\r\n".join([*lines, "", ""]).encode("utf-8", "replace"))

    def _reply(self, reply: Reply, now: float) -> list[Effect]:
        if reply.get("cseq").strip() != str(self._cseq) or reply.status < 200:
            return []
        if reply.status == 401 and self._credentials.given and not self._answered_401:
            self._answered_401 = True
            if self._credentials.challenged(reply.headers.get("www-authenticate", [])):
                return [self._write(now)]
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
        self.deadline = now + max(LEAST_KEEPALIVE_S, self._timeout_s / 2)
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
        session, _, more = reply.get("session").partition(";")
        self._session = session.strip()[:256] or self._session
        self._read_timeout(more)
        self._read_channel(reply.get("transport"))
        self._number += 1
        if self._number < len(self._tracks):
            return [self._next_track(now)]
        self.state = PullState.STARTING
        return [self._ask("PLAY", self._aggregate, now, ("Range: npt=0.000-",))]

    def _read_timeout(self, text: str) -> None:
        name, _, value = text.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isdecimal() and len(value) < 6:
            self._timeout_s = max(2 * LEAST_KEEPALIVE_S, float(value))

    def _read_channel(self, told: str) -> None:
        """A camera may choose other channels than asked."""
        if self._spec.transport != "tcp":
            return
        for part in told.lower().split(";"):
            name, _, value = part.strip().partition("=")
            first = value.partition("-")[0]
            if name == "interleaved" and first.isdecimal() and len(first) < 4:
                self._channels.pop(2 * self._number, None)
                self._channels[int(first)] = self._tracks[self._number].kind

    def _over(self, effect: Effect) -> list[Effect]:
        self.state, self.deadline = PullState.OVER, None
        return [effect]
