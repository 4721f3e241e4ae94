"""What a viewer's program does with the bytes of each output: enough to count pictures.

Every reader is fed what arrives and keeps next to nothing. `viewer` connects one and says the
words that come before the picture.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import time
from collections import Counter
from typing import Protocol
from urllib.parse import urlsplit

from tests.e2e.rtsp_client import RtspClient

VIDEO, KEY_PICTURE = 9, 0x17
PATIENCE_S = 20.0
_CLOSE, _PING, _PONG = 8, 9, 10
_TRACK = re.compile(r"^m=(\w+).*?^a=control:(\S+)", re.MULTILINE | re.DOTALL)


class Reader(Protocol):
    """Counts what it is fed."""

    url: str
    pictures: int
    first_at: float
    faults: Counter[str]

    def feed(self, data: bytes | memoryview) -> None: ...


class Blind:
    """Counts nothing; for the other viewers of a stream."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pictures = 0
        self.first_at = 0.0
        self.faults: Counter[str] = Counter()

    def feed(self, data: bytes | memoryview) -> None:
        pass

    def saw(self) -> None:
        """One picture more."""
        if not self.pictures:
            self.first_at = time.monotonic()
        self.pictures += 1


class FlvTags(Blind):
    """FLV tags; complains about what a player would stumble over."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._body = bytearray()
        self._begun = False
        self._last_time = -1

    def feed(self, data: bytes | memoryview) -> None:
        body = self._body
        body += data
        at = 0
        if not self._begun:
            if len(body) < 13:
                return
            if body[:3] != b"FLV":
                self.faults["no FLV header"] += 1
            self._begun, at = True, 13
        while len(body) - at >= 15:
            size = int.from_bytes(body[at + 1 : at + 4], "big")
            if len(body) - at < size + 15:
                break
            if body[at] == VIDEO and size > 5 and body[at + 12] == 1:
                self._picture(body[at + 11], int.from_bytes(body[at + 4 : at + 7], "big"))
            at += size + 15
        if at:
            del body[:at]

    def _picture(self, kind: int, time_ms: int) -> None:
        if not self.pictures:
            if kind != KEY_PICTURE:
                self.faults["begins without a key picture"] += 1
        elif not 35 <= time_ms - self._last_time <= 45:
            self.faults["gap"] += 1
        self._last_time = time_ms
        self.saw()


class Mp4Boxes(Blind):
    """Fragments of an MP4: one picture each, as the outputs for the live edge make them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._body = bytearray()
        self._skip = 0

    def feed(self, data: bytes | memoryview) -> None:
        body = self._body
        body += data
        while True:
            if self._skip:
                gone = min(self._skip, len(body))
                del body[:gone]
                self._skip -= gone
            if self._skip or len(body) < 8:
                return
            if body[4:8] == b"moof":
                if len(body) < 8 + int.from_bytes(body[:4], "big"):
                    return
                if _video_run(body[: int.from_bytes(body[:4], "big")]):
                    self.saw()
            self._skip = int.from_bytes(body[:4], "big")


def _video_run(moof: bytes | bytearray) -> bool:
    """Whether a fragment has samples of track 1, the picture."""
    at = moof.find(b"tfhd")
    while at >= 0:
        if int.from_bytes(moof[at + 8 : at + 12], "big") == 1:
            return True
        at = moof.find(b"tfhd", at + 4)
    return False


class HttpBody(Blind):
    """A chunked answer, given on to the reader of what is inside."""

    def __init__(self, url: str, inside: Blind) -> None:
        super().__init__(url)
        self._inside = inside
        self.faults = inside.faults
        self._raw = bytearray()
        self._head = True

    def feed(self, data: bytes | memoryview) -> None:
        raw = self._raw
        raw += data
        if self._head:
            end = raw.find(b"\r\n\r\n")
            if end < 0:
                return
            if not raw.startswith(b"HTTP/1.1 200"):
                self.faults[bytes(raw[: raw.find(b"\r\n")]).decode("latin-1")] += 1
            del raw[: end + 4]
            self._head = False
        at = 0
        while (end := raw.find(b"\r\n", at)) >= 0:
            size = int(raw[at:end], 16)
            if len(raw) < end + size + 4:
                break
            self._inside.feed(bytes(raw[end + 2 : end + 2 + size]))
            at = end + size + 4
        if at:
            del raw[:at]
        self.pictures, self.first_at = self._inside.pictures, self._inside.first_at


