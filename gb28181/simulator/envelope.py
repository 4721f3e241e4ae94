"""Requests of a simulated device outside of calls: the headers its family writes.

GB/T 28181-2022 6.1.2, 9.1; leniencies 33 and 61.
"""

from __future__ import annotations

import re
from typing import Final

from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.line import SipLine
from gb28181.simulator.options import Server
from gb28181.simulator.plan import DeviceSpec
from gb28181.simulator.profiles import Habit, Profile
from sip.flow import host_port
from sip.headers import Headers
from sip.message import Request

MANSCDP: Final = "Application/MANSCDP+xml"
_LENGTH: Final = re.compile(rb"(\r\nContent-Length: )\d+")


class EmptyLength(Request):
    """A request that says it has no body and has one."""

    __slots__ = ()

    def to_bytes(self) -> bytes:
        head, end, body = super().to_bytes().partition(b"\r\n\r\n")
        return _LENGTH.sub(rb"\g<1>0", head) + end + body


class Envelope:
    """Writes the requests of one device."""

    __slots__ = ("_cseq", "_faults", "_line", "_profile", "_server", "_spec", "_version")

    def __init__(
        self,
        spec: DeviceSpec,
        profile: Profile,
        faults: Faults,
        line: SipLine,
        server: Server,
        version: str,
    ) -> None:
        """`version`: X-GB-Ver; empty sends none."""
        self._spec = spec
        self._profile = profile
        self._faults = faults
        self._line = line
        self._server = server
        self._version = version
        self._cseq = 0

    def register(self, call_id: str, tag: str, expires: int) -> Request:
        device_id = self._spec.device_id
        request = self._request(Request, "REGISTER", call_id, tag, device_id)
        headers = request.headers
        headers.add("Contact", self._line.contact(device_id))
        headers.add("Expires", str(expires))
        if self._version and Fault.NO_VERSION not in self._faults:
            headers.add("X-GB-Ver", self._version)
        return request

    def message(self, body: bytes) -> Request:
        """A MESSAGE to the platform, in a transaction of its own."""
        endpoint = self._line.endpoint
        flow = self._line.flow
        lies = self._profile.has(Habit.EMPTY_LENGTH) and flow is not None and not flow.reliable
        kind = EmptyLength if lies else Request
        call_id, tag = endpoint.new_call_id(), endpoint.new_tag()
        request = self._request(kind, "MESSAGE", call_id, tag, self._server.server_id)
        request.headers.add("Content-Type", MANSCDP)
        request.body = body
        return request

    def _request(
        self, kind: type[Request], method: str, call_id: str, tag: str, to: str
    ) -> Request:
        self._cseq += 1
        domain = self._server.domain
        if self._profile.has(Habit.ADDRESS_DOMAIN):
            own, theirs = host_port(self._line.address), self._server.address
        else:
            own = theirs = domain
        headers = Headers(
            [
                ("From", f"<sip:{self._spec.device_id}@{own}>;tag={tag}"),
                ("To", f"<sip:{to}@{own if to == self._spec.device_id else theirs}>"),
                ("Call-ID", call_id),
                ("CSeq", f"{self._cseq} {method}"),
                ("Max-Forwards", "70"),
            ]
        )
        return kind(method, self._server.uri, headers)
