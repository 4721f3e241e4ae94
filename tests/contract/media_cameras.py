"""Cameras for the contract tests of media nodes: real PS in RTP over loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable

from media.ps.mux import PsMuxer
from media.rtp.packet import RtpPacketizer, frame_for_tcp
from media.unit import AccessUnit, Codec

HOST = "127.0.0.1"


def packets_of(
    units: Iterable[AccessUnit],
    *,
    ssrc: int = 100_000_001,
    sequence: int = 0,
    audio_config: bytes = b"",
) -> list[bytes]:
    """The RTP packets of these units, as one camera would send them."""
    units = list(units)
    video = next((u.codec for u in units if u.video), None)
    audio = next((u.codec for u in units if not u.video), None)
    muxer = PsMuxer(video, audio, audio_config=audio_config)
    packetizer = RtpPacketizer(ssrc, sequence=sequence)
    packets: list[bytes] = []
    for unit in units:
        packets += packetizer.packetize(muxer.frame(unit), unit.dts)
    return packets


class UdpCamera:
    """Sends from one address to one port."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self._sock.connect((HOST, port))
        self.address: tuple[str, int] = self._sock.getsockname()

    async def send(self, packets: Iterable[bytes]) -> None:
        for index, packet in enumerate(packets):
            with contextlib.suppress(ConnectionRefusedError):  # the port was closed: send on
                self._sock.send(packet)
            if index % 32 == 31:
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        self._sock.close()


class TcpCamera:
    """Sends over one TCP connection, whoever opened it."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._connected = asyncio.Event()
        self.port = 0

    async def dial(self, port: int, host: str = HOST) -> None:
        """The node listens (tcp-passive)."""
        _, self._writer = await asyncio.open_connection(HOST, port, local_addr=(host, 0))

    async def listen(self) -> int:
        """The node connects (tcp-active)."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writer = writer
            self._connected.set()

        self._server = await asyncio.start_server(serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def send(self, packets: Iterable[bytes]) -> None:
        if self._server is not None:
            async with asyncio.timeout(5):
                await self._connected.wait()
        assert self._writer is not None
        for packet in packets:
            self._writer.write(frame_for_tcp(packet))
            await self._writer.drain()

    async def aclose(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


def psm_with(stream_type: int, unit: AccessUnit) -> list[bytes]:
    """Packets of a programme whose map names this stream type for its video."""
    muxed = PsMuxer(Codec.H264).frame(unit)
    at = muxed.index(b"\x1b\xe0")
    return RtpPacketizer(1).packetize(
        muxed[:at] + bytes((stream_type,)) + muxed[at + 1 :], unit.dts
    )
