"""The receivers' sockets on loopback: draining, locking, replacing, connecting."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from media.errors import MediaConnectFailed
from media.receive import tcp as receiver_tcp
from media.receive import udp as receiver_udp
from media.receive.source_lock import Networks, SourceLock
from media.receive.tcp import TcpReceiver, open_tcp_socket
from media.receive.udp import DRAIN, QUIET_LOOKS, Outs, SocketPoller, UdpReceiver, open_udp_socket
from media.rtp.packet import HEADER, frame_for_tcp

PACK = b"\x00\x00\x01\xba" + bytes(10)
HOST = "127.0.0.1"


def rtp(sequence: int, ssrc: int = 1, payload: bytes = PACK) -> bytes:
    return HEADER.pack(0x80, 96, sequence & 0xFFFF, 0, ssrc) + payload


class Taken:
    """Stands for the pipeline: notes packets, wakes whoever waits for a number of them."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.new_sources = 0
        self.closed = 0
        self.failed: list[str] = []
        self.per_turn: list[int] = []
        self._waiter: tuple[Callable[[], bool], asyncio.Event] | None = None

    def feed(self, packets: Sequence[bytes], arrival: float) -> Outs:
        self.packets += packets
        self.changed()
        return []

    def deliver(self, outs: Outs) -> None:
        raise AssertionError("the fake pipeline gives no units")

    def new_source(self) -> None:
        self.new_sources += 1
        self.changed()

    def lost(self) -> None:
        self.closed += 1
        self.changed()

    def changed(self) -> None:
        if self._waiter is not None and self._waiter[0]():
            self._waiter[1].set()

    async def until(self, condition: Callable[[], bool]) -> None:
        if not condition():
            event = asyncio.Event()
            self._waiter = (condition, event)
            async with asyncio.timeout(5):
                await event.wait()
            self._waiter = None

    async def count(self, packets: int) -> None:
        await self.until(lambda: len(self.packets) >= packets)


@pytest.fixture
def taken() -> Taken:
    return Taken()


def udp_receiver(
    taken: Taken,
    ssrc: int | None = None,
    *networks: str,
    poller: SocketPoller | None = None,
) -> UdpReceiver:
    return UdpReceiver(
        poller or SocketPoller(asyncio.get_running_loop()),
        open_udp_socket(HOST, 0),
        SourceLock(Networks(networks), ssrc),
        taken.feed,
        taken.deliver,
        on_new_source=taken.new_source,
        on_failed=taken.failed.append,
    )


