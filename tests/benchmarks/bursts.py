"""What sending one stream over UDP costs: a call for each packet, or one for each burst.

The product's own way from a picture to the socket (`Outlet`, `UdpTrack`, bursts of `BURST` packets)
without its pauses; the receiver is another process, which throws away what it gets.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from media.ports import PortPool
from media.rtp.outlet import Outlet, Track
from media.rtp.pack import bundle
from media.rtp.udp import BURST, UdpTrack
from media.unit import CLOCK_HZ, AccessUnit, Codec

from .options import Options
from .table import Row

FPS = 25
KEY_SHARE = 5
"""How much larger a key frame is than the other pictures of its second."""
HOST = "127.0.0.1"


def bursts(options: Options) -> Iterator[Row]:
    """Both ways in turn, so that the machine's mood spoils neither."""
    second = _pictures(options.bit_rate)
    seconds = max(2, round(options.seconds * 10))
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(options.rounds):
        for together in found:
            found[together].append(asyncio.run(_sent(second, seconds, together)))
    alone = statistics.median(found[False])
    for together, name in ((False, "a call for each packet"), (True, "a call for each burst")):
        measured = statistics.median(found[together])
        yield Row(
            work=f"{options.bit_rate / 1e6:g} Mbit/s to one receiver over UDP, {name}",
            measured=100 * measured,
            unit="%",
            note="" if not together else f"{measured / alone:.2f} of the other",
        )


def _pictures(bit_rate: int) -> list[bytes]:
    """The bundles of one second: one key frame and others."""
    small = bit_rate // 8 // (FPS - 1 + KEY_SHARE)
    found = []
    for number in range(FPS):
        key = number == 0
        size = small * KEY_SHARE if key else small
        data = b"\0\0\0\1" + (b"\x65" if key else b"\x41") + b"\xab" * size
        at = number * CLOCK_HZ // FPS
        found.append(bundle(AccessUnit(True, Codec.H264, at, at, key, data)))
    return found


async def _sent(second: list[bytes], seconds: int, together: bool) -> float:
    """CPU of this process for one second of the stream, in seconds."""
    with _sink() as port:
        udp = UdpTrack(PortPool(20_000, 20_999), HOST, (HOST, port, port), lambda _: None)
        udp._segmented.works = together
        track = Track(96, CLOCK_HZ, ssrc=1, sequence=0, first_time=0)
        outlet = Outlet("x", track, None)
        spent = 0.0
        for _ in range(seconds):
            for chunk in second:
                begun = time.process_time()
                for _track, _report, packets in outlet.packets(chunk, 0.0):
                    for at in range(0, len(packets), BURST):
                        udp.send(packets[at : at + BURST])
                spent += time.process_time() - begun
                await asyncio.sleep(0)
        udp.close()
        return spent / seconds


@contextmanager
def _sink() -> Iterator[int]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((HOST, 0))
    pid = os.fork()
    if pid == 0:
        while True:
            sock.recv(65_536)
    try:
        yield int(sock.getsockname()[1])
    finally:
        sock.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
