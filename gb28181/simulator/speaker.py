"""The loudspeakers of simulated devices: they call the platform and count what they hear.

GB/T 28181-2022 9.12.1: after its Response a device sends the INVITE, asks for G.711A over UDP, and
hears until BYE comes from either side. What is heard is played nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from gb28181.simulator.device import Device
from sip.dialog import Dialog
from sip.errors import ParseError, SipError, TransportFailed
from sip.flow import Flow, host_port
from sip.headers import Headers
from sip.message import Request, Response
from sip.options import ServerTransaction

CALL_S = 0.1
"""Between the Response and the INVITE."""


class Ear(asyncio.DatagramProtocol):
    """One port that counts packets."""

    def __init__(self) -> None:
        self.packets = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets += 1


class Hearing:
    """One call of a loudspeaker; listens to its INVITE transaction."""

    def __init__(self, owner: Speakers, device: Device, target: str, source_id: str) -> None:
        self.device = device
        self.target = target
        self.ear = Ear()
        self.call_id = device.line.endpoint.new_call_id()
        self._owner = owner
        self._source_id = source_id
        self._flow: Flow | None = None
        self._request: Request | None = None
        self._dialog: Dialog | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def __repr__(self) -> str:
        return f"<Hearing {self.target} {self.ear.packets} packets>"

    @property
    def stands(self) -> bool:
        """The platform took the call."""
        return self._dialog is not None

    async def begin(self) -> None:
        """Open a port and send the INVITE."""
        line = self.device.line
        self._flow = line.flow
        if self._flow is None:
            self.close()
            return
        host = line.address[0]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self.ear, (host, 0))
        port = self._transport.get_extra_info("sockname")[1]
        self._request = self._invite(host, port)
        try:
            line.endpoint.invite(self._request, self._flow, self)
        except TransportFailed:
            self.close()

    def hang_up(self) -> None:
        """BYE, if there is a dialog."""
        if self._dialog is not None and self._flow is not None:
            bye = self._dialog.request("BYE")
            self.device.line.endpoint.send_request(bye, self._flow, _ignore)
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._owner.ended(self)

    def _invite(self, host: str, port: int) -> Request:
        line, server = self.device.line, self.device.server
        family = "IP6" if ":" in host else "IP4"
        lines = (
            "v=0",
            f"o={self.target} 0 0 IN {family} {host}",
            "s=Play",
            f"c=IN {family} {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 8",
            "a=recvonly",
            "a=rtpmap:8 PCMA/8000",
            "f=v/////a/1/8/1",
            "",
        )
        tag = line.endpoint.new_tag()
        headers = Headers(
            [
                ("From", f"<sip:{self.target}@{server.domain}>;tag={tag}"),
                ("To", f"<sip:{self._source_id}@{server.domain}>"),
                ("Call-ID", self.call_id),
                ("CSeq", "1 INVITE"),
                ("Contact", line.contact(self.device.spec.device_id)),
                ("Max-Forwards", "70"),
                ("Subject", f"{self._source_id}:0,{self.target}:0"),
                ("Content-Type", "APPLICATION/SDP"),
            ]
        )
        assert self._flow is not None, "no way to the platform"
        uri = f"sip:{self._source_id}@{host_port(self._flow.remote)}"
        return Request("INVITE", uri, headers, "\r\n".join(lines).encode("ascii"))

    # --- what the transaction says -----------------------------------------------------------

    def on_provisional(self, response: Response) -> None:
        """It rings."""

    def on_success(self, response: Response) -> None:
        assert self._request is not None, "answered before it was sent"
        if self._dialog is None:
            try:
                self._dialog = Dialog.of_client(self._request, response)
            except ParseError:
                self.close()
                return
        if self._flow is not None:
            with contextlib.suppress(TransportFailed):
                self.device.line.endpoint.send_ack(self._dialog.ack(), self._flow)

    def on_failure(self, response: Response) -> None:
        self.close()

    def on_timeout(self) -> None:
        self.close()

    def on_transport_error(self, error: TransportFailed) -> None:
        self.close()


class Speakers:
    """Those of one fleet; one call for each loudspeaker."""

    def __init__(self) -> None:
        self._calls: dict[str, Hearing] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.packets = 0
        """Heard in calls that are over."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def heard(self) -> int:
        """Packets so far."""
        return self.packets + sum(call.ear.packets for call in self._calls.values())

    def listen(self, device: Device, target: str, source_id: str) -> None:
        """Call the platform; an older call of the same loudspeaker is over."""
        for call in [one for one in self._calls.values() if one.target == target]:
            call.hang_up()
        call = Hearing(self, device, target, source_id)
        self._calls[call.call_id] = call
        self._begin(self._later(call))

    def bye(self, tx: ServerTransaction) -> bool:
        """A BYE; True when it was for one of these calls."""
        call = self._calls.get(tx.request.call_id)
        if call is None:
            return False
        tx.respond(200)
        call.close()
        return True

    def forget(self, device: Device) -> None:
        """It lost its power: no BYE."""
        for call in [one for one in self._calls.values() if one.device is device]:
            call.close()

    async def aclose(self) -> None:
        """BYE to all. Idempotent."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in list(self._calls.values()):
            call.hang_up()

    def ended(self, call: Hearing) -> None:
        """Told by a call that is over."""
        if self._calls.pop(call.call_id, None) is not None:
            self.packets += call.ear.packets

    async def _later(self, call: Hearing) -> None:
        await asyncio.sleep(CALL_S)
        if not call.device.is_away:
            await call.begin()
        else:
            call.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ignore(result: Response | SipError) -> None:
    """Answered or not, the call is over."""
