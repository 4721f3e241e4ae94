"""A flow: the one path on which a peer can be reached, as RFC 5626 §1 uses the word.

For UDP it is the pair of addresses, for TCP the open connection. A flow is a value: it says where,
it holds no socket and does not know whether the connection is still there.
"""

from dataclasses import dataclass
from typing import Literal

Transport = Literal["udp", "tcp"]
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Flow:
    transport: Transport
    """The word of the Via, in lower case."""
    remote: Address
    """Where packets of this flow come from and answers go to."""
    local: Address
    """Our end. For a datagram on a wildcard socket: the address it was really sent to."""
    connection: int = 0
    """Number of the TCP connection, never used twice; 0 for UDP."""

    @property
    def reliable(self) -> bool:
        return self.transport == "tcp"

    def __str__(self) -> str:
        return f"{self.transport}:{host_port(self.remote)}"


def host_port(address: Address) -> str:
    """`host:port` as a URI or Via writes it: IPv6 addresses stand in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
