"""Which address media may be sent to: the reflection guard.

A ``c=`` line is a claim. Media (or a TCP connection for it) goes only to the address SIP came from
or to networks the operator allowed. A private or unspecified address behind NAT is replaced by the
signalling source; any other foreign address is refused, because a camera could make the platform
flood a third party. GB/T 28181 5.1; see docs/reference/behaviour.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class MediaAddresses:
    """Decides with the operator's list of further networks (CIDR)."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(
            ipaddress.ip_network(network, strict=False) for network in allow
        )

    def usable(self, claimed: str, source: str) -> str | None:
        """The address to use for media of a peer whose SIP comes from ``source``, or None."""
        if claimed == source:
            return source
        try:
            address = ipaddress.ip_address(claimed)
        except ValueError:
            return source  # a host name or nonsense: the source is known to be real
        if any(address.version == net.version and address in net for net in self._allow):
            return str(address)
        if address.is_multicast:
            return None
        return source if address.is_unspecified or _is_local(address) else None


_LOCAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # a provider's NAT
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address means something only where its owner stands."""
    return any(address.version == net.version and address in net for net in _LOCAL)
