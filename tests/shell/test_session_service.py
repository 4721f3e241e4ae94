"""The session service on a fake SIP and a fake media node: leases, answers, endings, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from gb28181.cluster.bus import Bus
from gb28181.errors import LegFailed, NotFound
from gb28181.session.address import MediaAddresses
from gb28181.session.aftermath import Aftermath
from gb28181.session.call import CallTimes
from gb28181.session.caller import Caller
from gb28181.session.dialing import Dialer, Identity
from gb28181.session.ledger import Ledger
from gb28181.session.model import SessionState
from gb28181.session.pull import PullTimes
from gb28181.session.service import SessionService
from gb28181.session.ssrc import SsrcPool
from gb28181.store.records import DialogRecord
from media.errors import PortsExhausted
from media.node import (
    MediaSilent,
    MediaStarted,
    MediaUnsupported,
    NodeEvent,
    ReceiverInfo,
    ReceiverSpec,
    SenderInfo,
    SilenceReason,
    StreamBusy,
    ViewersChanged,
)
from sip.flow import Flow
from sip.headers import Headers
from sip.message import Request, Response, build_response

SERVER = "64010000002000000001"
CHANNEL = "64010600001320000001"
DEVICE = "64010600001180000001"
FLOW = Flow("udp", ("192.0.2.64", 5060), ("192.0.2.10", 5060))
ANSWER = (
    "v=0\r\no=x 0 0 IN IP4 192.0.2.64\r\ns=Play\r\nc=IN IP4 192.0.2.64\r\nt=0 0\r\n"
    "m=video 15060 {proto} 96\r\na=sendonly\r\na=setup:{setup}\r\na=rtpmap:96 PS/90000\r\n"
    "y=0100000001\r\n"
)


@dataclass
class FakeInvite:
    """The transaction of an INVITE; the test plays the device."""

    request: Request
    listener: Any
    answers_cancel: bool = True
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        if self.answers_cancel:
            asyncio.get_running_loop().call_soon(self.refuse, 487)

    def accept(self, proto: str = "RTP/AVP", setup: str = "passive") -> None:
        body = ANSWER.format(proto=proto, setup=setup).encode()
        response = build_response(
            self.request,
            200,
            to_tag="dev",
            headers=[("Contact", "<sip:dev@192.0.2.64:5060>")],
            body=body,
            content_type="application/sdp",
        )
        self.listener.on_success(response)

    def refuse(self, status: int) -> None:
        self.listener.on_failure(build_response(self.request, status, to_tag="dev"))


@dataclass
class FakeSip:
    invites: list[FakeInvite] = field(default_factory=list)
    acks: list[Request] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    answers_bye: bool = True
    answers_cancel: bool = True
    _ids: Any = field(default_factory=lambda: count(1))

    def invite(self, request: Request, flow: Flow, listener: Any) -> Any:
        request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx")
        self.invites.append(FakeInvite(request, listener, self.answers_cancel))
        return self.invites[-1]

    def send_request(self, request: Request, flow: Flow, on_result: Callable[[Any], None]) -> None:
        self.sent.append(request)
        if self.answers_bye:
            request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKy")
            asyncio.get_running_loop().call_soon(on_result, build_response(request, 200))

    def send_ack(self, request: Request, flow: Flow) -> None:
        self.acks.append(request)

    def contact_address(self, flow: Flow) -> tuple[str, int]:
        return ("192.0.2.10", 5060)

    def new_call_id(self) -> str:
        return f"call-{next(self._ids)}"

    def new_tag(self) -> str:
        return f"tag-{next(self._ids)}"

    @property
    def byes(self) -> list[Request]:
        return [request for request in self.sent if request.method == "BYE"]


class FakeNode:
    """Ports and streams without sockets."""

    name = "fake"

    def __init__(self) -> None:
        self.open: dict[str, ReceiverInfo] = {}
        self.rests: dict[str, float] = {}
        self.closed_streams: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.full = False
        self._tell: Callable[[NodeEvent], None] = lambda event: None
        self._ids = count(1)

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._tell = callback

    def senders(self) -> list[SenderInfo]:
        return []

    async def open_receiver(self, spec: ReceiverSpec) -> ReceiverInfo:
        if self.full:
            raise PortsExhausted("none")
        if any(info.stream_id == spec.stream_id for info in self.open.values()):
            raise StreamBusy(spec.stream_id)
        number = next(self._ids)
        info = ReceiverInfo(f"r{number}", spec.stream_id, "0.0.0.0", 30000 + number, spec.mode)
        self.open[info.receiver_id] = info
        return info

    async def connect(self, receiver_id: str, host: str, port: int) -> None:
        self.connected.append((host, port))

    async def update_receiver(self, receiver_id: str, **changes: Any) -> None:
        assert receiver_id in self.open

    async def close_receiver(self, receiver_id: str, *, rest_s: float = 30.0) -> None:
        self.open.pop(receiver_id, None)
        self.rests[receiver_id] = rest_s

    async def close_stream(self, stream_id: str, reason: str) -> None:
        self.closed_streams.append(stream_id)

    def receivers(self) -> list[ReceiverInfo]:
        return list(self.open.values())

    def statistics(self, stream_id: str) -> None:
        return None

    # what the test makes happen

    def only(self) -> ReceiverInfo:
        (info,) = self.open.values()
        return info

    def begin(self) -> None:
        info = self.only()
        self._tell(MediaStarted(info.stream_id, info.receiver_id, None, None))

    def silence(self) -> None:
        info = self.only()
        self._tell(MediaSilent(info.stream_id, info.receiver_id, 10.0, SilenceReason.GAP))

    def unsupported(self) -> None:
        info = self.only()
        self._tell(MediaUnsupported(info.stream_id, info.receiver_id, "svac"))

    def viewers(self, number: int) -> None:
        self._tell(ViewersChanged(CHANNEL, number))


class FakeStore:
    def __init__(self) -> None:
        self.saved: list[DialogRecord] = []
        self.closed: list[tuple[str, str]] = []

    async def save_dialog(self, record: DialogRecord) -> None:
        self.saved.append(record)

    async def close_dialog(self, call_id: str, reason: str) -> None:
        self.closed.append((call_id, reason))


@dataclass
class FakeRoute:
    device_id: str = DEVICE
    reported_id: str = CHANNEL
    online: bool = True
    flow: Flow | None = FLOW
    transport: str = "udp"
    place: str = "640104"
    source: None = None


class FakeDirectory:
    def __init__(self) -> None:
        self.routes = {CHANNEL: FakeRoute()}

    def route(self, channel_id: str) -> FakeRoute | None:
        return self.routes.get(channel_id)

    def flow_of(self, device_id: str) -> Flow | None:
        return self.routes[CHANNEL].flow


class Bench:
    """Everything around one service."""

    def __init__(self, times: CallTimes | None = None, pulls: PullTimes | None = None) -> None:
        self.sip, self.node, self.store = FakeSip(), FakeNode(), FakeStore()
        self.directory = FakeDirectory()
        self.ledger = Ledger(SsrcPool(SERVER))
        numbers = count(1)
        dialer = Dialer(
            self.sip,
            Identity(SERVER, SERVER[:10]),
            MediaAddresses(),
            lambda: f"session-{next(numbers)}",
        )
        caller = Caller(
            self.directory,
            dialer,
            self.ledger,
            self.node,
            self.store,
            times or CallTimes(0.2, 0.2, 0.4),
        )
        self.caller = caller
        self.service = SessionService(
            self.directory, caller, self.node, Bus(), pulls or PullTimes(linger_s=0.2, window_s=1.0)
        )

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop run until the condition holds; a test that waits in vain fails."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def picture(self) -> asyncio.Task[Any]:
        """A running stream."""
        before = len(self.sip.invites)
        asked = asyncio.create_task(self.service.live(CHANNEL))
        await self.until(lambda: len(self.sip.invites) > before)
        self.sip.invites[-1].accept()
        self.node.begin()
        await asked
        return asked


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.service.start()
    yield made
    await made.service.aclose()
    assert not made.ledger.open()
    assert not made.node.open


@pytest.mark.clause("GB/T 28181-2022", "annex L")
@pytest.mark.clause("GB/T 28181-2022", "annex G")
async def test_a_live_picture_and_its_invite(bench: Bench) -> None:
    view = (await bench.picture()).result()
    assert view.session.state is SessionState.RUNNING
    assert view.session.ssrc == "0100000001"
    invite = bench.sip.invites[0].request
    assert invite.uri == f"sip:{CHANNEL}@192.0.2.64:5060"
    assert invite.headers.get("Subject") == f"{CHANNEL}:0100000001,{SERVER}:0"
    text = invite.body.decode()
    assert "c=IN IP4 192.0.2.10\r\n" in text  # a wildcard bind is announced as what SIP uses
    assert "m=video 30001 RTP/AVP 96 98 100\r\n" in text
    assert text.endswith("y=0100000001\r\nf=v/////a///\r\n")
    assert len(bench.sip.acks) == 1


async def test_the_row_of_the_dialog_is_written_before_the_invite_leaves(bench: Bench) -> None:
    written = asyncio.Event()
    release = asyncio.Event()

    async def slow(record: DialogRecord) -> None:
        bench.store.saved.append(record)
        written.set()
        await release.wait()

    bench.store.save_dialog = slow  # type: ignore[method-assign]
    asked = asyncio.create_task(bench.service.live(CHANNEL))
    await written.wait()
    assert bench.sip.invites == []
    assert bench.store.saved[0].media_port == 30001
    release.set()
    await bench.until(lambda: bench.sip.invites)
    bench.sip.invites[0].refuse(486)
    with pytest.raises(LegFailed):
        await asked


async def test_two_requests_share_one_pull(bench: Bench) -> None:
    both = [asyncio.create_task(bench.service.live(CHANNEL)) for _ in range(2)]
    await bench.until(lambda: bench.sip.invites)
    bench.sip.invites[0].accept()
    bench.node.begin()
    first, second = [await task for task in both]
    assert first.session.session_id == second.session.session_id
    again = await bench.service.live(CHANNEL, "tcp-passive")
    assert again.session.transport == "udp"
    assert len(bench.sip.invites) == 1


@pytest.mark.parametrize(("status", "leg"), [(486, "invite_rejected"), (488, "invite_rejected")])
async def test_a_refusal_names_leg_and_status(bench: Bench, status: int, leg: str) -> None:
    asked = asyncio.create_task(bench.service.live(CHANNEL))
    await bench.until(lambda: bench.sip.invites)
    bench.sip.invites[0].refuse(status)
    with pytest.raises(LegFailed) as caught:
        await asked
    assert (caught.value.leg, caught.value.sip_status, caught.value.http_status) == (
        leg,
        status,
        502,
    )


async def test_a_defect_while_the_invite_is_sent_ends_the_session(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Request, flow: Flow, listener: Any) -> Any:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(bench.sip, "invite", broken)
        with pytest.raises(LegFailed, match="a defect"):
            await bench.service.live(CHANNEL)
    await bench.until(lambda: not bench.ledger.open())
    assert (await bench.picture()).result().session.state is SessionState.RUNNING


async def test_no_answer_then_a_late_200_is_acked_and_ended(bench: Bench) -> None:
    bench.sip.answers_cancel = False
    with pytest.raises(LegFailed) as caught:
        await bench.service.live(CHANNEL)
    assert caught.value.leg == "invite_timeout"
    assert bench.sip.invites[0].cancelled
    assert list(bench.node.rests.values()) == [70.0]
    (session,) = bench.service.views()
    assert session.state is SessionState.CLOSING
    bench.sip.invites[0].accept()
    await bench.until(lambda: not bench.service.views())
    assert len(bench.sip.acks) == 1
    assert len(bench.sip.byes) == 1


async def test_no_media(bench: Bench) -> None:
    asked = asyncio.create_task(bench.service.live(CHANNEL))
    await bench.until(lambda: bench.sip.invites)
    bench.sip.invites[0].accept()
    with pytest.raises(LegFailed) as caught:
        await asked
    assert (caught.value.leg, caught.value.http_status) == ("no_media", 504)
    await bench.until(lambda: bench.sip.byes)


async def test_an_unsupported_codec(bench: Bench) -> None:
    asked = asyncio.create_task(bench.service.live(CHANNEL))
    await bench.until(lambda: bench.sip.invites)
    bench.sip.invites[0].accept()
    bench.node.unsupported()
    with pytest.raises(LegFailed) as caught:
        await asked
    assert (caught.value.leg, caught.value.http_status) == ("unsupported_codec", 415)


async def test_no_port(bench: Bench) -> None:
    bench.node.full = True
    with pytest.raises(LegFailed) as caught:
        await bench.service.live(CHANNEL)
    assert (caught.value.leg, caught.value.http_status) == ("no_port", 503)
    await bench.until(lambda: not bench.service.views())


async def test_an_offline_device_and_an_unknown_channel(bench: Bench) -> None:
    bench.directory.routes[CHANNEL].online = False
    with pytest.raises(LegFailed) as caught:
        await bench.service.live(CHANNEL)
    assert (caught.value.leg, caught.value.http_status) == ("device_offline", 409)
    with pytest.raises(NotFound):
        await bench.service.live("64010600001320000099")


async def test_tcp_active_connects_to_the_signalling_source_not_to_a_private_address() -> None:
    bench = Bench()
    bench.sip.invites.clear()
    await bench.service.start()
    asked = asyncio.create_task(bench.service.live(CHANNEL, "tcp-active"))
    await bench.until(lambda: bench.sip.invites)
    invite = bench.sip.invites[0]
    assert "a=setup:active\r\n" in invite.request.body.decode()
    body = ANSWER.format(proto="TCP/RTP/AVP", setup="passive").replace(
        "c=IN IP4 192.0.2.64", "c=IN IP4 10.1.2.3"
    )
    invite.listener.on_success(
        build_response(invite.request, 200, to_tag="dev", body=body.encode())
    )
    await bench.until(lambda: bench.node.connected)
    assert bench.node.connected == [("192.0.2.64", 15060)]
    bench.node.begin()
    await asked
    await bench.service.aclose()


async def test_a_foreign_media_address_is_refused(bench: Bench) -> None:
    asked = asyncio.create_task(bench.service.live(CHANNEL, "tcp-active"))
    await bench.until(lambda: bench.sip.invites)
    invite = bench.sip.invites[0]
    body = ANSWER.format(proto="TCP/RTP/AVP", setup="passive").replace(
        "c=IN IP4 192.0.2.64", "c=IN IP4 8.8.8.8"
    )
    invite.listener.on_success(
        build_response(invite.request, 200, to_tag="dev", body=body.encode())
    )
    with pytest.raises(LegFailed, match=r"8\.8\.8\.8 is not allowed"):
        await asked
    assert bench.node.connected == []
    assert len(bench.sip.byes) == 1


async def test_delete_ends_at_once_whoever_watches(bench: Bench) -> None:
    view = (await bench.picture()).result()
    bench.node.viewers(3)
    bench.service.end(view.session.session_id)
    await bench.until(lambda: not bench.service.views())
    assert len(bench.sip.byes) == 1
    assert bench.node.closed_streams == [CHANNEL]
    assert bench.service.view(view.session.session_id).reason == "stopped"


async def test_linger_ends_what_nobody_watches(bench: Bench) -> None:
    await bench.picture()
    await bench.until(lambda: bench.sip.byes)
    await bench.until(lambda: not bench.service.views())
    (ended,) = bench.service.views(SessionState.ENDED)
    assert ended.reason == "no_viewers"


async def test_a_bye_of_the_device_with_viewers_invites_again(bench: Bench) -> None:
    view = (await bench.picture()).result()
    bench.node.viewers(1)
    bye = Request(
        "BYE",
        f"sip:{SERVER}@192.0.2.10",
        Headers(
            [
                ("From", f"<sip:{CHANNEL}@x>;tag=dev"),
                ("To", f"<sip:{SERVER}@x>;tag={bench.store.saved[0].local_tag}"),
                ("Call-ID", view.session.call_id),
                ("CSeq", "1 BYE"),
            ]
        ),
    )
    assert bench.caller.bye_received(bye) == 200
    assert bench.service.view(view.session.session_id).reason == "device_bye"
    assert bench.sip.byes == []
    await bench.until(lambda: len(bench.sip.invites) == 2)
    bench.sip.invites[1].accept()
    bench.node.begin()
    (session,) = bench.service.views()
    assert session.state is SessionState.RUNNING
    assert session.ssrc != view.session.ssrc
    assert bench.node.closed_streams == []


async def test_a_bye_with_a_wrong_tag_is_481(bench: Bench) -> None:
    view = (await bench.picture()).result()
    forged = Request(
        "BYE",
        f"sip:{SERVER}@192.0.2.10",
        Headers(
            [
                ("From", f"<sip:{CHANNEL}@x>;tag=other"),
                ("To", f"<sip:{SERVER}@x>;tag=other"),
                ("Call-ID", view.session.call_id),
                ("CSeq", "1 BYE"),
            ]
        ),
    )
    assert bench.caller.bye_received(forged) == 481
    assert bench.service.views()[0].state is SessionState.RUNNING


async def test_media_that_stops_with_viewers_is_ended_and_called_again(bench: Bench) -> None:
    view = (await bench.picture()).result()
    bench.node.viewers(1)
    bench.node.silence()
    assert bench.service.view(view.session.session_id).reason == "media_stopped"
    await bench.until(lambda: len(bench.sip.invites) == 2)
    assert len(bench.sip.byes) == 1


async def test_offline_keeps_viewers_until_the_device_is_back(bench: Bench) -> None:
    view = (await bench.picture()).result()
    bench.node.viewers(1)
    bench.directory.routes[CHANNEL].online = False
    bench.service.device_changed(DEVICE, "offline", "expired")
    assert bench.service.view(view.session.session_id).reason == "device_offline"
    bench.directory.routes[CHANNEL].online = True
    bench.service.device_changed(DEVICE, "online", "registered")
    await bench.until(lambda: len(bench.sip.invites) == 2)


async def test_the_ledger_finds_receivers_nobody_holds(bench: Bench) -> None:
    await bench.node.open_receiver(ReceiverSpec("stray", "udp"))
    differences = bench.ledger.reconcile(list(bench.node.open), 0.0)
    assert differences.orphan_receivers == ()
    differences = bench.ledger.reconcile(list(bench.node.open), 5.0)
    assert len(differences.orphan_receivers) == 1
    bench.caller.close_receiver(differences.orphan_receivers[0])
    await bench.until(lambda: not bench.node.open)


async def test_a_stray_200_is_acked_and_ended_unless_its_call_runs(bench: Bench) -> None:
    aftermath = Aftermath(bench.sip, bench.ledger, bench.store, bench.directory)
    view = (await bench.picture()).result()
    for call_id in (view.session.call_id, "long-gone"):
        headers = Headers(
            [
                ("From", f"<sip:{SERVER}@x>;tag=us"),
                ("To", f"<sip:{CHANNEL}@x>;tag=dev"),
                ("Call-ID", call_id),
                ("CSeq", "1 INVITE"),
                ("Contact", "<sip:dev@192.0.2.64:5060>"),
            ]
        )
        aftermath.stray(Response(200, "OK", headers), FLOW)
    assert [ack.call_id for ack in bench.sip.acks[1:]] == [view.session.call_id, "long-gone"]
    assert [bye.call_id for bye in bench.sip.byes] == ["long-gone"]


async def test_dialogs_of_the_run_before_get_bye(bench: Bench) -> None:
    aftermath = Aftermath(bench.sip, bench.ledger, bench.store, bench.directory)
    record = DialogRecord(
        call_id="old",
        local_tag="us",
        remote_tag="dev",
        local_uri=f"<sip:{SERVER}@x>",
        remote_uri=f"<sip:{CHANNEL}@x>",
        remote_target=f"sip:{CHANNEL}@192.0.2.64:5060",
        remote_host="192.0.2.64",
        remote_port=5060,
        device_id=DEVICE,
    )
    await aftermath.settle([record])
    (bye,) = bench.sip.byes
    assert bye.headers.get("To") == f"<sip:{CHANNEL}@x>;tag=dev"
    assert bye.cseq.number == 2
    assert bench.store.closed == [("old", "previous_run")]
