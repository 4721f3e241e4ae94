"""A child process: thousands of devices that register, keep alive and answer queries and calls.

    python -m tests.benchmarks.devices PORT COUNT CHANNELS

One UDP socket per device, one thread, one epoll. A request without an answer is repeated after T1,
2*T1, 4*T1 ... as real devices do, and counted; so a load that does not get through shows.
"""

from __future__ import annotations

import heapq
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from .callee import Callee
from .child import CommandReader, say
from .wire import Lines, answer, element

HOST = "127.0.0.1"
T1, T2, GIVE_UP_S = 0.5, 4.0, 32.0
PER_PAGE = 10
SWEEP_S = 0.1
_BRANCH = b"branch=z9hG4bK"


class Device:
    """One device and its socket."""

    __slots__ = ("lines", "sock", "waiting")

    def __init__(self, number: int, server: tuple[str, int], channels: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, 0))
        self.sock.connect(server)
        self.sock.setblocking(False)
        self.lines = Lines(number, self.sock.getsockname()[1], channels)
        self.waiting: deque[bytes] = deque()
        """Pages of a catalog still to be sent, each after the answer to the one before."""


class Open:
    """A request that waits for its answer."""

    __slots__ = ("data", "device", "first", "interval", "kind", "sent")

    def __init__(self, device: Device, kind: str, data: bytes, now: float) -> None:
        self.device, self.kind, self.data = device, kind, data
        self.first = self.sent = now
        self.interval = T1


