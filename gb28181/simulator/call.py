"""One call of a simulated device: INVITE answered, media out, control, BYE both ways.

A `Call` is one dialog with its sender; what the device does wrong in it is decided here, by its
faults and the habits of its family. Which call a request belongs to is the desk's business
(`desk.py`), how media leaves that of the path (`path.py`), what of a recording is sent that of the
showing (`showing.py`).

RFC 3261 13.3, 15.1.2; GB/T 28181-2022 9.2, 9.8, 9.9, annex D (media over TCP).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gb28181.simulator import rtsp
from gb28181.simulator.answer import Offer, write_answer
from gb28181.simulator.archive import BYTES_PER_S
from gb28181.simulator.banner import Banner
from gb28181.simulator.clip import FPS, MAIN, SUB, Clip, Format, Studio
from gb28181.simulator.device import MANSCDP, Device
from gb28181.simulator.faults import Fault, Faults, dice_of
from gb28181.simulator.line import SipLine
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.packing import Packer
from gb28181.simulator.path import MediaPath
from gb28181.simulator.profiles import Habit, Profile
from gb28181.simulator.recording import RecordingStream
from gb28181.simulator.reel import Reel
from gb28181.simulator.sender import Network, Output, Sender
from gb28181.simulator.showing import Showing
from gb28181.simulator.stream import CameraStream, Start, Stream
from sip.dialog import Dialog
from sip.errors import SipError, TransportFailed
from sip.flow import Flow
from sip.message import Response
from sip.options import ServerTransaction

SDP: Final = "application/sdp"
_SSRC_OFF: Final = 7_001
_UNKNOWN_SSRC: Final = 9_999


@dataclass(slots=True)
class Caller:
    """The device side of a call: whose channel, of which device."""

    channel_id: str
    device: Device

    @property
    def line(self) -> SipLine:
        return self.device.line

    @property
    def faults(self) -> Faults:
        return self.device.faults

    @property
    def profile(self) -> Profile:
        return self.device.profile


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
        self,
        desk: Desk,
        caller: Caller,
        tx: ServerTransaction,
        offer: Offer,
        subject: str,
        reel: Reel | None = None,
    ) -> None:
        """`reel`: what is sent of a recording."""
        self.caller = caller
        self.subject = subject
        self.call_id = tx.request.call_id
        self.offer = offer
        self.tx = tx
        self._desk = desk
        self._reel = reel
        self._loop = asyncio.get_running_loop()
        self._dialog = Dialog.of_server(
            tx.request, tx.to_tag, caller.line.contact(caller.channel_id)
        )
        self._path = MediaPath(offer, desk.options.host, self._opened, self.hang_up)
        self._sender: Sender | None = None
        self._showing: Showing | None = None
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

    @property
    def _format(self) -> Format:
        sub = self.offer.sub and not self.caller.profile.has(Habit.ONLY_MAIN)
        return SUB if sub else MAIN

    # --- answering ----------------------------------------------------------------------------

    def begin(self) -> None:
        """100 at once, the answer when it is time."""
        self.tx.respond(100)
        if self.caller.profile.has(Habit.OTHER_101):
            self.tx.respond(101, "Dialog Establishment")
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
            dice = dice_of(self._desk.options.seed, "network", self.call_id)
            try:
                port = self._path.open_udp(Network(self.caller.faults, dice))
            except OSError:
                self._refuse()
                return
        self._send_answer(port)

    async def _listen(self) -> None:
        try:
            port = await self._path.listen()
        except OSError:
            self._refuse()
        else:
            self._send_answer(port)

    def _refuse(self) -> None:
        self.tx.respond(500)
        self._finish("no socket")

    def _send_answer(self, port: int) -> None:
        caller, offer = self.caller, self.offer
        ssrc = _UNKNOWN_SSRC if offer.ssrc is None else offer.ssrc
        if Fault.SSRC_NOT_REPEATED in caller.faults:
            ssrc = (ssrc + _SSRC_OFF) % 2**32
        self._answer = write_answer(
            offer,
            caller.channel_id,
            (caller.line.address[0], port),
            None if caller.profile.has(Habit.NO_Y) else ssrc,
            _shape(self._format, self._desk.options.audio),
            bare_sound=self._desk.options.audio and caller.profile.has(Habit.BARE_SOUND),
            size=self._size(),
        )
        self._make_sender(ssrc)
        self.tx.on_unacknowledged = lambda: self.hang_up("no ACK")
        self._respond(self.tx)
        if offer.mode == "connect" and caller.profile.has(Habit.CONNECTS_EARLY):
            self._path.connect()

    def _size(self) -> int | None:
        """Bytes of a download, about."""
        if self.offer.kind != "Download" or Fault.NO_FILESIZE in self.caller.faults:
            return None
        return (self.offer.end - self.offer.start) * BYTES_PER_S

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
        if Fault.WRONG_SSRC in self.caller.faults:
            ssrc = (ssrc + _SSRC_OFF) % 2**32
        stream = self._live(ssrc) if self._reel is None else self._recorded(ssrc, self._reel)
        self._sender = Sender(stream, self._write, self.hang_up, self._sent_all)

    def _live(self, ssrc: int) -> Stream:
        desk = self._desk
        clip = desk.studio.clip(self._format)
        return CameraStream(
            clip,
            desk.banner(self.caller.channel_id, clip.format),
            ssrc,
            payload_type=self.offer.payload_type,
            audio=desk.options.audio,
            start=desk.start_of(self.call_id, clip),
            profile=self.caller.profile,
            look=lambda: self.caller.device.shown(self.caller.channel_id),
        )

    def _recorded(self, ssrc: int, reel: Reel) -> Stream:
        caller, offer, desk = self.caller, self.offer, self._desk
        clip = desk.studio.clip(self._format)
        start = desk.start_of(self.call_id, clip)
        audio, profile = desk.options.audio, caller.profile
        stream = RecordingStream(
            clip,
            lambda text: Banner(caller.channel_id, clip.format.macroblocks, text),
            reel,
            Packer(profile, ssrc, offer.payload_type, start.sequence, audio),
            profile,
            audio=audio,
            timestamp=start.timestamp,
            speed=float(offer.speed) if offer.kind == "Download" else 0.0,
        )
        self._showing = Showing(stream, offer.start, profile, caller.faults)
        return stream

    def _write(self, packets: list[bytes]) -> None:
        if self._path.output is not None:
            self._path.output.write(packets)

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
            self._path.connect()
        if self._path.is_open:
            self._start_sending()

    def _opened(self) -> None:
        if self._acknowledged:
            self._start_sending()

    def _start_sending(self) -> None:
        faults = self.caller.faults
        if self.ended or self._sender is None or Fault.NO_MEDIA in faults:
            return
        if Fault.MEDIA_STOPS in faults:
            self._later(faults[Fault.MEDIA_STOPS], self.stop_media)
        self._sender.start()

    def key_frame(self) -> None:
        """The next picture is a key frame."""
        if self._sender is not None:
            self._sender.stream.key_frame()

    def stop_media(self) -> None:
        """Media ends, the dialog stays."""
        if self._sender is not None:
            self._sender.close()

    # --- recordings ---------------------------------------------------------------------------

    def info(self, tx: ServerTransaction) -> None:
        """MANSRTSP of the platform."""
        status = self._dialog.check(tx.request)
        order = rtsp.read(tx.request.body)
        if status is not None or self._showing is None or self._sender is None or order is None:
            tx.respond(status or 400)
            return
        outcome = self._showing.handle(order)
        kind = rtsp.CONTENT_TYPE if outcome.body else None
        tx.respond(outcome.status, body=outcome.body, content_type=kind)
        if outcome.pause:
            self._sender.pause()
        elif outcome.resume:
            self._sender.start()
            self._sender.hurry()
        elif outcome.stop:
            self.stop_media()

    def _sent_all(self) -> None:
        """The recording was sent to its end: MediaStatus 121, in the dialog or outside (9.8.2)."""
        device = self.caller.device
        if self.ended or Fault.NO_MEDIASTATUS in device.faults:
            return
        outside = device.profile.has(Habit.END_FROM_RECORDER)
        code = device.spec.device_id if outside else self.caller.channel_id
        body = device.writer.media_status(device.next_sn(), code)
        if outside:
            device.send(body)
            return
        request = self._dialog.request("MESSAGE", body=body, content_type=MANSCDP)
        with contextlib.suppress(TransportFailed):
            self.caller.line.endpoint.send_request(request, self._flow, _ignore)

    # --- ends ---------------------------------------------------------------------------------

    @property
    def _flow(self) -> Flow:
        return self.caller.line.flow or self.tx.flow

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
            request = self._dialog.request("BYE")
            # On a connection that is gone nothing can be said.
            with contextlib.suppress(TransportFailed):
                self.caller.line.endpoint.send_request(request, self._flow, _ignore)
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
        self._path.close()
        self._desk.ended(self, self._path.output, reason)

    def _later(self, delay: float, then: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(delay, then))


def _shape(format: Format, audio: bool) -> str:
    """The value of `f=` (annex G): H.264, size, rate; G.711 at 64 kbit/s and 8 kHz."""
    size = {1080: "6", 720: "5"}.get(format.height, f"{format.width}x{format.height}")
    return f"v/2/{size}/{FPS}/2/{format.kbps}a/{'1/8/1' if audio else '//'}"


def _ignore(_: Response | SipError) -> None:
    """Whatever is answered, it changes nothing for us."""
