"""Machine of an RTSP client that publishes one stream: OPTIONS, ANNOUNCE, SETUP, RECORD, keepalive.

    state      reply 200              reply 401          other reply      no reply in time
    asking     announcing             asks with answer   announcing       over
    announcing setting_up             asks with answer   over             over
    setting_up setting_up, starting   asks with answer   over             over
    starting   recording              asks with answer   over             over
    recording  recording              asks with answer   recording        recording

OPTIONS is asked first because it tells which keepalive the server knows; its refusal means nothing.
A redirect is a refusal: nobody but the operator says where this node connects. While it records, a
server that has forgotten the session (454) ends it. RTP goes interleaved in the connection, so it
needs no further port and reaches nobody who has not agreed. ``now`` is monotonic seconds.

RFC 2326 10.3 (ANNOUNCE), 10.11 (RECORD), 10.12 (interleaving), 12.37 (session time-out), 12.39
(Transport), C.1 (control).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from media.rtp.sdp import RtpCodec, announce
from media.rtsp.asking import ANSWER_S, Asker, Refused, Send, Unanswered, channel_of
from media.rtsp.credentials import Credentials
from media.rtsp.message import Frame
from media.rtsp.reply import Broken, Reply, ReplyReader
from media.rtsp.tracks import track_address

SESSION_NOT_FOUND = 454


class PushState(StrEnum):
    """Where it stands."""

    ASKING = "asking"
    ANNOUNCING = "announcing"
    SETTING_UP = "setting_up"
    STARTING = "starting"
    RECORDING = "recording"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Recording:
    """The server takes packets from here on; of each track on this channel."""

    channels: tuple[int, ...]


Effect = Send | Recording | Refused | Unanswered


class RtspPush:
    """One connection to one server."""

    def __init__(
        self, url: str, tracks: Sequence[RtpCodec], local: str, credentials: Credentials
    ) -> None:
        """`url` is without user and password; `local` is our address, for the description."""
        self.state = PushState.ASKING
        self.deadline: float | None = None
        """When `tick` is due."""
        self._url = url
        self._tracks = tuple(tracks)
        self._local = local
        self._asker = Asker(credentials)
        self._reader = ReplyReader()
        self._keepalive = "OPTIONS"
        self._channels: list[int] = []

    def __repr__(self) -> str:
        return f"<RtspPush {self.state} tracks={len(self._tracks)}>"

    def start(self, now: float) -> list[Effect]:
        """The connection stands."""
        return [self._ask("OPTIONS", self._url, now)]

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes of the server; what it says about the packets (RTCP) is passed over."""
        out: list[Effect] = []
        for item in self._reader.feed(data):
            if self.state is PushState.OVER:
                break
            match item:
                case Frame():
                    pass
                case Reply():
                    out += self._reply(item, now)
                case Broken():
                    out += self._over(Unanswered(item.reason))
        return out

    def tick(self, now: float) -> list[Effect]:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return []
        if self.state is PushState.RECORDING:
            # A lost answer ends nothing: as long as packets are taken, the server is there.
            return [self._ask(self._keepalive, self._url, now)]
        return self._over(Unanswered(f"no answer to {self._asker.method}"))

    def stop(self) -> list[Effect]:
        """Nothing more will come."""
        began = self._asker.in_session and self.state is not PushState.OVER
        out = [self._ask("TEARDOWN", self._url, 0.0)] if began else []
        self.state, self.deadline = PushState.OVER, None
        return list(out)

    def _ask(
        self, method: str, uri: str, now: float, more: tuple[str, ...] = (), body: bytes = b""
    ) -> Send:
        self._wait(now)
        return self._asker.ask(method, uri, more, body)

    def _wait(self, now: float) -> None:
        records = self.state is PushState.RECORDING
        self.deadline = now + (self._asker.keepalive_s if records else ANSWER_S)

    def _reply(self, reply: Reply, now: float) -> list[Effect]:
        if not self._asker.is_answer(reply):
            return []
        again = self._asker.again(reply)
        if again is not None:
            self._wait(now)
            return [again]
        match self.state:
            case PushState.RECORDING:
                gone = reply.status == SESSION_NOT_FOUND
                return self._over(Refused(reply.status, reply.phrase)) if gone else []
            case PushState.ASKING:
                if "GET_PARAMETER" in reply.get("public").upper():
                    self._keepalive = "GET_PARAMETER"
                self.state = PushState.ANNOUNCING
                body = announce(self._tracks, self._local, control_of)
                kind = ("Content-Type: application/sdp",)
                return [self._ask("ANNOUNCE", self._url, now, kind, body)]
        if reply.status != 200:
            return self._over(Refused(reply.status, reply.phrase))
        match self.state:
            case PushState.ANNOUNCING:
                self.state = PushState.SETTING_UP
                return [self._next_track(now)]
            case PushState.SETTING_UP:
                return [self._set_up(reply, now)]
        self.state = PushState.RECORDING
        self._wait(now)
        return [Recording(tuple(self._channels))]

    def _next_track(self, now: float) -> Send:
        number = len(self._channels)
        told = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1};mode=record"
        uri = track_address(self._url, "", control_of(number))
        return self._ask("SETUP", uri, now, (f"Transport: {told}",))

    def _set_up(self, reply: Reply, now: float) -> Send:
        """A server may choose other channels than asked."""
        self._asker.join(reply)
        chosen = channel_of(reply.get("transport"))
        asked = 2 * len(self._channels)
        self._channels.append(asked if chosen is None or chosen > 254 else chosen)
        if len(self._channels) < len(self._tracks):
            return self._next_track(now)
        self.state = PushState.STARTING
        return self._ask("RECORD", self._url, now, ("Range: npt=0.000-",))

    def _over(self, effect: Effect) -> list[Effect]:
        self.state, self.deadline = PushState.OVER, None
        return [effect]


def control_of(number: int) -> str:
    """How the description calls a track; relative to the address that is announced."""
    return f"streamid={number}"
