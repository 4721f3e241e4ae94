"""All calls of a fleet: finds the call of a request, takes new ones, counts.

Calls are found by their Call-ID. A source that is asked again for a stream it already sends drops
the old link and builds a new one (GB/T 28181-2022 annex K c); the stream is named by the first part
of the Subject (annex L).
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from gb28181.simulator.answer import Offer, OfferRefused, read_offer
from gb28181.simulator.banner import FRAMES, Banner
from gb28181.simulator.call import Call, Caller
from gb28181.simulator.clip import FPS, GROUP, PICTURES, Clip, Format, Studio
from gb28181.simulator.faults import Fault
from gb28181.simulator.options import FleetOptions
from gb28181.simulator.profiles import Habit
from gb28181.simulator.reel import Reel
from gb28181.simulator.sender import Output
from gb28181.simulator.stream import Start
from sip.errors import ParseError
from sip.message import Request
from sip.options import ServerTransaction


@dataclass(slots=True)
class Totals:
    """Counted over all calls."""

    calls: int = 0
    refused: int = 0
    failed: int = 0
    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """How calls ended."""


class CallDesk:
    """All calls of a fleet."""

    def __init__(self, options: FleetOptions, studio: Studio) -> None:
        self.options = options
        self.studio = studio
        self.totals = Totals()
        self._calls: dict[str, Call] = {}
        self._of_channel: dict[str, set[Call]] = {}
        self._banners: dict[tuple[str, Format], Banner] = {}
        self._born = asyncio.get_running_loop().time()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def sending(self) -> int:
        return sum(call.is_sending for call in self._calls.values())

    def invite(self, caller: Caller, tx: ServerTransaction) -> None:
        """An INVITE for a channel of ours."""
        known = self._calls.get(tx.request.call_id)
        if known is not None:
            known.answer_again(tx)
            return
        if tx.request.to.tag:
            tx.respond(481)
            return
        if Fault.NO_ANSWER in caller.faults:
            return
        status = self._refusal(caller)
        if status:
            self.totals.refused += 1
            tx.respond(status)
            return
        try:
            offer = read_offer(tx.request.body)
        except OfferRefused:
            self.totals.refused += 1
            tx.respond(488)
            return
        reel = None
        if not offer.is_live:
            reel = self._reel(caller, offer)
            if reel is None:
                self.totals.refused += 1
                tx.respond(404)
                return
        subject = _sender_part(tx.request)
        self._drop_older(caller.channel_id, subject)
        call = Call(self, caller, tx, offer, subject, reel)
        self.totals.calls += 1
        self._calls[call.call_id] = call
        self._of_channel.setdefault(caller.channel_id, set()).add(call)
        call.begin()

    def _reel(self, caller: Caller, offer: Offer) -> Reel | None:
        """What there is of a recording; None for nothing."""
        device = caller.device
        archive, now = device.memory.archive(caller.channel_id), device.wall.timestamp()
        end: float = offer.end
        if Fault.DOWNLOAD_CUT in caller.faults and offer.kind == "Download":
            end = offer.start + (offer.end - offer.start) * caller.faults[Fault.DOWNLOAD_CUT]
        if caller.profile.has(Habit.FILE_BY_FILE):
            files = archive.files(offer.start, end, now)[:1]
            parts = [(max(one.start, offer.start), min(one.end, int(end))) for one in files]
        else:
            parts = archive.stretches(offer.start, end, now)
        return Reel(parts, offer.start) if parts else None

    def _refusal(self, caller: Caller) -> int:
        """The status an INVITE is refused with; 0 for none."""
        if Fault.BUSY in caller.faults:
            return 486
        if Fault.REFUSE in caller.faults:
            return int(caller.faults[Fault.REFUSE])
        running = len(self._of_channel.get(caller.channel_id, ()))
        return 486 if running >= self.options.calls_per_channel else 0

    def _drop_older(self, channel_id: str, subject: str) -> None:
        for call in list(self._of_channel.get(channel_id, ())):
            if subject and call.subject == subject:
                call.hang_up("asked for again")

    def find(self, request: Request) -> Call | None:
        """The call a request belongs to."""
        try:
            return self._calls.get(request.call_id)
        except ParseError:
            return None

    def of_channels(self, channel_ids: list[str]) -> list[Call]:
        return [call for one in channel_ids for call in self._of_channel.get(one, ())]

    def hang_up_all(self, reason: str) -> None:
        for call in list(self._calls.values()):
            call.hang_up(reason)

    def ended(self, call: Call, output: Output | None, reason: str) -> None:
        """Told by a call that is over."""
        self._calls.pop(call.call_id, None)
        siblings = self._of_channel.get(call.caller.channel_id)
        if siblings is not None:
            siblings.discard(call)
            if not siblings:
                del self._of_channel[call.caller.channel_id]
        totals = self.totals
        totals.reasons[reason] = totals.reasons.get(reason, 0) + 1
        if output is not None:
            totals.packets += output.packets
            totals.bytes += output.bytes
            totals.dropped += output.dropped

    def banner(self, channel_id: str, format: Format) -> Banner:
        key = (channel_id, format)
        found = self._banners.get(key)
        if found is None:
            found = self._banners[key] = Banner(channel_id, format.macroblocks)
        return found

    @property
    def frame(self) -> int:
        """Pictures since the birth of the fleet: the number shown now."""
        return int((asyncio.get_running_loop().time() - self._born) * FPS)

    def start_of(self, call_id: str, clip: Clip) -> Start:
        """Frame numbers count from the birth of the fleet; the picture is the last key frame.

        While the clip is being encoded a stream starts with its first picture, which is there.
        """
        age = self.frame
        dice = random.Random(call_id)
        return Start(
            picture=age // GROUP * GROUP % PICTURES if clip.is_complete else 0,
            frame=age % FRAMES,
            sequence=dice.getrandbits(16),
            timestamp=dice.getrandbits(32),
        )


def _sender_part(request: Request) -> str:
    """`senderID:senderSeq` of a Subject; empty when there is none."""
    return (request.headers.get("Subject") or "").partition(",")[0].strip()
