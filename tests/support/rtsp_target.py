"""A server that takes streams by RTSP (ANNOUNCE, RECORD), of the standard library alone.

It asks for a user in one of several ways, may refuse, may choose channels of its own, may stop
reading, and keeps what it was told and given.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from typing import Any

USER, PASSWORD = "pusher", 'p@ss "w0rd'
HOST = "127.0.0.1"
SESSION = "4711"


@dataclass
class Published:
    """One connection that announced something."""

    sock: socket.socket
    sdp: str = ""
    channels: dict[int, int] = field(default_factory=dict)
    """Track by channel."""
    packets: list[list[bytes]] = field(default_factory=lambda: [[], []])
    """RTP by track."""
    reports: list[bytes] = field(default_factory=list)
    recording: bool = False
    over: bool = False


class RtspTarget:
    """Use it as a context."""

    def __init__(self, *, auth: str = "", shift: int = 0, timeout_s: int = 60) -> None:
        """`auth`: empty, `basic`, `md5`, `sha256`. `shift` is added to the channels asked for."""
        self.auth, self.shift, self.timeout_s = auth, shift, timeout_s
        self.requests: list[str] = []
        self.published: list[Published] = []
        self.connections = 0
        self.status: dict[str, int] = {}
        """Methods that are refused with this status."""
        self.reading = threading.Event()
        self.reading.set()
        self._server: socketserver.ThreadingTCPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"rtsp://{HOST}:{self.port}/in/cam1"

    @property
    def packets(self) -> int:
        """That came in all, of pictures."""
        return sum(len(one.packets[0]) for one in self.published)

    def __enter__(self) -> RtspTarget:
        self.listen()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.reading.set()
        self.hang_up()

    def listen(self) -> None:
        """At the port it had before, if any."""
        target = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                target.connections += 1
                with contextlib.suppress(OSError, ValueError):
                    target._serve(self.rfile, self.connection)

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Listener((HOST, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hang_up(self) -> None:
        """As when it loses its power."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Only the connections."""
        for one in self.published:
            with contextlib.suppress(OSError):
                one.sock.shutdown(socket.SHUT_RDWR)

    def _serve(self, rfile: Any, sock: socket.socket) -> None:
        one = Published(sock)
        try:
            while (first := rfile.read(1)) != b"":
                if first == b"$":
                    self.reading.wait()
                    self._packet(one, rfile)
                elif not self._request(one, first, rfile):
                    return
        finally:
            one.recording, one.over = False, True

    def _packet(self, one: Published, rfile: Any) -> None:
        head = rfile.read(3)
        data = rfile.read(int.from_bytes(head[1:3], "big"))
        track = one.channels.get(head[0])
        if track is not None:
            one.packets[track].append(data)
        else:
            assert head[0] - 1 in one.channels, "a channel nobody agreed on"
            one.reports.append(data)

    def _request(self, one: Published, first: bytes, rfile: Any) -> bool:
        lines = [(first + rfile.readline()).decode().strip()]
        while line := rfile.readline().decode().strip():
            lines.append(line)
        method, uri, _ = lines[0].split()
        self.requests.append(method)
        headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        body = rfile.read(int(headers.get("content-length", "0")))
        status, more = self._answer(one, method, uri, headers, body)
        text = f"RTSP/1.0 {status} X\r\nCSeq: {headers['cseq']}\r\n"
        one.sock.sendall((text + "".join(f"{line}\r\n" for line in more) + "\r\n").encode())
        if method == "RECORD" and status == 200:
            one.recording = True
        return method != "TEARDOWN"

    def _answer(
        self, one: Published, method: str, uri: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[str]]:
        if method == "OPTIONS":
            return 200, ["Public: OPTIONS, ANNOUNCE, SETUP, RECORD, GET_PARAMETER, TEARDOWN"]
        if not self._may(method, uri, headers.get("authorization", "")):
            return 401, self._challenges()
        if method in self.status:
            return self.status[method], ["Location: rtsp://127.0.0.1:1/elsewhere"]
        if method == "ANNOUNCE":
            assert headers["content-type"] == "application/sdp"
            one.sdp = body.decode()
            self.published.append(one)
            return 200, []
        if method == "SETUP":
            told = headers["transport"]
            pair = re.fullmatch(r"RTP/AVP/TCP;unicast;interleaved=(\d+)-(\d+);mode=record", told)
            assert pair is not None, told
            first = int(pair[1]) + self.shift
            one.channels[first] = int(uri.rpartition("=")[2])
            chosen = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1};mode=record"
            return 200, [f"Transport: {chosen}", f"Session: {SESSION};timeout={self.timeout_s}"]
        assert headers.get("session") == SESSION, (method, headers)
        return 200, []

    def _challenges(self) -> list[str]:
        nonce = f'realm="server", nonce="{self.port:x}"'
        return {
            "basic": ['WWW-Authenticate: Basic realm="server"'],
            "md5": [f'WWW-Authenticate: Digest {nonce}, algorithm=MD5, qop="auth"'],
            "sha256": [f'WWW-Authenticate: Digest {nonce}, algorithm=SHA-256, qop="auth"'],
        }[self.auth]

    def _may(self, method: str, uri: str, given: str) -> bool:
        if not self.auth:
            return True
        if self.auth == "basic":
            right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            return given == f"Basic {right}"
        found = dict(re.findall(r'(\w+)="?((?<==")[^"]*|[^",\s]*)', given))
        if found.get("uri") != uri or found.get("nonce") != f"{self.port:x}":
            return False
        ha1 = self._hash(f"{USER}:server:{PASSWORD}")
        middle = f"{found['nonce']}:{found['nc']}:{found['cnonce']}:auth"
        return found["response"] == self._hash(f"{ha1}:{middle}:{self._hash(f'{method}:{uri}')}")

    def _hash(self, text: str) -> str:
        name = "sha256" if self.auth == "sha256" else "md5"
        return hashlib.new(name, text.encode()).hexdigest()
