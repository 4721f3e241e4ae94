"""The way to one browser: ICE on one UDP port of ours, DTLS and SRTP over it.

We answer checks and start none of our own: the browser can reach us or nobody can, its candidates
are hidden behind mDNS names anyway, and so no offer can make us send to a third party. aioice would
bind every address of the host to a port of the system's choice; here it is one port of the range
for players, announced under the addresses we are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, get_host_addresses
from aiortc import (
    RTCCertificate,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceParameters,
)

from media.ports import PortPool
from media.rtp.udp import REST_S

MOST_QUEUED: Final = 256
"""Datagrams from the browser that may wait; it sends a few reports a second."""
SEND_BUFFER: Final = 1 << 20


class _Ice(Connection):
    """An ICE agent on a socket it is given."""

    def __init__(self, sock: socket.socket, hosts: list[str]) -> None:
        super().__init__(ice_controlling=False)
        self._sock = sock
        self._hosts = hosts

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 the signature is aioice's
    ) -> list[Candidate]:
        """Our port under every announced address."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(
            lambda: StunProtocol(self), sock=self._sock
        )
        port = self._sock.getsockname()[1]
        candidates = [
            Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host", 65535 - place),
                host=host,
                port=port,
                type="host",
            )
            for place, host in enumerate(self._hosts)
        ]
        protocol.local_candidate = candidates[0]
        self._protocols.append(protocol)
        return candidates

    @property
    def remote(self) -> tuple[str, int] | None:
        """The browser's address, once it has proved that it is its own."""
        pair = self._nominated.get(1)
        return None if pair is None else pair.remote_addr

    def data_received(self, data: bytes, component: int) -> None:
        """Nothing is kept of who has not proved to be the browser, nor more than is read."""
        if self._nominated and self._queue.qsize() < MOST_QUEUED:
            super().data_received(data, component)


class _Transport:
    """What DTLS needs of ICE."""

    role = "controlled"

    def __init__(self, ice: _Ice) -> None:
        self._recv = ice.recv
        self._send = ice.send


class _Dtls(RTCDtlsTransport):
    """DTLS whose RTCP goes to us; RTP nobody asked for is dropped."""

    def __init__(
        self, transport: Any, certificate: RTCCertificate, on_rtcp: Callable[[bytes], None]
    ) -> None:
        super().__init__(transport, [certificate])
        self._on_rtcp = on_rtcp

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._on_rtcp(data)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        return


class Link:
    """One browser's transport."""

    def __init__(
        self,
        ports: PortPool,
        local: str,
        hosts: list[str],
        certificate: RTCCertificate,
        on_rtcp: Callable[[bytes], None],
    ) -> None:
        """Takes a port on `local`, announced under `hosts`, or under all addresses of this machine.

        Raises PortsExhausted.
        """
        self._ports = ports
        self._pair, sock = _bound(ports, local)
        self._sock: socket.socket | None = sock
        self._ice = _Ice(sock, hosts or get_host_addresses(True, False) or [local])
        self._dtls = _Dtls(_Transport(self._ice), certificate, on_rtcp)
        self.dropped = 0
        """Packets the kernel did not take."""
        self.closed = asyncio.Event()
        """The browser has gone, or the link was closed."""
        self._dtls.on("statechange", self._state_changed)

    @property
    def connected(self) -> bool:
        """Packets may be sent."""
        return self._dtls.state == "connected"

    @property
    def ice(self) -> RTCIceParameters:
        return RTCIceParameters(self._ice.local_username, self._ice.local_password)

    @property
    def dtls(self) -> RTCDtlsParameters:
        parameters = self._dtls.getLocalParameters()
        parameters.role = "client"
        return parameters

    async def candidates(self) -> list[RTCIceCandidate]:
        """Where the browser may reach us."""
        await self._ice.gather_candidates()
        return [
            RTCIceCandidate(
                component=one.component,
                foundation=one.foundation,
                ip=one.host,
                port=one.port,
                priority=one.priority,
                protocol=one.transport,
                type=one.type,
            )
            for one in self._ice.local_candidates
        ]

    async def connect(self, ice: RTCIceParameters, dtls: RTCDtlsParameters) -> bool:
        """Wait for the browser's checks and its handshake; False when it failed them."""
        self._ice.remote_username = ice.usernameFragment
        self._ice.remote_password = ice.password
        try:
            await self._ice.connect()
            await self._dtls.start(dtls)
        except ConnectionError:
            return False
        return self.connected

    def send(self, packet: bytes, *, rtcp: bool = False) -> None:
        """Encrypt and send one packet, or none when the kernel is full.

        Past aiortc's own way, which costs more than the encryption. Raises ConnectionError when the
        browser has gone.
        """
        remote, session, sock = self._ice.remote, self._dtls._tx_srtp, self._sock
        if remote is None or session is None or sock is None or not self.connected:
            raise ConnectionError("the browser has gone")
        data = session.protect_rtcp(packet) if rtcp else session.protect(packet)
        try:
            sock.sendto(data, remote)
        except (BlockingIOError, InterruptedError):
            self.dropped += 1
        except OSError as error:
            raise ConnectionError(f"the browser cannot be reached: {error}") from error

    async def close(self) -> None:
        """Say goodbye and give the port back. Idempotent."""
        if self._sock is None:
            return
        self.closed.set()
        sock, self._sock = self._sock, None
        with contextlib.suppress(ConnectionError, OSError):
            await self._dtls.stop()
        with contextlib.suppress(ConnectionError, OSError):
            await self._ice.close()
        sock.close()
        self._ports.release(self._pair, monotonic(), REST_S)

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self.closed.set()


def _bound(ports: PortPool, local: str) -> tuple[int, socket.socket]:
    while True:
        pair = ports.lease(monotonic())
        sock = socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            sock.bind((local, pair * 2))
        except OSError:
            sock.close()
            ports.refuse(pair, monotonic())
            continue
        return pair, sock
