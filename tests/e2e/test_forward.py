"""A live picture sent on as program stream in RTP: what arrives is read by ffmpeg."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import av

from . import media_source
from .camera import Source
from .kit import Launch, MakeCamera
from .live_support import assert_pictures, camera_with
from .server import Answer, Server, wait_for

SSRC = 123_456_789


def forward(server: Server, channel_id: str, **wanted: object) -> Answer:
    return server.call("POST", f"/api/v1/channels/{channel_id}/forward", wanted, timeout=20)


class Receiver:
    """What a platform above would have: a socket, and the packets that came."""

    def __init__(self, transport: str) -> None:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.settimeout(20)
        self.transport = transport
        if transport != "tcp-passive":
            self.sock.bind(("127.0.0.1", 0))
        if transport == "tcp-active":
            self.sock.listen()

    @property
    def port(self) -> int:
        return 0 if self.transport == "tcp-passive" else int(self.sock.getsockname()[1])

    def packets(self, told: dict[str, int | str], size: int) -> Iterator[bytes]:
        """RTP packets, until so many bytes came."""
        if self.transport == "udp":
            while size > 0:
                packet = self.sock.recv(2048)
                size -= len(packet)
                yield packet
            return
        stream = self.sock
        if self.transport == "tcp-active":
            stream, _ = self.sock.accept()
        else:
            stream.connect((str(told["local_host"]), int(told["local_port"])))
        with stream, stream.makefile("rb") as file:
            while size > 0:
                packet = file.read(int.from_bytes(file.read(2), "big"))
                size -= len(packet)
                yield packet


def codecs(programme: Path) -> set[str]:
    """By the FFmpeg inside PyAV: Debian's does not know G.711 in a program stream."""
    with av.open(str(programme), format="mpeg") as container:
        return {stream.codec_context.name for stream in container.streams}


def sent_on(server: Server, channel_id: str, transport: str, programme: Path) -> None:
    receiver = Receiver(transport)
    with contextlib.closing(receiver.sock):
        answer = forward(
            server, channel_id, host="127.0.0.1", port=receiver.port, transport=transport, ssrc=SSRC
        )
        assert answer.status == 201, answer
        told = answer.body
        assert (told["transport"], told["ssrc"]) == (transport, f"{SSRC:010d}")
        sequence: int | None = None
        with programme.open("wb") as file:
            for packet in receiver.packets(told, 1_200_000):
                assert packet[0] == 0x80
                assert packet[1] & 0x7F == 96
                assert int.from_bytes(packet[8:12], "big") == SSRC
                number = int.from_bytes(packet[2:4], "big")
                assert sequence is None or number == (sequence + 1) & 0xFFFF
                sequence = number
                file.write(packet[12:])
        assert_pictures(media_source.codes(programme)[:-1], 7, least=30)
        assert codecs(programme) == {"h264", "pcm_alaw"}
        if transport == "udp":
            shown = server.get(f"/forwards/{told['forward_id']}")
            assert shown["packets"] > 800
            assert shown["dropped_packets"] == 0
            path = f"/api/v1/forwards/{told['forward_id']}"
            assert server.call("DELETE", path).status == 204
            assert server.call("DELETE", path).status == 404
        else:
            assert server.wait_log("forward.ended", forward_id=told["forward_id"])
        wait_for(lambda: server.get("/forwards")["total"] == 0, "the end of the forward")


def test_sent_on_and_refused(
    launch: Launch, make_camera: MakeCamera, video: Source, tmp_path: Path
) -> None:
    server = launch(GB28181_MEDIA__ALLOW="127.0.0.0/30", GB28181_SESSIONS__LINGER="3")
    camera, channel_id = camera_with(make_camera, server, video)
    statuses = {
        "not allowed": forward(server, channel_id, host="192.0.2.1", port=5000).status,
        "no address": forward(server, channel_id, host="upper.example", port=5000).status,
        "no channel": forward(server, "64010400001310009999", host="127.0.0.1", port=5000).status,
    }
    assert statuses == {"not allowed": 403, "no address": 422, "no channel": 404}
    assert camera.received("INVITE") == [], "what is refused begins nothing"
    for transport in ("udp", "tcp-active", "tcp-passive"):
        sent_on(server, channel_id, transport, tmp_path / "sent.ps")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        answer = forward(server, channel_id, host="127.0.0.1", port=port, transport="tcp-active")
    assert (answer.status, answer.error["code"]) == (502, "connect_failed")
    assert server.get("/forwards")["total"] == 0
    wait_for(lambda: camera.received("BYE") != [], "BYE: nobody looks any more", timeout=20)