class WebSocket(Blind):
    """Frames of a server (RFC 6455, 5.2), given on to the reader of what is inside; pings are
    answered, or the server would close."""

    def __init__(self, url: str, inside: Blind, sock: socket.socket) -> None:
        super().__init__(url)
        self._inside, self._sock = inside, sock
        self.faults = inside.faults
        self._raw = bytearray()

    def feed(self, data: bytes | memoryview) -> None:
        raw = self._raw
        raw += data
        at = 0
        while len(raw) - at >= 2:
            size, head = raw[at + 1] & 0x7F, 2
            if size >= 126:
                head += 2 if size == 126 else 8
                size = int.from_bytes(raw[at + 2 : at + head], "big")
            if len(raw) - at < head + size:
                break
            self._frame(raw[at] & 0x0F, bytes(raw[at + head : at + head + size]))
            at += head + size
        if at:
            del raw[:at]
        self.pictures, self.first_at = self._inside.pictures, self._inside.first_at

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self._sock.sendall(bytes((0x80 | _PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif kind == _CLOSE:
            self.faults["closed by the server"] += 1
        elif kind < _CLOSE:
            self._inside.feed(payload)


class Interleaved(Blind):
    """RTP in an RTSP connection (RFC 2326, 10.12): the marker ends a picture."""

    def __init__(self, url: str, rest: bytes) -> None:
        super().__init__(url)
        self._raw = bytearray(rest)

    def feed(self, data: bytes | memoryview) -> None:
        raw = self._raw
        raw += data
        at = 0
        while len(raw) - at >= 6:
            if raw[at] != 0x24:
                self.faults["not a frame"] += 1
                raw.clear()
                return
            size = int.from_bytes(raw[at + 2 : at + 4], "big")
            if len(raw) - at < 4 + size:
                break
            if raw[at + 1] == 0 and raw[at + 5] & 0x80:
                self.saw()
            at += 4 + size
        if at:
            del raw[:at]


def viewer(url: str, *, looks: bool, token: str = "") -> tuple[socket.socket, Reader]:
    """Connected and asking for the stream of an address; `looks`: counts its pictures too."""
    if url.startswith("rtsp:"):
        return _rtsp(url, looks)
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE_S)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    inside = Mp4Boxes(url) if parts.path.endswith(".mp4") else FlvTags(url)
    if parts.scheme != "ws":
        sock.sendall(f"{head}\r\n".encode())
        return sock, HttpBody(url, inside) if looks else Blind(url)
    key = base64.b64encode(os.urandom(16)).decode()
    head += f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {key}\r\n"
    sock.sendall(f"{head}Sec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = bytearray()
    while not answer.endswith(b"\r\n\r\n"):
        answer += sock.recv(1) or b"\r\n\r\n"
    if not answer.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(bytes(answer[:200]))
    # All of them answer pings, so all of them read frames; only one looks into these.
    return sock, WebSocket(url, inside if looks else Blind(url), sock)


def _rtsp(url: str, looks: bool) -> tuple[socket.socket, Reader]:
    parts = urlsplit(url)
    client = RtspClient((parts.hostname or "", parts.port or 554), PATIENCE_S)
    described = client.ask("DESCRIBE", url, Accept="application/sdp")
    if described.status != 200:
        raise ConnectionError(f"DESCRIBE: {described.status}")
    base = described.headers.get("content-base", url).rstrip("/")
    session: dict[str, str] = {}
    for number, (_, control) in enumerate(_TRACK.findall(described.body.decode())):
        uri = control if "://" in control else f"{base}/{control}"
        way = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        answer = client.ask("SETUP", uri, Transport=way, **session)
        if answer.status != 200:
            raise ConnectionError(f"SETUP: {answer.status}")
        session = {"Session": answer.session}
    if client.ask("PLAY", base, **session).status != 200:
        raise ConnectionError("PLAY was refused")
    return client.socket, Interleaved(url, client.unread()) if looks else Blind(url)
