"""A camera that speaks RTSP and no SIP, of the standard library alone; its RTP is FFmpeg's.

It asks for a user in one of several ways, answers like cameras do, and sends what FFmpeg encodes
and packs to whoever plays, in the connection or to ports of the player.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER, PASSWORD = "admin", 'p@ss "w0rd'
HOST = "127.0.0.1"
VIDEO = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"],
    "h265": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0"],
    "mjpeg": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
}
AUDIO = {
    "aac": ["-c:a", "aac", "-ar", "16000", "-ac", "1"],
    "pcma": ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"],
}


def _hash(algorithm: str, text: str) -> str:
    name = "sha256" if algorithm == "SHA-256" else "md5"
    return hashlib.new(name, text.encode()).hexdigest()


@dataclass
class Player:
    """Who plays, and where each of the two tracks goes."""

    wfile: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    channels: dict[int, int] = field(default_factory=dict)
    ports: dict[int, tuple[str, int]] = field(default_factory=dict)
    playing: bool = False


class RtspCamera:
    """Use it as a context."""

    def __init__(
        self, *, video: str = "h264", audio: str | None = None, auth: str = "", sets: bool = True
    ) -> None:
        """`auth`: empty, `basic`, `md5`, `md5-plain` (RFC 2069), `sha256`. `sets`: the parameter
        sets stand in the stream, else in the description alone."""
        self.video, self.audio, self.auth = video, audio, auth
        self.sets = sets
        self.requests: list[str] = []
        self.peers: list[tuple[str, int]] = []
        self.players: list[Player] = []
        self.status: dict[str, int] = {}
        """Methods that are refused with this status."""
        self.mute = False
        """Nothing is sent to who plays."""
        self._folder = Path(tempfile.mkdtemp())
        self._inputs = [_socket(), _socket()]
        self._out = _socket()
        self._stop = threading.Event()
        self._server: socketserver.ThreadingTCPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"rtsp://{HOST}:{self.port}/Streaming/Channels/101?transportmode=unicast"

    def __enter__(self) -> RtspCamera:
        rtp = [f"rtp://{HOST}:{one.getsockname()[1]}?pkt_size=1200" for one in self._inputs]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi"]
        command += ["-i", "testsrc=size=320x240:rate=25"]
        if self.audio:
            command += ["-re", "-f", "lavfi", "-i", "sine=frequency=440"]
        flags = [] if self.sets else ["-flags:v", "+global_header"]
        command += ["-map", "0:v", *VIDEO[self.video], "-g", "25", *flags, "-f", "rtp", rtp[0]]
        if self.audio:
            command += ["-map", "1:a", *AUDIO[self.audio], "-f", "rtp", rtp[1]]
        sdp = self._folder / "camera.sdp"
        command += ["-sdp_file", str(sdp)]
        self._ffmpeg = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (sdp.exists() and sdp.read_text().count("m=") > bool(self.audio)):
            assert self._ffmpeg.poll() is None, "ffmpeg ended"
            assert time.monotonic() < deadline, "ffmpeg wrote no description"
            time.sleep(0.05)
        self.sdp = _described(sdp.read_text())
        self._threads = [
            threading.Thread(target=self._relay, args=(track,), daemon=True) for track in (0, 1)
        ]
        for thread in self._threads:
            thread.start()
        self.listen()
        return self

    def listen(self) -> None:
        """At the port it had before, if any."""
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                camera.peers.append(self.client_address)
                with contextlib.suppress(OSError, ValueError):
                    camera._serve(self.rfile, self.wfile, self.client_address[0])

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer((HOST, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hang_up(self) -> None:
        """As when it loses its power: nobody is answered any more."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        for player in self.players:
            player.playing = False
            with contextlib.suppress(OSError):
                player.wfile._sock.shutdown(socket.SHUT_RDWR)
        self.players.clear()

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self.hang_up()
        self._ffmpeg.kill()
        self._ffmpeg.wait()
        for thread in self._threads:
            thread.join(5)
        for sock in (*self._inputs, self._out):
            sock.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- media -------------------------------------------------------------------------------

    def _relay(self, track: int) -> None:
        sock = self._inputs[track]
        sock.settimeout(0.2)
        while not self._stop.is_set():
            try:
                packet = sock.recv(4096)
            except OSError:
                continue
            for player in list(self.players):
                if player.playing and not self.mute:
                    self._send(player, track, packet)

    def _send(self, player: Player, track: int, packet: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            if track in player.channels:
                head = b"$" + bytes((player.channels[track],)) + len(packet).to_bytes(2, "big")
                with player.lock:
                    player.wfile.write(head + packet)
            elif track in player.ports:
                self._out.sendto(packet, player.ports[track])

    # --- RTSP --------------------------------------------------------------------------------

    def _serve(self, rfile: Any, wfile: Any, host: str) -> None:
        player = Player(wfile)
        while True:
            lines = []
            while line := rfile.readline().decode().strip():
                lines.append(line)
            if not lines:
                return
            method, uri, _ = lines[0].split()
            self.requests.append(method)
            headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
            status, more, body = self._answer(method, uri, headers, player, host)
            text = f"RTSP/1.0 {status} X\r\nCSeq: {headers['cseq']}\r\n" + "".join(
                f"{line}\r\n" for line in more
            )
            if body:
                text += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            with player.lock:
                wfile.write(text.encode() + b"\r\n" + body)
            if method == "PLAY" and status == 200:
                player.playing = True
                self.players.append(player)
            if method == "TEARDOWN":
                player.playing = False
                return

    def _answer(
        self, method: str, uri: str, headers: dict[str, str], player: Player, host: str
    ) -> tuple[int, list[str], bytes]:
        if method == "OPTIONS":
            return 200, ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"], b""
        if not self._may(method, uri, headers.get("authorization", "")):
            return 401, self._challenges(), b""
        if method in self.status:
            return self.status[method], ["Location: rtsp://127.0.0.1:1/elsewhere"], b""
        if method == "DESCRIBE":
            return 200, [f"Content-Base: {self.url}/"], self.sdp
        if method == "SETUP":
            track = int(uri[-1])
            told = headers["transport"]
            pair = re.search(r"(interleaved|client_port)=(\d+)-\d+", told)
            assert pair is not None
            if pair[1] == "interleaved":
                player.channels[track] = int(pair[2])
            else:
                player.ports[track] = (host, int(pair[2]))
            return 200, [f"Transport: {told};ssrc=1234ABCD", "Session: 66334873;timeout=60"], b""
        assert headers.get("session") == "66334873"
        return 200, [], b""

    def _challenges(self) -> list[str]:
        nonce = f'realm="IP Camera(C1234)", nonce="{self.port:x}"'
        return {
            "basic": ['WWW-Authenticate: Basic realm="IP Camera"'],
            "md5-plain": [f"WWW-Authenticate: Digest {nonce}"],
            "md5": [
                'WWW-Authenticate: Basic realm="IP Camera"',
                f'WWW-Authenticate: Digest {nonce}, algorithm=MD5, qop="auth", opaque="x,y"',
            ],
            "sha256": [
                f'WWW-Authenticate: Digest {nonce}, algorithm=MD5, qop="auth"',
                f'WWW-Authenticate: Digest {nonce}, algorithm=SHA-256, qop="auth,auth-int"',
            ],
        }[self.auth]

    def _may(self, method: str, uri: str, given: str) -> bool:
        if not self.auth:
            return True
        if self.auth == "basic":
            right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            return given == f"Basic {right}"
        found = dict(re.findall(r'(\w+)="?((?<==")[^"]*|[^",\s]*)', given))
        algorithm = "SHA-256" if self.auth == "sha256" else "MD5"
        if found.get("uri") != uri or found.get("nonce") != f"{self.port:x}":
            return False
        ha1 = _hash(algorithm, f"{USER}:{found['realm']}:{PASSWORD}")
        ha2 = _hash(algorithm, f"{method}:{uri}")
        middle = found["nonce"]
        if self.auth != "md5-plain":
            middle += f":{found['nc']}:{found['cnonce']}:auth"
        return found["response"] == _hash(algorithm, f"{ha1}:{middle}:{ha2}")


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((HOST, 0))
    return sock


def _described(text: str) -> bytes:
    """FFmpeg's description, with the control addresses a camera has."""
    lines: list[str] = []
    track = -1
    for line in text.replace("SDP:\n", "").splitlines():
        if line.startswith("m="):
            track += 1
            line = re.sub(r"^(m=\w+) \d+", r"\1 0", line)
            lines += [line, f"a=control:trackID={track}"]
        else:
            lines.append(line)
    return "\r\n".join([*lines, ""]).encode()
