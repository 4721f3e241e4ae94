"""One RTSP connection: requests in their order, and the sessions that live on it.

Requests are answered one after another, because DESCRIBE may wait fifteen seconds for a camera;
interleaved reports are read meanwhile. A session ends with its connection: a player that is gone
leaves nothing behind. What a stranger can make us hold is bounded: requests that wait, sessions,
wrong credentials, and the time a request may take to arrive.

RFC 2326 10 (methods), 12 (headers).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from media.describing import Described, describe_stream
from media.door import Refused, Wish
from media.errors import MediaError, MediaTimeout, PortsExhausted, StreamUnknown, ViewersExhausted
from media.node import Who
from media.rtp.sdp import RtpCodec, codecs, describe
from media.rtsp.address import (
    StreamAddress,
    Wanted,
    read_address,
    read_transport,
    track_address,
)
from media.rtsp.message import Frame, Malformed, Reader, Request, response
from media.rtsp.play import Play
from media.rtsp.session import TIMEOUT_S, SessionEffect, SessionInput

if TYPE_CHECKING:
    from media.rtsp.server import RtspServer

REQUEST_S = 10.0
"""A request that has begun is complete within this time."""
IDLE_S = 30.0
"""A connection without a session says something within this time."""
MOST_WAITING: Final = 32
"""Requests that may wait for their turn."""
MOST_SESSIONS: Final = 8
"""On one connection."""
MOST_REFUSALS: Final = 5
"""Wrong or missing credentials before the connection is closed."""
WRITE_HIGH: Final = 256 * 1024
"""Bytes in the socket's own queue above which sending waits."""

METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

Headers = tuple[tuple[str, str], ...]
Key = tuple[str, str, str]
"""Kind, name and stream of an address."""


