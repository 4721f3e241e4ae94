"""One call of a simulated device: INVITE answered, media out, BYE both ways.

A `Call` is one dialog with its sender; what the device does wrong in it is decided here, by its
faults. Which call a request belongs to is the desk's business (`desk.py`).

RFC 3261 13.3, 15.1.2; GB/T 28181-2022 9.2, annex D (media over TCP).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gb28181.simulator.answer import Offer, write_answer
from gb28181.simulator.banner import Banner
from gb28181.simulator.clip import FPS, MAIN, SUB, Clip, Format, Studio
from gb28181.simulator.faults import Fault, Faults, dice_of
from gb28181.simulator.line import SipLine
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.sender import Network, Output, Sender, TcpOutput, UdpOutput, Unwanted
from gb28181.simulator.stream import CameraStream, Start
from sip.dialog import Dialog
from sip.errors import SipError, TransportFailed
from sip.message import Response
from sip.options import ServerTransaction

SDP: Final = "application/sdp"
_CONNECT_TRIES: Final = 3
_CONNECT_PAUSE_S: Final = 1.0
_CONNECT_S: Final = 5.0
_LISTEN_S: Final = 20.0
_SSRC_OFF: Final = 7_001
_UNKNOWN_SSRC: Final = 9_999


@dataclass(slots=True)
class Caller:
    """The device side of a call: whose channel, on which line, with which faults."""

    channel_id: str
    line: SipLine
    faults: Faults


class Desk(Protocol):
    """What a call needs of whoever holds it."""

    options: FleetOptions
    studio: Studio

    def ended(self, call: Call, output: Output | None, reason: str) -> None: ...
    def banner(self, channel_id: str, format: Format) -> Banner: ...
    def start_of(self, call_id: str, clip: Clip) -> Start: ...


class Call:
    """One INVITE dialog."""

    def __init__(
        self, desk: Desk, caller: Caller, tx: ServerTransaction, offer: Offer, subject: str
    ) -> None:
        self.caller = caller
        self.subject = subject
        self.call_id = tx.request.call_id
        self.offer = offer
        self.tx = tx
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._dialog = Dialog.of_server(
            tx.request, tx.to_tag, caller.line.contact(caller.channel_id)
        )
        self._output: Output | None = None
        self._server: asyncio.Server | None = None
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._answer = b""
        self._acknowledged = False
        self.ended = False

    def __repr__(self) -> str:
        state = "ended" if self.ended else "sending" if self.is_sending else "waiting"
        return f"<Call {self.caller.channel_id} {self.offer.mode} {state}>"

    @property
    def is_sending(self) -> bool:
        return self._sender is not None and self._sender.is_running

    # --- answering ----------------------------------------------------------------------------

    def begin(self) -> None:
        """100 at once, the answer when it is time."""
        self.tx.respond(100)
        delay = self.caller.faults.get(Fault.LATE_ANSWER)
        if delay is None:
            self._accept()
        else:
            self._later(delay, self._accept)

    def _accept(self) -> None:
        """Opens what media needs, then sends the 200."""
        if self.ended:
            return
        if self.offer.mode == "listen":
            self._task = self._loop.create_task(self._listen())
            return
        port = 0
        if self.offer.mode == "udp":
            try:
                port = self._open_udp()
            except OSError:
                self.tx.respond(500)
                self._finish("no socket")
                return
        self._send_answer(port)

    def _send_answer(self, port: int) -> None:
        caller, offer = self.caller, self.offer
        ssrc = _UNKNOWN_SSRC if offer.ssrc is None else offer.ssrc
        host = caller.line.address[0]
        shape = _shape(SUB if offer.sub else MAIN, self._desk.options.audio)
        self._answer = write_answer(offer, caller.channel_id, (host, port), ssrc, shape)
        self._make_sender(ssrc)
        self.tx.on_unacknowledged = lambda: self.hang_up("no ACK")
        self._respond(self.tx)

    def _respond(self, tx: ServerTransaction) -> None:
        contact = self.caller.line.contact(self.caller.channel_id)
        tx.respond(200, headers=[("Contact", contact)], body=self._answer, content_type=SDP)

    def answer_again(self, tx: ServerTransaction) -> None:
        """INVITE inside the dialog: nothing changes, the answer is the same."""
        status = self._dialog.check(tx.request)
        if status is not None:
            tx.respond(status)
        elif self._answer:
            self._respond(tx)
        else:
            tx.respond(491)

    def _make_sender(self, ssrc: int) -> None:
        faults, desk = self.caller.faults, self._desk
        if Fault.WRONG_SSRC in faults:
            ssrc = (ssrc + _SSRC_OFF) % 2**32
        clip = desk.studio.clip(SUB if self.offer.sub else MAIN)
        stream = CameraStream(
            clip,
            desk.banner(self.caller.channel_id, clip.format),
            ssrc,
            payload_type=self.offer.payload_type,
            audio=desk.options.audio,
            start=desk.start_of(self.call_id, clip),
        )
        self._sender = Sender(stream, self._write, self.hang_up)

    def _write(self, packets: list[bytes]) -> None:
        if self._output is not None:
            self._output.write(packets)

    # --- media --------------------------------------------------------------------------------

    def acknowledged(self) -> None:
        """ACK came; a repeated one changes nothing."""
        if self._acknowledged or self.ended or not self._answer:
            return
        self._acknowledged = True
        faults = self.caller.faults
        if Fault.EARLY_BYE in faults:
            self._later(faults[Fault.EARLY_BYE], lambda: self.hang_up("early bye"))
        if Fault.NO_MEDIA in faults:
            return
        if self.offer.mode == "connect":
            self._task = self._loop.create_task(self._connect())
        elif self.offer.mode == "udp" or self._is_open():
            self._start_sending()

    def _start_sending(self) -> None:
        if self.ended or self._sender is None or Fault.NO_MEDIA in self.caller.faults:
            return
        if Fault.MEDIA_STOPS in self.caller.faults:
            self._later(self.caller.faults[Fault.MEDIA_STOPS], self.stop_media)
        self._sender.start()

    def _open_udp(self) -> int:
        offer, options = self.offer, self._desk.options
        dice = dice_of(options.seed, "network", self.call_id)
        output = UdpOutput((options.host, 0), Network(self.caller.faults, dice))
        self._output = output
        output.connect((offer.host, offer.port))
        return output.port

    async def _listen(self) -> None:
        """The platform opens the connection: listen, answer, take one."""
        output = TcpOutput(self._opened, self._lost)
        self._output = output
        try:
            server = await self._loop.create_server(
                lambda: Unwanted() if output.is_open else output, self._desk.options.host, 0
            )
        except OSError:
            self.tx.respond(500)
            self._finish("no socket")
            return
        self._server = server
        self._later(_LISTEN_S, self._nobody_came)
        self._send_answer(server.sockets[0].getsockname()[1])

    async def _connect(self) -> None:
        """We open the connection, three times a second apart at most (annex D)."""
        output = TcpOutput(self._opened, self._lost)
        self._output = output
        for attempt in range(_CONNECT_TRIES):
            if attempt:
                await asyncio.sleep(_CONNECT_PAUSE_S)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    await self._loop.create_connection(
                        lambda: output, self.offer.host, self.offer.port
                    )
                return
        self.hang_up("media connection refused")

    def _opened(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._acknowledged:
            self._start_sending()

    def _is_open(self) -> bool:
        return isinstance(self._output, TcpOutput) and self._output.is_open

    def _nobody_came(self) -> None:
        if self._server is not None:
            self.hang_up("nobody connected")

    def _lost(self) -> None:
        self.hang_up("media connection lost")

    # --- ends ---------------------------------------------------------------------------------

    def stop_media(self) -> None:
        """Media ends, the dialog stays."""
        if self._sender is not None:
            self._sender.close()

    def cancelled(self) -> None:
        """CANCEL: the endpoint answers the INVITE with 487."""
        self._finish("cancelled")

    def bye(self, tx: ServerTransaction) -> None:
        """BYE of the platform."""
        no_bye = self.caller.faults.get(Fault.NO_BYE)
        if no_bye is not None:
            self._later(no_bye, lambda: self._finish("bye ignored"))
            return
        status = self._dialog.check(tx.request)
        tx.respond(status or 200)
        if status is None:
            self._finish("bye")

    def hang_up(self, reason: str) -> None:
        """Our own BYE, or the refusal of an INVITE that has no answer yet."""
        if self.ended:
            return
        if not self._answer:
            self.tx.respond(480)
        elif Fault.NO_BYE not in self.caller.faults:
            flow = self.caller.line.flow or self.tx.flow
            request = self._dialog.request("BYE")
            # On a connection that is gone nothing can be said.
            with contextlib.suppress(TransportFailed):
                self.caller.line.endpoint.send_request(request, flow, _ignore)
        self._finish(reason)

    def vanish(self) -> None:
        """The device is dead: nothing is said to anybody."""
        self._finish("device died")

    def _finish(self, reason: str) -> None:
        if self.ended:
            return
        self.ended = True
        self.stop_media()
        for timer in self._timers:
            timer.cancel()
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._output is not None:
            self._output.close()
        self._desk.ended(self, self._output, reason)

    def _later(self, delay: float, then: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(delay, then))


def _shape(format: Format, audio: bool) -> str:
    """The value of `f=` (annex G): H.264, size, rate; G.711 at 64 kbit/s and 8 kHz."""
    size = {1080: "6", 720: "5"}.get(format.height, f"{format.width}x{format.height}")
    return f"v/2/{size}/{FPS}/2/{format.kbps}a/{'1/8/1' if audio else '//'}"


def _ignore(_: Response | SipError) -> None:
    """Whatever is answered to our BYE, the call is over."""
