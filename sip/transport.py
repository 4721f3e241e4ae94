"""Both transports on one port, and what an address of ours looks like from a peer (RFC 3261 §18).

Chooses the port, sends along a flow, knows what to announce. It parses nothing, and switches no
request from UDP to TCP by itself: cameras that registered over UDP often do not listen on TCP.
"""

import asyncio
import logging
import socket
from collections.abc import Callable

from sip.errors import LocalError, TransportFailed
from sip.flow import Address, Flow
from sip.options import EndpointCounters, EndpointOptions, Tap
from sip.transport_tcp import Incoming, TcpTransport
from sip.transport_udp import UdpTransport

log = logging.getLogger("gb28181.sip.transport")

_WILDCARDS = ("0.0.0.0", "::")
_PORT_TRIES = 16
_ROUTE_CACHE = 4_096


class Transport:
    def __init__(
        self,
        options: EndpointOptions,
        counters: EndpointCounters,
        *,
        on_datagram: Callable[[bytes, Flow], None],
        on_message: Callable[[Incoming, Flow], None],
        on_closed: Callable[[Flow, str], None],
        now: Callable[[], float],
    ) -> None:
        if not (options.udp or options.tcp):
            raise LocalError("neither UDP nor TCP")
        self._options = options
        self._counters = counters
        self._on_datagram = on_datagram
        self._udp: UdpTransport | None = None
        self._tcp = TcpTransport(options.tcp_limits, on_message, on_closed, now)
        self._routes: dict[str, str] = {}
        self.bound: Address = (options.host, options.port)
        self.tap: Tap | None = None

    @property
    def receive_buffer(self) -> int:
        """What the kernel granted the UDP socket; with less than asked bursts get lost."""
        return self._udp.receive_buffer if self._udp is not None else 0

    @property
    def connections(self) -> int:
        return len(self._tcp)

    async def open(self) -> None:
        tries = 1 if self._options.port else _PORT_TRIES
        for attempt in range(tries):
            try:
                await self._open_once()
                return
            except TransportFailed:
                await self.aclose()
                if attempt + 1 == tries:
                    raise

    async def aclose(self) -> None:
        await self._tcp.aclose()
        if self._udp is not None:
            self._udp.close()
            self.refresh_counters()
            self._udp = None

    def send(self, data: bytes, flow: Flow) -> None:
        """Raises TransportFailed."""
        self.send_unheard(data, flow)
        if self.tap is not None:
            self._overhear(data, flow)

    def send_unheard(self, data: bytes, flow: Flow) -> None:
        """The same for a message the tap has said it does not want."""
        self._counters.messages_out += 1
        if flow.transport == "udp":
            if self._udp is None:
                raise TransportFailed("not listening on UDP")
            self._udp.send(data, flow)
        else:
            self._tcp.send(data, flow)

    def _overhear(self, data: bytes, flow: Flow) -> None:
        assert self.tap is not None
        try:
            self.tap.outgoing(data, flow)
        except Exception:
            self.tap = None  # a listener must not cost a message, nor fill the log
            log.exception("the tap failed and was taken off")

    async def connect(self, host: str, port: int) -> Flow:
        return await self._tcp.connect(host, port, self._options.connect_timeout_s)

    async def resolve(self, host: str, port: int) -> Flow:
        """A UDP flow to a peer known by name or address."""
        family = socket.AF_INET6 if ":" in self.bound[0] else socket.AF_INET
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise TransportFailed(f"cannot resolve {host}: {error}", error) from error
        address = found[0][4]
        return self.udp_flow(str(address[0]), int(address[1]))

    def udp_flow(self, host: str, port: int) -> Flow:
        return Flow("udp", (host, port), self.bound)

    def find_tcp(self, host: str, port: int) -> Flow | None:
        return self._tcp.find((host, port))

    def is_open(self, flow: Flow) -> bool:
        return flow.transport == "udp" or self._tcp.is_open(flow)

    def hold(self, flow: Flow) -> None:
        if flow.transport == "tcp":
            self._tcp.hold(flow)

    def release(self, flow: Flow) -> None:
        if flow.transport == "tcp":
            self._tcp.release(flow)

    def close_flow(self, flow: Flow) -> None:
        if flow.transport == "tcp":
            self._tcp.close(flow)

    def contact_address(self, flow: Flow) -> Address:
        """Host and port for Via and Contact on this flow. The port is always one we listen on."""
        options = self._options
        port = options.announce_port or self.bound[1]
        if options.announce_host:
            return options.announce_host, port
        host = flow.local[0]
        return (self._route_to(flow.remote[0]) if host in _WILDCARDS else host), port

    def sweep(self, now: float) -> None:
        self._tcp.sweep(now)
        self.refresh_counters()

    def refresh_counters(self) -> None:
        counters = self._counters
        if self._udp is not None:
            counters.kernel_drops = self._udp.kernel_drops
            counters.send_dropped = self._udp.send_dropped
        counters.connections_accepted = self._tcp.accepted
        counters.connections_refused = self._tcp.refused

    async def _open_once(self) -> None:
        options = self._options
        host, port = options.host, options.port
        if options.udp:
            self._udp = UdpTransport((host, port), options.receive_buffer, self._on_datagram)
            self._udp.open(asyncio.get_running_loop())
            self.bound = self._udp.bound
        if options.tcp:
            self.bound = await self._tcp.open((host, self.bound[1] if options.udp else port))

    def _route_to(self, remote: str) -> str:
        """The address the kernel would send from. Connecting a UDP socket sends nothing."""
        known = self._routes.get(remote)
        if known is not None:
            return known
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((remote, 9))
                local = str(probe.getsockname()[0])
            except OSError:
                return self.bound[0]
        if len(self._routes) >= _ROUTE_CACHE:
            self._routes.clear()
        self._routes[remote] = local
        return local
