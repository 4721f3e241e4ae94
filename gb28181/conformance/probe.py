"""INVITEs outside the sessions: those that must be refused, and two with one Subject.

A thin user agent client over the SIP endpoint: offer, answer, ACK, BYE. Whatever is accepted is
acknowledged and ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from gb28181.errors import DeviceTimeout
from gb28181.session.offer import offer
from gb28181.session.ssrc import format_ssrc
from media.errors import MediaError
from media.node import MediaNode, ReceiverSpec
from sip.dialog import Dialog
from sip.errors import ParseError, SipError, TransportFailed
from sip.flow import Flow, host_port
from sip.headers import Headers
from sip.message import Request, Response

from .tools import Tools

ANSWER_S = 12.0
BYE_S = 5.0
DISCARD = 9
MEDIA_S = 2.0
SSRC_OF_TRIAL = 99_990_000
"""Live, of no domain's numbers: the streams of the platform do not use it."""


class Call:
    """One INVITE and its dialog, if there is one."""

    def __init__(self, probe: Probe, request: Request, *, keep: bool) -> None:
        self.status = 0
        self._probe = probe
        self._request = request
        self._dialog: Dialog | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = probe.tools.sip.invite(request, probe.flow, self)
        self._keep = keep

    async def answered(self) -> None:
        """The final answer; raises DeviceTimeout."""
        try:
            await asyncio.wait_for(asyncio.shield(self._done), ANSWER_S)
        except TimeoutError:
            self._client.cancel()
            raise DeviceTimeout("the INVITE was not answered") from None

    async def hang_up(self) -> None:
        """BYE, where there is a dialog."""
        if self._dialog is None:
            return
        dialog, self._dialog = self._dialog, None
        with contextlib.suppress(SipError, TimeoutError):
            async with asyncio.timeout(BYE_S):
                await self._probe.tools.sip.request(dialog.request("BYE"), self._probe.flow)

    # --- sip.client_side.InviteListener -----------------------------------------------------

    def on_provisional(self, response: Response) -> None:
        """Progress."""

    def on_success(self, response: Response) -> None:
        if self._dialog is None and not self._done.done():
            with contextlib.suppress(ParseError):
                self._dialog = Dialog.of_client(self._request, response)
                self._dialog.aim_at(self._probe.flow.remote)
            self._settle(response.status)
        if self._dialog is not None:
            with contextlib.suppress(TransportFailed):
                self._probe.tools.sip.send_ack(self._dialog.ack(), self._probe.flow)

    def on_failure(self, response: Response) -> None:
        self._settle(response.status)

    def on_timeout(self) -> None:
        self._settle(0)

    def on_transport_error(self, error: TransportFailed) -> None:
        self._settle(0)

    def _settle(self, status: int) -> None:
        if not self._done.done():
            self.status = status
            self._done.set_result(None)


class Probe:
    """Sends INVITEs to one device."""

    def __init__(self, tools: Tools, flow: Flow) -> None:
        self.tools = tools
        self.flow = flow

    async def call(
        self,
        code: str,
        *,
        media: Sequence[str] = (),
        where: tuple[str, int] | None = None,
        ssrc: int = SSRC_OF_TRIAL,
    ) -> Call:
        """An answered INVITE; raises DeviceTimeout."""
        request = self._request(code, tuple(media), where, ssrc)
        try:
            call = Call(self, request, keep=where is not None)
        except TransportFailed as error:
            raise DeviceTimeout(f"the INVITE could not be sent: {error}") from error
        await call.answered()
        if not call.status:
            raise DeviceTimeout("the INVITE was not answered")
        return call

    def _request(
        self, code: str, media: tuple[str, ...], where: tuple[str, int] | None, ssrc: int
    ) -> Request:
        sip, server_id, domain = self.tools.sip, self.tools.server_id, self.tools.domain
        ours = sip.contact_address(self.flow)
        headers = Headers(
            [
                ("From", f"<sip:{server_id}@{domain}>;tag={sip.new_tag()}"),
                ("To", f"<sip:{code}@{domain}>"),
                ("Call-ID", sip.new_call_id()),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<sip:{server_id}@{host_port(ours)}>"),
                ("Subject", f"{code}:{format_ssrc(ssrc)},{server_id}:0"),
                ("Content-Type", "APPLICATION/SDP"),
            ]
        )
        body = offer(
            server_id=server_id,
            media=where or (ours[0], DISCARD),
            transport="udp",
            ssrc=ssrc,
            stream="main",
        )
        if media:
            body = _with_media(body, media, where[1] if where else DISCARD)
        return Request("INVITE", f"sip:{code}@{host_port(self.flow.remote)}", headers, body)


def _with_media(body: bytes, media: Sequence[str], port: int) -> bytes:
    """The same session with another media section."""
    lines = body.decode("ascii").split("\r\n")
    first = next(n for n, line in enumerate(lines) if line.startswith("m="))
    last = next(n for n, line in enumerate(lines) if line.startswith("y="))
    section = [line.format(port=port) for line in media]
    return "\r\n".join([*lines[:first], *section, *lines[last:]]).encode("ascii")


class Notes(Protocol):
    """Where what was seen is written down."""

    def note(self, name: str, value: object) -> None: ...
    def done(self, what: str, status: int, message: str = "") -> None: ...


async def take_over(probe: Probe, node: MediaNode, code: str, notes: Notes) -> None:
    """Call, call again with the same Subject, and see which link carries media."""
    streams = ("conformance-1", "conformance-2")
    calls: list[Call] = []
    try:
        for number, stream_id in enumerate(streams):
            spec = ReceiverSpec(stream_id, "udp", SSRC_OF_TRIAL, (probe.flow.remote[0],))
            receiver = await node.open_receiver(spec)
            probe.tools.sessions.lend(receiver.receiver_id)
            host = receiver.host
            if host in ("", "0.0.0.0", "::"):
                host = probe.tools.sip.contact_address(probe.flow)[0]
            call = await probe.call(code, where=(host, receiver.port))
            calls.append(call)
            notes.done(("first INVITE", "second INVITE")[number], call.status)
            await asyncio.sleep(MEDIA_S)
        before = _packets(node, streams[0])
        second = _packets(node, streams[1])
        await asyncio.sleep(MEDIA_S)
        notes.note("first_media", _packets(node, streams[0]) - before)
        notes.note("second_media", _packets(node, streams[1]) - second)
    except (DeviceTimeout, MediaError) as error:
        notes.done("second INVITE", 0, str(error))
    finally:
        for call in calls:
            await call.hang_up()
        for stream_id in streams:
            for receiver in node.receivers():
                if receiver.stream_id == stream_id:
                    await node.close_receiver(receiver.receiver_id)
                    probe.tools.sessions.give_back(receiver.receiver_id)
            await node.close_stream(stream_id, "conformance")


def _packets(node: MediaNode, stream_id: str) -> int:
    found = node.statistics(stream_id)
    return 0 if found is None else found.packets
