"""A child process that does the least a Python program can do with the same packets.

    python -m tests.benchmarks.anchors

`echo`: one uvloop UDP endpoint that answers each datagram with one of a SIP answer's size.
`sink`: uvloop endpoints that count what comes and keep nothing. What the product costs above that
is the product's; and what both cost more on a busy machine is the machine's.
"""

from __future__ import annotations

import asyncio
import socket

import uvloop

from .child import CommandReader, say

HOST = "127.0.0.1"
RECEIVE_BUFFER = 4 * 2**20


class Echo(asyncio.DatagramProtocol):
    """Answers with the lines a SIP answer repeats."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport) or hasattr(transport, "sendto")
        self._send = transport.sendto  # type: ignore[attr-defined]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        start = data.find(b"\r\n")
        self._send(b"SIP/2.0 200 OK" + data[start : start + 330], addr)


class DatagramSink(asyncio.DatagramProtocol):
    packets = size = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        DatagramSink.packets += 1
        DatagramSink.size += len(data)


class StreamSink(asyncio.Protocol):
    size = 0

    def data_received(self, data: bytes) -> None:
        StreamSink.size += len(data)


def _udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock


class Anchors:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sinks: list[asyncio.BaseTransport | asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader = CommandReader(
            {
                "sinks": lambda **values: self._start(self._open(**values)),
                "close": self._close,
                "counts": lambda: say(
                    packets=DatagramSink.packets, size=DatagramSink.size + StreamSink.size
                ),
            }
        )
        self._loop.add_reader(self._reader.fileno, self._reader.read)

    async def run(self) -> None:
        sock = _udp_socket()
        await self._loop.create_datagram_endpoint(Echo, sock=sock)
        say(port=sock.getsockname()[1])
        await asyncio.Event().wait()

    def _start(self, work: asyncio.Future[None]) -> None:
        task = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, mode: str, count: int) -> None:
        ports = []
        for _ in range(count):
            if mode == "udp":
                sock = _udp_socket()
                made, _ = await self._loop.create_datagram_endpoint(DatagramSink, sock=sock)
                self._sinks.append(made)
            else:
                server = await self._loop.create_server(StreamSink, HOST, 0)
                sock = server.sockets[0]
                self._sinks.append(server)
            ports.append(sock.getsockname()[1])
        say(ports=ports)

    def _close(self) -> None:
        for sink in self._sinks:
            sink.close()
        self._sinks = []
        say()


async def main() -> None:
    await Anchors().run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
