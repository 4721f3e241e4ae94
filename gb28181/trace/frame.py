"""One recorded message: when, which way, between whom, and its bytes without secrets."""

from __future__ import annotations

from dataclasses import dataclass

from sip.flow import Address

MOST_BYTES = 65_000
"""A longer message is kept up to here: it still fits into one packet of a pcap."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Immutable; redacted before it is made."""

    at: float
    """Civil time, seconds since 1970."""
    incoming: bool
    transport: str
    local: Address
    remote: Address
    connection: int
    """Number of the TCP connection; 0 for UDP."""
    data: bytes
    size: int
    """Bytes of the message as it was, before redaction and cutting."""