@pytest.fixture(params=["together", "singly"])
async def udp(
    taken: Taken, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[UdpReceiver]:
    if request.param == "singly":
        monkeypatch.setattr(receiver_udp, "batch_of", lambda family: None)
    receiver = udp_receiver(taken)
    yield receiver
    receiver.close()


def sender(receiver: UdpReceiver, host: str = HOST) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.connect(receiver._sock.getsockname())
    return sock


async def test_udp_packets_in_order_and_complete(udp: UdpReceiver, taken: Taken) -> None:
    packets = [rtp(i) for i in range(3 * DRAIN)]
    with sender(udp) as camera:
        for packet in packets:
            camera.send(packet)
        address = camera.getsockname()
        await taken.count(len(packets))
    assert taken.packets == packets
    assert udp.source == address
    assert udp.kernel_drops == 0


async def test_udp_takes_turns(udp: UdpReceiver, taken: Taken) -> None:
    """A full socket gives the loop back after 64 datagrams."""
    with sender(udp) as camera:
        for i in range(2 * DRAIN + 10):
            camera.send(rtp(i))
        sizes = []
        before = 0
        while len(taken.packets) < 2 * DRAIN + 10:
            await asyncio.sleep(0)
            if len(taken.packets) > before:
                sizes.append(len(taken.packets) - before)
                before = len(taken.packets)
    assert max(sizes) <= DRAIN + 1, "one more is taken when the drop counter is looked at"
    assert len(sizes) >= 3


async def test_udp_datagrams_larger_than_an_ethernet_frame(udp: UdpReceiver, taken: Taken) -> None:
    packet = rtp(0, payload=PACK + bytes(20_000))
    with sender(udp) as camera:
        camera.send(packet)
        await taken.count(1)
    assert taken.packets == [packet]


async def test_udp_a_second_source_is_counted_not_taken(udp: UdpReceiver, taken: Taken) -> None:
    with sender(udp) as camera, sender(udp, "127.0.0.2") as intruder:
        camera.send(rtp(0))
        await taken.count(1)
        intruder.send(rtp(7, ssrc=9))
        camera.send(rtp(1))
        await taken.count(2)
    assert taken.packets == [rtp(0), rtp(1)]
    assert udp.foreign == 1
    assert taken.new_sources == 0


async def test_udp_the_source_outside_the_networks_is_dropped(taken: Taken) -> None:
    receiver = udp_receiver(taken, None, "127.0.0.3/32")
    with sender(receiver) as intruder, sender(receiver, "127.0.0.3") as camera:
        intruder.send(rtp(0))
        camera.send(rtp(1))
        await taken.count(1)
    assert taken.packets == [rtp(1)]
    assert receiver.foreign == 1
    receiver.close()


async def test_udp_a_new_source_after_silence_is_told(udp: UdpReceiver, taken: Taken) -> None:
    with sender(udp) as camera, sender(udp) as restarted:
        camera.send(rtp(0))
        await taken.count(1)
        udp.lock.last_at -= 5.0  # five seconds of silence
        restarted.send(rtp(100))
        await taken.count(2)
        assert udp.source == restarted.getsockname()
    assert taken.new_sources == 1


async def test_udp_kernel_drops_are_counted(taken: Taken) -> None:
    receiver = udp_receiver(taken)
    receiver._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the smallest there is
    with sender(receiver) as camera:
        for i in range(200):
            camera.send(rtp(i, payload=PACK + bytes(1200)))
        await taken.count(1)
        await asyncio.sleep(0)
        survived = len(taken.packets)
        receiver.tick(0.0)
        camera.send(rtp(200))
        await taken.until(lambda: taken.packets[-1] == rtp(200))
    assert receiver.kernel_drops == 200 - (len(taken.packets) - 1)
    assert 0 < survived < 200
    receiver.close()


async def test_udp_buffer_is_asked_for_and_read_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with open_udp_socket(HOST, 0) as sock:
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    assert granted > 212_992 // 2
    # More than any system grants: the warning names the line to type, once.
    monkeypatch.setattr(receiver_udp, "RECEIVE_BUFFER", 1 << 30)
    monkeypatch.setattr(receiver_udp, "_warned", set())
    for _ in range(2):
        open_udp_socket(HOST, 0).close()
    lines = [r.getMessage() for r in caplog.records if "rmem_max" in r.getMessage()]
    assert len(lines) == 1
    assert "sysctl -w net.core.rmem_max=1073741824" in lines[0]


async def test_udp_close_in_the_middle_of_a_burst(taken: Taken) -> None:
    receiver = udp_receiver(taken)
    port = receiver._sock.getsockname()[1]

    def feed_and_close(packets: Sequence[bytes], arrival: float) -> Outs:
        taken.feed(packets, arrival)
        receiver.close()
        return []

    receiver._feed = feed_and_close
    with sender(receiver) as camera:
        for i in range(10):
            camera.send(rtp(i))
        await taken.count(1)
        await asyncio.sleep(0)
    assert len(taken.packets) == 1
    receiver.close()
    open_udp_socket(HOST, port).close()


async def test_udp_one_poller_serves_many_and_sleeps_between_bursts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    real = SocketPoller._look
    monkeypatch.setattr(SocketPoller, "_look", lambda self: looks.append(1) or real(self))
    poller = SocketPoller(asyncio.get_running_loop())
    takers = [Taken() for _ in range(3)]
    receivers = [udp_receiver(taken, poller=poller) for taken in takers]
    cameras = [sender(receiver) for receiver in receivers]
    for burst in range(3):
        looks.clear()
        for i in range(10):
            for camera in cameras:
                camera.send(rtp(burst * 10 + i))
        for taken in takers:
            await taken.count((burst + 1) * 10)
        async with asyncio.timeout(5):
            while poller.awake:
                await asyncio.sleep(0.001)
        assert len(looks) == 1 + QUIET_LOOKS, "one for all that came, then it falls asleep"
    receivers[0].close()
    cameras[0].send(rtp(99))
    cameras[1].send(rtp(99))
    await takers[1].count(31)
    assert len(takers[0].packets) == 30
    assert poller.awake
    for receiver, camera in zip(receivers, cameras, strict=True):
        receiver.close()
        camera.close()
    assert not poller.awake
    again = udp_receiver(takers[0], poller=poller)
    with sender(again) as camera:
        camera.send(rtp(0))
        await takers[0].count(31)
    again.close()


async def test_udp_a_dead_socket_is_reported(udp: UdpReceiver, taken: Taken) -> None:
    udp._fail(ConnectionRefusedError(errno.ECONNREFUSED, "an ICMP answer"))
    assert taken.failed == []
    udp._fail(OSError(errno.EBADF, "bad file descriptor"))
    assert taken.failed == ["[Errno 9] bad file descriptor"]


def tcp_receiver(taken: Taken, *networks: str) -> TcpReceiver:
    return TcpReceiver(
        SocketPoller(asyncio.get_running_loop()),
        Networks(networks),
        taken.feed,
        taken.deliver,
        on_new_source=taken.new_source,
        on_closed=taken.lost,
    )


@pytest.fixture
async def passive(taken: Taken) -> AsyncIterator[tuple[TcpReceiver, int]]:
    receiver = tcp_receiver(taken)
    sock = open_tcp_socket(HOST, 0)
    receiver.listen(sock)
    yield receiver, sock.getsockname()[1]
    receiver.close()


async def dial(port: int, host: str = HOST) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(HOST, port, local_addr=(host, 0))
    return writer


async def gone(writer: asyncio.StreamWriter) -> None:
    """Until the other side has closed."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"\0\0")
                await writer.drain()
                await asyncio.sleep(0.01)
    writer.close()


async def finish(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_tcp_passive_takes_frames_however_they_are_cut(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    packets = [rtp(i, payload=PACK + bytes(100)) for i in range(20)]
    stream = b"".join(frame_for_tcp(p) for p in packets)
    camera = await dial(port)
    for start in range(0, len(stream), 37):
        camera.write(stream[start : start + 37])
        await camera.drain()
        await asyncio.sleep(0)
    await taken.count(len(packets))
    assert taken.packets == packets
    assert receiver.source == camera.get_extra_info("sockname")
    await finish(camera)
    await taken.until(lambda: taken.closed == 1)
    assert receiver.source is None


async def test_tcp_a_foreign_address_is_refused(taken: Taken) -> None:
    receiver = tcp_receiver(taken, "127.0.0.3")
    sock = open_tcp_socket(HOST, 0)
    receiver.listen(sock)
    port = sock.getsockname()[1]
    await gone(await dial(port, "127.0.0.2"))
    camera = await dial(port, "127.0.0.3")
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    assert receiver.foreign == 1
    await finish(camera)
    receiver.close()


async def test_tcp_a_silent_scanner_does_not_keep_the_camera_out(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    scanner = await dial(port)
    scanner.write(b"GET / HTTP/1.1\r\n\r\n")
    camera = await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    assert receiver.source == camera.get_extra_info("sockname")
    await finish(scanner)
    await finish(camera)


async def test_tcp_a_second_sender_is_refused_while_the_first_sends(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    camera, second = await dial(port), await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    second.write(frame_for_tcp(rtp(50)))
    await gone(second)
    assert taken.packets == [rtp(0)]
    assert receiver.foreign == 1
    await finish(camera)


async def test_tcp_silence_lets_a_new_connection_replace_the_old(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    camera, again = await dial(port), await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    receiver.last_at -= 5.0  # five seconds of silence
    again.write(frame_for_tcp(rtp(50)))
    await taken.count(2)
    assert receiver.source == again.get_extra_info("sockname")
    assert taken.new_sources == 1
    await gone(camera)
    assert taken.closed == 0, "a replaced connection is no end of media"
    await finish(again)


async def test_tcp_waiting_connections_are_bounded(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    _, port = passive
    writers = [await dial(port) for _ in range(receiver_tcp.MAX_CONNECTIONS + 1)]
    await gone(writers[0])
    writers[-1].write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    for writer in writers[1:]:
        await finish(writer)


async def test_tcp_without_free_descriptors_accepting_waits_for_the_tick(
    passive: tuple[TcpReceiver, int], taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, port = passive
    real = receiver._listening
    assert real is not None
    tried = asyncio.Event()

    class Exhausted:
        attempts = 0

        def fileno(self) -> int:
            return real.fileno()

        def accept(self) -> tuple[socket.socket, tuple[str, int]]:
            self.attempts += 1
            tried.set()
            raise OSError(errno.EMFILE, "too many open files")

    exhausted = Exhausted()
    monkeypatch.setattr(receiver, "_listening", exhausted)
    camera = await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    async with asyncio.timeout(5):
        await tried.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert exhausted.attempts == 1, "no busy loop"
    monkeypatch.setattr(receiver, "_listening", real)
    receiver.tick(0.0)
    await taken.count(1)
    await finish(camera)


async def test_tcp_other_networks_cut_what_is_outside_them(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    camera = await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    receiver.allow_only(Networks(("127.0.0.3",)))
    await gone(camera)
    await taken.until(lambda: taken.closed == 1)


async def test_tcp_close_drops_connections_and_frees_the_port(
    passive: tuple[TcpReceiver, int], taken: Taken
) -> None:
    receiver, port = passive
    camera = await dial(port)
    camera.write(frame_for_tcp(rtp(0)))
    await taken.count(1)
    receiver.close()
    receiver.close()
    await gone(camera)
    assert taken.closed == 0
    again = tcp_receiver(taken)
    again.listen(open_tcp_socket(HOST, port))
    again.close()


async def test_tcp_active_connects_from_the_leased_port(taken: Taken) -> None:
    seen: list[tuple[str, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        writer.write(frame_for_tcp(rtp(0)) + frame_for_tcp(rtp(1)))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    with open_tcp_socket(HOST, 0) as probe:
        leased = probe.getsockname()[1]
    receiver = tcp_receiver(taken)
    await receiver.connect(HOST, port, (HOST, leased))
    await taken.count(2)
    assert seen == [(HOST, leased)]
    assert receiver.source == (HOST, port)
    receiver.close()
    server.close()
    await server.wait_closed()


async def test_tcp_active_retries_until_the_camera_listens(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_tcp, "CONNECT_PAUSE_S", 0.05)
    with open_tcp_socket(HOST, 0) as probe:
        port = probe.getsockname()[1]
    receiver = tcp_receiver(taken)
    connecting = asyncio.ensure_future(receiver.connect(HOST, port, (HOST, 0)))
    await asyncio.sleep(0.02)  # the first attempt was refused
    server = await asyncio.start_server(lambda r, w: w.close(), HOST, port)
    await connecting
    receiver.close()
    server.close()
    await server.wait_closed()


async def test_tcp_active_gives_up_after_all_attempts(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr(receiver_tcp.asyncio, "sleep", sleep)
    with open_tcp_socket(HOST, 0) as probe:
        port = probe.getsockname()[1]
    receiver = tcp_receiver(taken)
    with pytest.raises(MediaConnectFailed, match=f"{HOST}:{port}") as caught:
        await receiver.connect(HOST, port, (HOST, 0))
    assert (caught.value.host, caught.value.port) == (HOST, port)
    assert pauses == [1.0, 1.0, 1.0]
    receiver.close()


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.9", "not allowed"), ("camera.example", "not an IP address")]
)
async def test_tcp_active_does_not_connect_to_strangers(
    taken: Taken, host: str, reason: str
) -> None:
    receiver = tcp_receiver(taken, "127.0.0.1")
    with pytest.raises(MediaConnectFailed, match=reason):
        await receiver.connect(host, 9, (HOST, 0))


async def test_tcp_active_close_ends_a_running_attempt(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_tcp, "CONNECT_PAUSE_S", 0.01)
    receiver = tcp_receiver(taken)
    started = asyncio.Event()

    async def never(host: str, port: int, local: tuple[str, int]) -> None:
        started.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(receiver, "_connect_once", never)
    connecting = asyncio.ensure_future(receiver.connect(HOST, 9, (HOST, 0)))
    await started.wait()
    receiver.close()
    with pytest.raises(MediaConnectFailed, match="receiver closed"):
        await connecting


async def test_tcp_active_falls_back_to_any_port(taken: Taken) -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        receiver = tcp_receiver(taken)
        await receiver.connect(HOST, port, (HOST, holder.getsockname()[1]))
    receiver.close()
    server.close()
    await server.wait_closed()
