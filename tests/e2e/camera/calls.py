"""One call of a camera: the dialog it believes in, the repetition of its 200, and its media."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from .bodies import ANSWER_TCP, ANSWER_UDP, parse_offer, sdp
from .elementary import Source
from .faults import Faults
from .loop import Loop, Timer
from .ps import PsWriter
from .rtp import Line, Packetizer
from .sender import Sender
from .text import Msg, uri_of


@dataclass(frozen=True, slots=True)
class OpenCall:
    """What the camera believes about a call that is not over, for tests to compare."""

    call_id: str
    channel_id: str
    transport: str
    """`udp`, `tcp-passive` (the platform listens) or `tcp-active` (the camera listens)."""
    ssrc: int
    platform: tuple[str, int]
    """Where the platform's SDP asked the media to go."""
    local: tuple[str, int]
    confirmed: bool
    sending: bool


class Call:
    """From the INVITE to the BYE. All methods run in the loop's thread."""

    def __init__(
        self, loop: Loop, invite: Msg, channel_id: str, host: str, tag: str, faults: Faults
    ) -> None:
        self.invite = invite
        self.channel_id = channel_id
        self.tag = tag
        self.offer = parse_offer(invite.body)
        self.state = "early"
        """early, answered, confirmed, over"""
        self.cseq_out = 100
        self.answer = b""
        self.repeat: Timer | None = None
        self.pending_answer: Timer | None = None
        self.sender: Sender | None = None
        self.source_fps = 0
        self.ended_by = ""
        self._loop = loop
        self._host = host
        self._faults = faults
        self._listener: socket.socket | None = None
        self._udp: socket.socket | None = None
        self._local = (host, 0)

    @property
    def call_id(self) -> str:
        return self.invite.call_id

    @property
    def transport(self) -> str:
        if "TCP" not in self.offer.get("proto", ""):
            return "udp"
        return "tcp-active" if self.offer["setup"] == "active" else "tcp-passive"

    @property
    def asked_ssrc(self) -> int:
        return int(self.offer["y"]) if self.offer["y"].isdigit() else 0

    @property
    def platform(self) -> tuple[str, int]:
        return self.offer["host"], int(self.offer.get("port", "0"))

    @property
    def remote_target(self) -> str:
        return uri_of(self.invite.header("Contact")) or self.invite.uri

    def describe(self) -> OpenCall:
        return OpenCall(
            self.call_id,
            self.channel_id,
            self.transport,
            self.asked_ssrc,
            self.platform,
            self._local,
            self.state == "confirmed",
            self.sender is not None and self.sender.running,
        )

    # -- answer ----------------------------------------------------------------------------

    def make_answer(self) -> bytes:
        """Open the local end of the media and describe it."""
        faults = self._faults
        port = self._open_local()
        y = {"asked": self.offer["y"], "none": ""}.get(faults.y, faults.y)
        values = {
            "channel_id": self.channel_id,
            "host": faults.sdp_host or self._host,
            "port": faults.sdp_port if faults.sdp_port >= 0 else port,
            "kind": self.offer["session"],
            "y": f"y={y}" if y else "",
        }
        if self.transport == "udp":
            return sdp(ANSWER_UDP, **values)
        # setup is said from one's own view: the platform passive means the camera active
        setup = "active" if self.transport == "tcp-passive" else "passive"
        return sdp(ANSWER_TCP, **values, setup=setup)

    def _open_local(self) -> int:
        if self.transport == "udp":
            self._udp = _udp_socket(self._host)
            self._local = self._udp.getsockname()
        elif self.transport == "tcp-active":
            self._listener = socket.create_server((self._faults.media_host or self._host, 0))
            self._listener.setblocking(False)
            self._local = self._listener.getsockname()
        else:
            return 9
        return int(self._local[1])

    # -- media -----------------------------------------------------------------------------

    @property
    def recorded(self) -> tuple[int, int] | None:
        """t= of a call for a recording."""
        if self.offer["session"] not in ("Playback", "Download"):
            return None
        start, end = self.offer["t"].split()
        return int(start), int(end)

    def start_media(self, source: Source, on_end: Callable[[], None] | None = None) -> None:
        faults = self._faults
        self.source_fps = source.fps
        ssrc = faults.ssrc if faults.ssrc >= 0 else self.asked_ssrc
        writer = PsWriter(
            audio=bool(source.sound) and not faults.no_sound,
            psm=not faults.no_psm,
            video_type=faults.psm_video_type,
            private=faults.private_stream,
        )
        self.sender = Sender(
            self._loop,
            source,
            Packetizer(ssrc),
            writer=writer,
            line=Line(faults.loss, faults.dup, faults.swap),
            burst=faults.burst,
            **self._part(source),
            on_end=on_end,
        )
        if self.offer["session"] == "Download":
            self.sender.scale = float(self.offer["speed"])
        match self.transport:
            case "udp":
                self.sender.start_udp(self._udp_for_sending(), self.platform)
            case "tcp-passive":
                if faults.tcp_connects:
                    self._connect()
            case _:
                assert self._listener is not None
                self._loop.watch(self._listener, selectors.EVENT_READ, self._accept)

    def _part(self, source: Source) -> dict[str, int]:
        """Which frames belong to the asked time: the camera recorded one for each 1/fps second."""
        if self.recorded is None:
            return {}
        start, end = self.recorded
        stop = min(end, self._faults.file_end) if self._faults.file_end else end
        return {"first": start * source.fps, "end": stop * source.fps}

    def _udp_for_sending(self) -> socket.socket:
        assert self._udp is not None
        faults = self._faults
        if faults.media_host or faults.media_other_port:
            self._udp.close()
            self._udp = _udp_socket(faults.media_host or self._host)
        sock, self._udp = self._udp, None
        return sock

    def _connect(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind((self._faults.media_host or self._host, 0))
        self._local = sock.getsockname()
        code = sock.connect_ex(self.platform)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            return

        def ready(_events: int) -> None:
            self._loop.unwatch(sock)
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed or self.state == "over" or self.sender is None:
                sock.close()
                return
            self.sender.start_tcp(sock)

        self._loop.watch(sock, selectors.EVENT_WRITE, ready)

    def _accept(self, _events: int) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError):
            sock, _peer = self._listener.accept()
            self._loop.unwatch(self._listener)
            self._listener.close()
            self._listener = None
            if self.sender is not None:
                self.sender.start_tcp(sock)

    # -- end -------------------------------------------------------------------------------

    def stop_repeating(self) -> None:
        for timer in (self.repeat, self.pending_answer):
            if timer is not None:
                timer.cancel()
        self.repeat = self.pending_answer = None

    def close(self, ended_by: str) -> None:
        """Release everything; the dialog is over for the camera."""
        self.state, self.ended_by = "over", ended_by
        self.stop_repeating()
        if self.sender is not None:
            self.sender.close()
        for sock in (self._listener, self._udp):
            if sock is not None:
                self._loop.unwatch(sock)
                sock.close()
        self._listener = self._udp = None


class Repeater:
    """The 200 of an INVITE again and again until its ACK (RFC 3261 13.3.1.4)."""

    def __init__(self, loop: Loop, call: Call, send: Callable[[], None], t1: float) -> None:
        self._loop, self._call, self._send, self._t1 = loop, call, send, t1
        self._gap = t1
        self._end = time.monotonic() + 64 * t1

    def start(self) -> None:
        self._call.repeat = self._loop.later(self._gap, self._again)

    def _again(self) -> None:
        if self._call.state != "answered" or time.monotonic() > self._end:
            return
        self._send()
        self._gap = min(2 * self._gap, 8 * self._t1)
        self._call.repeat = self._loop.later(self._gap, self._again)


def _udp_socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
    sock.bind((host, 0))
    return sock
