"""What the live tests share: a registered camera with pictures, and looks at its stream."""

from __future__ import annotations

import http.client
import socket
import urllib.parse
from typing import Any

from . import media_source
from .block_code import Code
from .camera import Camera, Source, channel_item, shared_loop
from .camera.ps import PsWriter
from .camera.rtp import Line, Packetizer
from .camera.sender import Sender
from .kit import MakeCamera, new_id
from .server import Server


def camera_with(
    make_camera: MakeCamera, server: Server, source: Source | None, **how: Any
) -> tuple[Camera, str]:
    """A registered camera with one channel of another id than its own; (camera, channel id)."""
    channel_id = new_id(kind=131)
    device_id = new_id(kind=118)
    camera = make_camera(
        device_id,
        server,
        items=[channel_item(channel_id, "路口球机", parent_id=device_id)],
        source=source,
        **how,
    )
    assert camera.register().status == 200
    server.wait_channels(device_id, 1)
    return camera, channel_id


def watch(url: str, seconds: float = 2.0) -> list[Code | None]:
    """What a viewer sees for a while, as codes; the last picture may be cut and is left out."""
    return media_source.codes(url, seconds=seconds)[:-1]


def assert_pictures(found: list[Code | None], camera_number: int, least: int) -> None:
    assert len(found) >= least, f"only {len(found)} pictures"
    assert media_source.gaps(found) == []
    assert {code.camera for code in found if code} == {camera_number}


class RawViewer:
    """A viewer that reads only when told: for slow and dead ones."""

    def __init__(
        self, url: str, receive_buffer: int = 4096, headers: dict[str, str] | None = None
    ) -> None:
        self.socket = _request(url, receive_buffer, headers)
        self.head = self._head()
        if self.status == 307:
            location = self.head.lower().split(b"\r\nlocation: ")[1].split(b"\r\n")[0]
            self.socket.close()
            at = self.head.lower().find(location)
            url = urllib.parse.urljoin(url, self.head[at : at + len(location)].decode())
            self.socket = _request(url, receive_buffer, headers)
            self.head = self._head()

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    def read(self, size: int) -> bytes:
        """Body bytes as they come (chunk marks included, where the server chunks)."""
        out = b""
        while len(out) < size:
            data = self.socket.recv(65536)
            if not data:
                break
            out += data
        return out

    def close(self) -> None:
        self.socket.close()

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise http.client.RemoteDisconnected("no answer from the viewer address")
            head += byte
        return head


def _request(url: str, receive_buffer: int, headers: dict[str, str] | None) -> socket.socket:
    parts = urllib.parse.urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(10)
    sock.connect((parts.hostname or "", parts.port or 80))
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = {"Host": parts.netloc, "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sock.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    return sock


class MediaStranger:
    """Sends a sound stream from 127.0.0.2 to a port that waits for somebody else's."""

    def __init__(self, source: Source, target: tuple[str, int], ssrc: int) -> None:
        self._loop = shared_loop()
        self._target = target
        self._sender = Sender(
            self._loop, source, Packetizer(ssrc), writer=PsWriter(audio=False), line=Line()
        )

    @property
    def frames(self) -> int:
        return self._sender.counters.frames

    def __enter__(self) -> MediaStranger:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.2", 0))
        self._loop.run_in(lambda: self._sender.start_udp(sock, self._target))
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.run_in(self._sender.close)
