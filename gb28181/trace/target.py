"""What a capture is about: a device with its channels and calls, and an address if one is given.

A message belongs to a device when From or To names the device; when it names one of its channels
and runs between us and the address the device is at (codes of channels are not unique); or when
its call was recognised before. Not by the device's address alone: a whole city may sit behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Final

from sip.errors import ParseError
from sip.flow import Address, Flow
from sip.message import Request, Response

MOST_CALLS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Names:
    """Who is named in a message; `raw` instead, where it could not be read."""

    users: tuple[str, ...] = ()
    call_id: str = ""
    raw: bytes = b""


def names_of(message: Request | Response) -> Names:
    """From, To and Call-ID, as far as they can be read."""
    users = []
    for header in ("from_", "to"):
        try:
            users.append(getattr(message, header).uri.plain_user)
        except ParseError:
            continue
    return Names(tuple(users), message.headers.get("Call-ID") or "")


@dataclass(slots=True)
class Target:
    """Asked for each message while its capture runs."""

    device_id: str
    codes: Callable[[], Container[str]] = tuple
    """The codes of the device's channels now."""
    place: Callable[[], Address | None] = lambda: None
    """Where the device is now."""
    address: tuple[str, int | None] | None = None
    """Everything to and from this host (and port) is wanted too."""
    strays: bool = False
    """What is no message counts, too, when it comes from where the device is."""
    _calls: dict[str, None] = field(default_factory=dict)

    def wants(self, names: Names, flow: Flow) -> bool:
        """Whether a message on this flow belongs to the capture."""
        if self.address is not None and self._is_here(flow.remote):
            return True
        if names.raw:
            here = self.strays and self.place() == flow.remote
            return here or self.device_id.encode() in names.raw
        if names.call_id and names.call_id in self._calls:
            return True
        if self._names_it(names.users, flow):
            if names.call_id and len(self._calls) < MOST_CALLS:
                self._calls[names.call_id] = None
            return True
        return False

    def may_want(self, data: bytes, call_id: str, flow: Flow) -> bool:
        """False only for a message that `wants` would refuse, too; looks at bytes alone."""
        return (
            self.device_id.encode() in data
            or call_id in self._calls
            or self.place() == flow.remote
            or (self.address is not None and self._is_here(flow.remote))
        )

    def _names_it(self, users: tuple[str, ...], flow: Flow) -> bool:
        if self.device_id in users:
            return True
        codes = self.codes()
        return any(user in codes for user in users) and self.place() == flow.remote

    def _is_here(self, remote: Address) -> bool:
        assert self.address is not None
        host, port = self.address
        return remote[0] == host and port in (None, remote[1])