class Devices:
    """The loop and everything in it."""

    def __init__(self, port: int, count: int, channels: int) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        server = (HOST, port)
        self.devices = [Device(number, server, channels) for number in range(count)]
        self._epoll = select.epoll()
        self._by_fd: dict[int, Callable[[], None]] = {}
        for device in self.devices:
            self.watch(device.sock, select.EPOLLIN, lambda device=device: self._drain(device))
        self._reader = CommandReader(
            {
                "register": self._register_all,
                "registers": self._registers,
                "keepalives": self._keepalives,
                "counts": lambda: say(**self.counts),
                "unregister": self._unregister,
                "footage": self._footage,
                "first_pictures": lambda: say(times=self.callee.first_pictures),
                "send_to": self._send_to,
                "stop_sending": self._stop_sending,
                "sent": lambda: say(**self.callee.studio.counts),
            }
        )
        self._epoll.register(self._reader.fileno, select.EPOLLIN)
        self._by_fd[self._reader.fileno] = self._reader.read
        self._open: dict[int, Open] = {}
        self._branch = int(time.time()) * 1_000_000
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self.counts: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.last_answer = 0.0
        self._expires = 3600
        self.callee = Callee(self)
        self.later(SWEEP_S, self._sweep)

    # --- loop ---------------------------------------------------------------------------------

    def watch(self, sock: socket.socket, events: int, call: Callable[[], None]) -> None:
        self._epoll.register(sock, events)
        self._by_fd[sock.fileno()] = call

    def unwatch(self, sock: socket.socket) -> None:
        if self._by_fd.pop(sock.fileno(), None) is not None:
            self._epoll.unregister(sock)

    def at(self, moment: float, call: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._timers, (moment, self._serial, call))

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(time.monotonic() + seconds, call)

    def run(self) -> None:
        timers = self._timers
        while True:
            wait = max(0.0, timers[0][0] - time.monotonic())
            for fd, _ in self._epoll.poll(wait, 256):
                call = self._by_fd.get(fd)
                if call is not None:
                    call()
            now = time.monotonic()
            while timers and timers[0][0] <= now:
                heapq.heappop(timers)[2]()

    def _sweep(self) -> None:
        now = time.monotonic()
        for branch, request in list(self._open.items()):
            if now - request.sent < request.interval:
                if now - request.first < T1:
                    break  # in order of age: all others are younger still
                continue
            if now - request.first > GIVE_UP_S:
                del self._open[branch]
                self.counts["lost"] += 1
                continue
            request.sent, request.interval = now, min(2 * request.interval, T2)
            self.counts["repeated"] += 1
            self._put(request.device, request.data)
        self.later(SWEEP_S, self._sweep)

    # --- sending ------------------------------------------------------------------------------

    def _put(self, device: Device, data: bytes) -> None:
        try:
            device.sock.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            self.counts["unsent"] += 1  # repeated by the sweep

    def _request(self, device: Device, kind: str, make: Callable[[int], bytes]) -> None:
        self._branch += 1
        data = make(self._branch)
        self._open[self._branch] = Open(device, kind, data, time.monotonic())
        self.counts["sent"] += 1
        self._put(device, data)

    def _register(self, device: Device, challenge: bytes = b"") -> None:
        kind = "credentials" if challenge else "register"
        expires = self._expires
        self._request(device, kind, lambda n: device.lines.register(n, expires, challenge))

    def _message(self, device: Device, kind: str, body: bytes) -> None:
        self._request(device, kind, lambda n: device.lines.message(n, body))

    # --- receiving ----------------------------------------------------------------------------

    def _drain(self, device: Device) -> None:
        while True:
            try:
                data = device.sock.recv(65536)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            if data[:8] == b"SIP/2.0 ":
                self._on_answer(data)
            else:
                self._on_request(device, data)

    def _on_answer(self, data: bytes) -> None:
        at = data.find(_BRANCH) + len(_BRANCH)
        end = at
        while data[end : end + 1].isdigit():
            end += 1
        request = self._open.pop(int(data[at:end] or 0), None)
        if request is None:
            self.counts["strays"] += 1
            return
        now = self.last_answer = time.monotonic()
        status = int(data[8:11])
        if request.kind == "register":  # the bare echo server answers 200 to this one too
            self._register(request.device, data)
            return
        self.counts[f"{request.kind}-{status}"] += 1
        self.latencies.append(now - request.first)
        if request.kind == "page" and request.device.waiting:
            self._message(request.device, "page", request.device.waiting.popleft())

    def _on_request(self, device: Device, data: bytes) -> None:
        method = data[:7]
        if method == b"MESSAGE":
            self._put(device, answer(data, b"%x" % device.lines.number))
            if b"<Query>" in data:
                self._on_query(device, data)
        else:
            self.callee.on_request(device.sock, data)

    def _on_query(self, device: Device, data: bytes) -> None:
        command, sn = element(b"CmdType", data), element(b"SN", data)
        lines = device.lines
        if command == b"DeviceInfo":
            self._message(device, "info", lines.device_info(sn))
        elif command == b"Catalog":
            total = lines.channels
            device.waiting = deque(
                lines.catalog_page(sn, first, min(first + PER_PAGE, total))
                for first in range(0, total, PER_PAGE)
            )
            self._message(device, "page", device.waiting.popleft())

    # --- commands -----------------------------------------------------------------------------

    def _begin(self) -> float:
        self.counts.clear()
        self.latencies = []
        return time.monotonic()

    def _register_all(self) -> None:
        """All at once; answered when the last one has its 200."""
        started = self._begin()
        for number, device in enumerate(self.devices):
            self._register(device)
            if number % 100 == 99:
                for fd, _ in self._epoll.poll(0, 256):
                    self._by_fd[fd]()
        total = len(self.devices)
        self._when(
            lambda: self._answered("credentials") + self.counts["lost"] >= total,
            lambda: self._report(started, "credentials", total),
        )

    def _unregister(self, number: int) -> None:
        """One device leaves; the moment its 200 came is told, by the clock all processes share."""
        self._begin()
        self._expires = 0
        sent = time.monotonic()
        self._register(self.devices[number])

        def left() -> None:
            self._expires = 3600
            say(sent=sent, answered=self.last_answer)

        self._when(lambda: self.counts["credentials-200"] > 0, left)

    def _footage(self, **values: int) -> None:
        """Which pictures are sent in calls from now on."""
        packets, size = self.callee.studio.load(**values)
        say(packets_per_s=packets, bits_per_s=size)

    def _send_to(self, mode: str, ports: list[int]) -> None:
        """Streams to ports nobody negotiated, for the anchor."""
        for port in ports:
            self.callee.studio.begin(mode, (HOST, port), ssrc=port, name=f"port {port}")
        say()

    def _stop_sending(self) -> None:
        self.callee.studio.stop_all()
        say()

    def _registers(self, rate: float, seconds: float) -> None:
        self._paced(rate, seconds, "credentials", self._register)

    def _keepalives(self, rate: float, seconds: float) -> None:
        def beat(device: Device) -> None:
            self._request(device, "keepalive", device.lines.keepalive)

        self._paced(rate, seconds, "keepalive", beat)

    def _paced(self, rate: float, seconds: float, kind: str, act: Callable[[Device], None]) -> None:
        """Evenly, by the clock, over all devices in turn."""
        started = self._begin()
        total = int(rate * seconds)
        done = 0

        def step() -> None:
            nonlocal done
            due = min(total, int((time.monotonic() - started) * rate) + 1)
            while done < due:
                act(self.devices[done % len(self.devices)])
                done += 1
            if done < total:
                self.at(started + done / rate, step)
            else:
                self._when(
                    lambda: self._answered(kind) + self.counts["lost"] >= total,
                    lambda: self._report(started, kind, total),
                )

        step()

    def _answered(self, kind: str) -> int:
        return sum(n for name, n in self.counts.items() if name.startswith(f"{kind}-"))

    def _when(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        if condition():
            then()
        else:
            self.later(0.005, lambda: self._when(condition, then))

    def _report(self, started: float, kind: str, offered: int) -> None:
        seconds = max(self.last_answer - started, 1e-9)
        good = self.counts[f"{kind}-200"]
        say(
            offered=offered,
            good=good,
            seconds=seconds,
            rate=good / seconds,
            repeated=self.counts["repeated"],
            lost=self.counts["lost"],
            latency_ms=quantiles(self.latencies),
        )


def quantiles(values: Iterable[float]) -> dict[str, Any]:
    """Of seconds, in milliseconds."""
    found = sorted(values)
    if not found:
        return {}
    pick = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    last = len(found) - 1
    return {name: round(1000 * found[int(share * last)], 2) for name, share in pick.items()}


if __name__ == "__main__":
    made = Devices(*map(int, sys.argv[1:4]))
    say(devices=len(made.devices))
    made.run()
