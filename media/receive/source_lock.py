"""Whose packets a receiver takes: the address lock.

A media port is open to the world, and the address in an SDP answer is often wrong (private, NAT).
So the networks media may come from are given, and among them the first address that sends
something credible is locked: an RTP packet with a PS pack header or with the SSRC that was asked
for, or else eight RTP packets of one SSRC in sequence (elementary streams and audio have no
signature).  The packets that led to the decision are handed on, nothing of the first picture is
lost.  Every other address is counted and dropped.  After five seconds of silence the lock opens:
a camera that restarts, or a NAT that changes its port, comes back in.

The SSRC is evidence here and never a filter: cameras send other ones than asked, and 0.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from media.errors import LocalError
from media.rtp.packet import is_rtcp, payload_of

SILENCE_S = 5.0
EVIDENCE_PACKETS = 8
MAX_CANDIDATES = 8
_PACK_START = b"\x00\x00\x01\xba"

Address = tuple[Any, ...]
"""As the socket gives it: (host, port) or (host, port, flow, scope)."""


class Networks:
    """The networks media may come from; none given means any."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: tuple[str, ...]) -> None:
        try:
            self._networks: list[IPv4Network | IPv6Network] = [
                ip_network(network, strict=False) for network in networks
            ]
        except ValueError as error:
            raise LocalError(str(error)) from None
        self._known: dict[str, bool] = {}

    @property
    def named(self) -> bool:
        """Some are given: not everybody is let in."""
        return bool(self._networks)

    def allow(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            address = ip_address(host.partition("%")[0])
            mapped = getattr(address, "ipv4_mapped", None)
            known = not self._networks or any(
                (mapped or address) in network for network in self._networks
            )
            if len(self._known) >= 256:
                self._known.clear()
            self._known[host] = known
        return known


class _Candidate:
    __slots__ = ("packets", "sequence", "ssrc")

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.sequence = -1
        self.ssrc = b""

    def add(self, packet: bytes) -> int:
        """How many packets now stand in sequence."""
        sequence = int.from_bytes(packet[2:4], "big")
        ssrc = packet[8:12]
        if ssrc != self.ssrc or (sequence - self.sequence) & 0xFFFF != 1:
            self.packets = []
        self.ssrc = ssrc
        self.sequence = sequence
        self.packets.append(packet)
        return len(self.packets)


class SourceLock:
    """The lock of one UDP receiver.  The shell compares with `source` itself, packet by packet."""

    __slots__ = (
        "_candidates",
        "foreign",
        "foreign_source",
        "invalid",
        "last_at",
        "networks",
        "source",
        "ssrc",
    )

    def __init__(self, networks: Networks, ssrc: int | None) -> None:
        self.networks = networks
        self.ssrc = ssrc
        self.source: Address | None = None
        """The locked address."""
        self.last_at = 0.0
        """When the locked address last sent; the shell keeps it, once per wake."""
        self.foreign = 0
        """Packets from addresses that are not allowed or not the locked one."""
        self.foreign_source: Address | None = None
        """The last such address."""
        self.invalid = 0
        """Packets of allowed addresses that are no RTP, while nothing was locked."""
        self._candidates: dict[Address, _Candidate] = {}

    def allow_only(self, networks: Networks) -> None:
        """Other networks from now on; a locked address outside them loses the lock."""
        self.networks = networks
        self._candidates = {}
        if self.source is not None and not networks.allow(self.source[0]):
            self.source = None

    def offer(self, address: Address, packet: bytes, now: float) -> list[bytes]:
        """A packet from an address that is not locked; the packets to take, in order.

        `source` has changed when any are returned.
        """
        if not self.networks.allow(address[0]) or (
            self.source is not None and now - self.last_at < SILENCE_S
        ):
            self.foreign += 1
            self.foreign_source = address
            return []
        payload = payload_of(packet)
        if payload is None or is_rtcp(packet):
            self.invalid += 1
            return []
        candidate = self._candidates.get(address)
        if candidate is None:
            if len(self._candidates) >= MAX_CANDIDATES:
                del self._candidates[next(iter(self._candidates))]
            candidate = self._candidates[address] = _Candidate()
        count = candidate.add(packet)
        asked = self.ssrc is not None and self.ssrc == int.from_bytes(packet[8:12], "big")
        if count < EVIDENCE_PACKETS and not asked and not payload.startswith(_PACK_START):
            return []
        self.source = address
        self.last_at = now
        self._candidates = {}
        return candidate.packets
