"""Loudspeakers for the contract tests: sockets that note every packet they get."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

from .media_cameras import HOST


class Loudspeaker(asyncio.Protocol):
    """One device's ear (and mouth), over UDP or a TCP connection."""

    def __init__(self, heard: list[bytes]) -> None:
        self.packets: list[bytes] = []
        self.times: list[float] = []
        self.heard = heard
        """What the node says it heard of us."""
        self.port = 0
        self.closed = False
        self._rest = b""
        self._more = asyncio.Event()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._peer: tuple[str, int] | None = None

    @property
    def samples(self) -> bytes:
        return b"".join(packet[12:] for packet in self.packets)

    def spoken(self) -> list[bytes]:
        """Packets that are not silence."""
        return [p for p in self.packets if set(p[12:]) != {0xD5}]

    async def bind(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, (HOST, 0))  # type: ignore[arg-type,return-value]
        self.port = self._udp.get_extra_info("sockname")[1]

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def dial(self, port: int, buffer: int = 2048) -> None:
        # The smallest buffer: one that does not read speech is to be noticed soon.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, (HOST, port))
        except OSError:
            sock.close()
            raise
        await loop.create_connection(lambda: self, sock=sock)

    async def say(self, packet: bytes) -> None:
        if self._udp is not None:
            self._udp.sendto(packet, self._peer)
        else:
            assert self._tcp is not None
            self._tcp.write(len(packet).to_bytes(2, "big") + packet)

    def pause(self) -> None:
        assert self._tcp is not None
        self._tcp.pause_reading()

    def resume(self) -> None:
        assert self._tcp is not None
        self._tcp.resume_reading()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._more.clear()
                await self._more.wait()

    async def until_heard(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)

    async def aclose(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 1)

    # --- asyncio -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._tcp = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._more.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._peer = addr
        self._note(data)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= 2 + (size := int.from_bytes(self._rest[:2], "big")):
            self._note(self._rest[2 : 2 + size])
            self._rest = self._rest[2 + size :]

    def _note(self, packet: bytes) -> None:
        self.packets.append(packet)
        self.times.append(time.monotonic())
        self._more.set()
