"""Registration redirect: another server a device is sent to (GB/T 28181-2022 9.1.2.3).

The device has proven who it is, and is answered 302 with the other server as Contact. It registers
there and talks only to that one, until it is judged offline there; then it begins here again.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from sip.flow import host_port

_FORM: Final = re.compile(r"([0-9]{20})@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Server:
    """Where to, as `id@host:port`."""

    server_id: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.server_id}@{host_port((self.host, self.port))}"

    @property
    def contact(self) -> str:
        """As it stands in the Contact of the 302."""
        return f"<sip:{self}>"


def parse(text: str) -> Server:
    """Raises ValueError with words for the operator."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be <20-digit server id>@<host>:<port>")
    host, port = found[2].strip("[]"), int(found[3])
    if not 0 < port < 65_536:
        raise ValueError("must have a port from 1 to 65535")
    if ":" in host:
        try:
            host = str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise ValueError("must have a valid IPv6 address in brackets") from error
    return Server(found[1], host, port)
