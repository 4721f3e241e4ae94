"""Which addresses a node connects to on somebody's word.

Cameras stand in private networks, so those are allowed. This host itself, link-local addresses
(where clouds keep their metadata) and multicast are not, unless a network is named that holds them.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network


def forbidden(host: str, allow: tuple[str, ...]) -> str | None:
    """Why an IP address is not connected to; None when it may be. Raises ValueError for none."""
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if any(address in ip_network(network, strict=False) for network in allow):
        return None
    if address.is_loopback or address.is_unspecified:
        return "an address of this host itself"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast or (address.version == 4 and str(address) == "255.255.255.255"):
        return "no address of one host"
    return None
