"""The called side of a camera: INVITE, ACK, CANCEL and BYE of the platform (RFC 3261 13.3, 15).

Decides nothing about registration or queries; `Phone` is what it needs of the camera around it.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from . import text
from .calls import Call, Repeater
from .elementary import Source
from .faults import Faults
from .loop import Loop
from .text import Msg

Peer = tuple[str, int]


class Phone(Protocol):
    """The camera as its calls see it."""

    loop: Loop
    faults: Faults
    host: str
    t1: float
    max_calls: int

    def here(self) -> str: ...
    def callable_ids(self) -> list[str]: ...
    def source_of(self, channel_id: str) -> Source | None: ...
    def recording_sent(self, call: Call) -> None: ...
    def send(self, data: bytes, peer: Peer | None = None) -> None: ...
    def respond(self, request: Msg, peer: Peer, status: int, *, tag: str = "") -> bytes: ...


class Callee:
    """All calls of one camera. Runs in the loop's thread."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self.calls: dict[str, Call] = {}

    def running(self) -> list[Call]:
        return [call for call in self.calls.values() if call.state != "over"]

    def drop_all(self, why: str) -> None:
        """Forget every call without a word to the platform."""
        for call in self.running():
            call.close(why)

    def pick(self, call_id: str) -> Call:
        """This call, or the only open one."""
        if call_id:
            return self.calls[call_id]
        running = self.running()
        assert len(running) == 1, f"{len(running)} open calls; name one by its call_id"
        return running[0]

    def on_invite(self, invite: Msg, peer: tuple[str, int]) -> None:
        if self._phone.faults.never_answer:
            return
        known = self.calls.get(invite.call_id)
        if known is not None and known.state in ("early", "over") and not known.answer:
            return  # repeated INVITE of a call that is still being thought about
        if known is not None and known.answer:
            self._send_answer(known, invite, peer)
            return
        for status in self._phone.faults.provisional:
            self._phone.respond(invite, peer, status, tag="early")
        channel_id = text.uri_user(invite.start)
        tag = secrets.token_hex(4)
        call = Call(self._phone.loop, invite, channel_id, self._phone.host, tag, self._phone.faults)
        status = self._verdict(channel_id, invite)
        self.calls[invite.call_id] = call

        def decide() -> None:
            call.pending_answer = None
            if call.state == "over":
                return
            if status != 200:
                call.close(f"refused with {status}")
                self._phone.respond(invite, peer, status, tag=tag)
                return
            self._accept(call, peer)

        if self._phone.faults.answer_delay_s:
            call.pending_answer = self._phone.loop.later(self._phone.faults.answer_delay_s, decide)
        else:
            decide()

    def _give_way(self, invite: Msg) -> None:
        """A sender that is asked for what it sends already drops the old link (2022 annex K)."""
        subject = invite.header("Subject").partition(",")[0]
        for call in self.running():
            if subject and call.invite.header("Subject").partition(",")[0] == subject:
                call.close("another INVITE with its Subject")

    def _verdict(self, channel_id: str, invite: Msg) -> int:
        if self._phone.faults.invite_status != 200:
            return self._phone.faults.invite_status
        if channel_id not in self._phone.callable_ids():
            return 404
        if b"PS/90000" not in invite.body:
            return 488  # it can send nothing else
        if not self._phone.faults.keeps_old:
            self._give_way(invite)
        busy = sum(1 for call in self.calls.values() if call.state != "over")
        return 486 if busy >= self._phone.max_calls else 200

    def _accept(self, call: Call, peer: tuple[str, int]) -> None:
        body = call.make_answer()
        call.answer = body
        call.state = "answered"
        for _ in range(self._phone.faults.answers):
            self._send_answer(call, call.invite, peer)
        Repeater(
            self._phone.loop,
            call,
            lambda: self._send_answer(call, call.invite, peer),
            self._phone.t1,
        ).start()

    def _send_answer(self, call: Call, invite: Msg, peer: tuple[str, int]) -> None:
        extra = (
            f"Contact: <sip:{call.channel_id}@{self._phone.here()}>\nContent-Type: application/sdp"
        )
        self._phone.send(text.response(invite, 200, call.tag, extra, call.answer), peer)

    def on_ack(self, ack: Msg) -> None:
        call = self.calls.get(ack.call_id)
        if call is None or call.state != "answered":
            return
        if self._phone.faults.ignore_acks > 0:
            self._phone.faults.ignore_acks -= 1
            return
        call.state = "confirmed"
        call.stop_repeating()
        source = self._phone.source_of(call.channel_id)
        if source is not None and not self._phone.faults.no_media:
            call.start_media(source, lambda: self._phone.recording_sent(call))

    def on_bye(self, bye: Msg, peer: tuple[str, int]) -> None:
        call = self.calls.get(bye.call_id)
        if call is None or call.state in ("over", "early"):
            self._phone.respond(bye, peer, 481)
            return
        call.close("BYE of the platform")
        if self._phone.faults.answer_bye:
            self._phone.respond(bye, peer, 200)

    def on_cancel(self, cancel: Msg, peer: tuple[str, int]) -> None:
        if not self._phone.faults.answer_cancel:
            return
        call = self.calls.get(cancel.call_id)
        if call is None or call.state != "early":
            self._phone.respond(cancel, peer, 200 if call is not None else 481)
            return
        self._phone.respond(cancel, peer, 200)
        call.close("CANCEL of the platform")
        self._phone.respond(call.invite, peer, 487, tag=call.tag)