class Stop(Exception):
    """A request is refused with this status."""

    def __init__(self, status: int, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class Opened:
    """A stream this connection may see."""

    __slots__ = ("codecs", "described", "stream_id", "who")

    def __init__(self, stream_id: str, described: Described, who: Who) -> None:
        self.stream_id = stream_id
        self.who = who
        self.described = described
        self.codecs: list[RtpCodec] = codecs(described.video, described.audio)


class Connection(asyncio.Protocol):
    """The protocol of one TCP connection."""

    def __init__(self, server: RtspServer) -> None:
        self._server = server
        self._reader = Reader()
        self._waiting: deque[Request | Malformed] = deque()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._opened: dict[Key, Opened] = {}
        self._plays: dict[str, Play] = {}
        self._keys: dict[str, Key] = {}
        self._refusals = 0
        self._last_request = self._begun = monotonic()
        self._partial = False
        self._then: list[Callable[[], None]] = []  # what follows the answer
        self.peer = ("", 0)
        self.local = ""
        self._methods: dict[str, Callable[[Request], Awaitable[bytes]]] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "GET_PARAMETER": self._parameter,
            "SET_PARAMETER": self._parameter,
            "TEARDOWN": self._teardown,
        }

    def __repr__(self) -> str:
        return f"<Connection {self.peer[0]}:{self.peer[1]} sessions={len(self._plays)}>"

    @property
    def plays(self) -> list[Play]:
        return list(self._plays.values())

    # --- the socket --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH)
        self.peer = transport.get_extra_info("peername")[:2]
        self.local = transport.get_extra_info("sockname")[0]
        if not self._server.admit(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.lost(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
        for play in self.plays:
            self._drop(play, "client_gone")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        items = self._reader.feed(data)
        for item in items:
            if isinstance(item, Frame):
                self._interleaved(item)
            else:
                self._last_request = now
                self._waiting.append(item)
        if items or not self._partial:
            self._begun = now
        self._partial = self._reader.unfinished
        if len(self._waiting) > MOST_WAITING:
            self._server.cut(self.peer, "too many requests wait")
            self.close()
        elif self._waiting and self._task is None:
            self._task = asyncio.create_task(self._serve())

    def write(self, data: bytes) -> None:
        """Raises ConnectionResetError when the connection is over."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the viewer is gone")
        self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the socket takes more."""
        await self._writable.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def look(self, now: float) -> None:
        """Once a second: what is late, and what has ended."""
        if self._partial and now - self._begun > REQUEST_S:
            self._server.cut(self.peer, "a request takes too long")
            self.close()
            return
        if not self._plays and self._task is None and now - self._last_request > IDLE_S:
            self.close()
            return
        for play in self.plays:
            if play.cut == "stalled":
                self._drop(play, "stalled")
                self.close()
            elif SessionEffect.RELEASE in play.look(now):
                self._drop(play, "timeout")

    # --- requests ----------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._one(self._waiting.popleft())
        except ConnectionError:
            self.close()
        finally:
            self._task = None

    async def _one(self, request: Request | Malformed) -> None:
        if isinstance(request, Malformed):
            self._server.cut(self.peer, request.reason)
            self.write(response(request.status, ""))
            assert self._transport is not None
            self._transport.close()
            return
        self._then.clear()
        try:
            answer = await self._answer(request)
        except Stop as stop:
            answer = response(stop.status, request.cseq, stop.headers)
        self.write(answer)
        for step in self._then:
            step()
        if self._refusals >= MOST_REFUSALS and self._transport is not None:
            self._transport.close()

    async def _answer(self, request: Request) -> bytes:
        method = self._methods.get(request.method)
        if method is None:
            raise Stop(405, (("Allow", METHODS),))
        if request.headers.get("require"):
            raise Stop(551, (("Unsupported", request.headers["require"][:200]),))
        if request.session and request.method != "SETUP" and request.session in self._plays:
            self._plays[request.session].machine.handle(SessionInput.ALIVE, monotonic())
        return await method(request)

    async def _options(self, request: Request) -> bytes:
        return response(200, request.cseq, (("Public", METHODS),))

    async def _describe(self, request: Request) -> bytes:
        address = _address(request)
        opened = await self._open(request, address)
        body = describe(
            opened.codecs,
            self.local,
            "1",
            lambda number: track_address(request.uri, number),
        )
        headers = (("Content-Base", request.uri), ("Content-Type", "application/sdp"))
        return response(200, request.cseq, headers, body)

    async def _setup(self, request: Request) -> bytes:
        address = _address(request)
        play = self._session(request) if request.session else None
        opened = self._opened.get(address.key) or await self._open(request, address)
        if address.track is None and len(opened.codecs) > 1:
            raise Stop(459)
        number = address.track or 0
        if number >= len(opened.codecs):
            raise Stop(404)
        wanted = read_transport(request.headers.get("transport", ""), self.peer[0])
        if wanted is None:
            raise Stop(461)
        if play is None:
            play = self._new_play(opened, address.key)
        elif self._keys[play.session_id] != address.key or (play.tcp != wanted.tcp and play.tracks):
            raise Stop(461)
        wanted = self._with_channels(wanted, number)
        if SessionEffect.REFUSE in play.machine.handle(SessionInput.SETUP, monotonic()):
            raise Stop(455)
        try:
            agreed = play.set_up(
                number, opened.codecs[number], wanted, self._server.ports, self._server.dice
            )
        except (PortsExhausted, OSError) as error:
            if not play.tracks:
                self._drop(play, "no_port")
            raise Stop(453) from error
        session = f"{play.session_id};timeout={round(TIMEOUT_S)}"
        return response(200, request.cseq, (("Transport", agreed.transport), ("Session", session)))

    async def _play(self, request: Request) -> bytes:
        play = self._session(request)
        effects = play.machine.handle(SessionInput.PLAY, monotonic())
        if SessionEffect.REFUSE in effects:
            raise Stop(455)
        key = self._keys[play.session_id]
        if SessionEffect.START in effects:
            try:
                play.start(self._opened[key].codecs)
            except ViewersExhausted as error:
                play.machine.handle(SessionInput.PAUSE, monotonic())
                raise Stop(453) from error
            except MediaError as error:
                self._drop(play, "media_stopped")
                raise Stop(503) from error
            self._server.opened(play, self.peer)
            self._then.append(play.go)
        info = ",".join(
            f"url={track_address(request.uri, number)};{play.rtp_info(number)}"
            for number in sorted(play.tracks)
        )
        return response(
            200,
            request.cseq,
            (("Session", play.session_id), ("Range", "npt=now-"), ("RTP-Info", info)),
        )

    async def _pause(self, request: Request) -> bytes:
        play = self._session(request)
        effects = play.machine.handle(SessionInput.PAUSE, monotonic())
        if SessionEffect.REFUSE in effects:
            raise Stop(455)
        if SessionEffect.HALT in effects:
            await play.halt()
        return response(200, request.cseq, (("Session", play.session_id),))

    async def _parameter(self, request: Request) -> bytes:
        """Keep-alive: we have no parameters."""
        if not request.session:
            return response(200, request.cseq)
        return response(200, request.cseq, (("Session", self._session(request).session_id),))

    async def _teardown(self, request: Request) -> bytes:
        play = self._session(request)
        self._forget(play)
        await play.release()
        self._server.closed(play, self.peer, "teardown")
        return response(200, request.cseq, (("Session", play.session_id),))

    # --- streams and sessions ----------------------------------------------------------------

    async def _open(self, request: Request, address: StreamAddress) -> Opened:
        wish = Wish(
            address.kind,
            address.name,
            address.stream,
            address.ticket,
            request.headers.get("authorization", ""),
            self.peer[0],
        )
        try:
            admitted = await self._server.door.open(wish)
            remote = "{}:{}".format(*self.peer)
            described = await describe_stream(self._server.node, admitted.stream_id, remote)
        except Refused as refused:
            self._server.refused(wish, refused)
            raise self._stop(refused) from refused
        except ViewersExhausted as error:
            raise Stop(453) from error
        except MediaTimeout as error:
            raise Stop(504) from error
        except StreamUnknown as error:
            raise Stop(503) from error
        who = Who("rtsp", admitted.user, remote, admitted.ticket_id)
        opened = Opened(admitted.stream_id, described, who)
        if not opened.codecs:
            raise Stop(415)
        if len(self._opened) >= MOST_SESSIONS:
            self._opened.clear()
        self._opened[address.key] = opened
        return opened

    def _stop(self, refused: Refused) -> Stop:
        if refused.status == 401:
            self._refusals += 1
            return Stop(401, (("WWW-Authenticate", 'Basic realm="gb28181", charset="UTF-8"'),))
        # A device that is offline is no conflict an RTSP player knows.
        return Stop(503 if refused.status == 409 else refused.status)

    def _session(self, request: Request) -> Play:
        play = self._plays.get(request.session)
        if play is None:
            raise Stop(454)
        return play

    def _new_play(self, opened: Opened, key: Key) -> Play:
        if len(self._plays) >= MOST_SESSIONS:
            raise Stop(453)
        session_id = self._server.new_id()
        play = Play(session_id, opened.stream_id, self, self._server.node, self._over, opened.who)
        self._plays[session_id] = play
        self._keys[session_id] = key
        return play

    def _with_channels(self, wanted: Wanted, number: int) -> Wanted:
        """Interleaved channels nobody on this connection uses yet: those asked for, or others."""
        if not wanted.tcp:
            return wanted
        used = {channel for play in self.plays for channel in play.channels}
        first = wanted.first if wanted.first is not None else number * 2
        while {first, first + 1} & used:
            first += 2
        if first > 254:
            raise Stop(461)
        return Wanted(True, first, first + 1)

    def _interleaved(self, item: Frame) -> None:
        for play in self._plays.values():
            if item.channel in play.channels:
                play.heard(item.data)

    def _over(self, play: Play, reason: str) -> None:
        """The stream ended, or its viewer cannot be reached; the player learns it by the close."""
        if play.session_id in self._plays:
            self._drop(play, reason)
            if not self._plays and self._transport is not None:
                self._transport.close()

    def _forget(self, play: Play) -> None:
        self._plays.pop(play.session_id, None)
        self._keys.pop(play.session_id, None)
        play.machine.handle(SessionInput.END, monotonic())

    def _drop(self, play: Play, reason: str) -> None:
        self._forget(play)
        self._server.let_go(play)
        self._server.closed(play, self.peer, reason)


def _address(request: Request) -> StreamAddress:
    address = read_address(request.uri)
    if address is None:
        raise Stop(404)
    return address
