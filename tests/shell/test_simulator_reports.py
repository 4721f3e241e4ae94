"""What simulated devices tell by themselves, on real sockets: subscriptions, alarms, results.

Bodies are read by the standard library, so that the product's reader does not judge its writer.
"""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import Element

import av
import pytest

from gb28181.manscdp.codec import Node, encode
from gb28181.simulator.bodies import Alarm
from gb28181.simulator.device import Device
from gb28181.simulator.fleet import Fleet
from gb28181.simulator.machine import Times
from gb28181.simulator.options import Happenings
from gb28181.simulator.plan import DeviceSpec, PlanOptions, make_plan
from gb28181.simulator.profiles import MIXED
from sip import Dialog, Request, Response
from tests.shell.simulator_bench import (
    SERVER_ID,
    Platform,
    Receiver,
    camera,
    fleet,
    offer_to,
    platform,
    profiles,
)
from tests.support.simulated import element, text

BOTH_LOOPS = True
BEIJING = timezone(timedelta(hours=8))


@asynccontextmanager
async def device(
    profile: str = "standard-2022", *faults: str, **how: object
) -> AsyncIterator[tuple[Platform, Fleet, Device]]:
    specs = camera()
    async with (
        platform() as server,
        fleet(server, specs, *faults, profiles=profiles(profile), **how) as made,
    ):
        yield server, made, made.device(specs[0].device_id)


class Subscriber:
    """The platform's side of one subscription."""

    def __init__(self, server: Platform, spec: DeviceSpec, command: str, *nodes: Node) -> None:
        self.server = server
        self.flow = server.flows[spec.device_id]
        self.request = server.request("SUBSCRIBE", spec.device_id)
        host, port = server.address
        headers = self.request.headers
        headers.add("Contact", f"<sip:{SERVER_ID}@{host}:{port}>")
        headers.add("Event", "presence;id=77")
        headers.add("Content-Type", "Application/MANSCDP+xml")
        self.request.body = encode("Query", command, "3", spec.device_id, nodes)
        self.dialog: Dialog | None = None

    async def begin(self, expires: int = 60) -> Response:
        self.request.headers.add("Expires", str(expires))
        answer = await self.server.endpoint.request(self.request, self.flow)
        if answer.status == 200:
            self.dialog = Dialog.of_client(self.request, answer)
        return answer

    async def again(self, expires: int) -> Response:
        assert self.dialog is not None
        request = self.dialog.request(
            "SUBSCRIBE",
            headers=[("Event", "presence;id=77"), ("Expires", str(expires))],
            body=self.request.body,
            content_type="Application/MANSCDP+xml",
        )
        return await self.server.endpoint.request(request, self.flow)

    @property
    def notified(self) -> list[Request]:
        return [
            tx.request
            for tx in self.server.requests
            if tx.request.method == "NOTIFY" and tx.request.call_id == self.request.call_id
        ]

    async def told(self, count: int) -> list[Request]:
        await self.server.until(lambda: len(self.notified) >= count)
        return self.notified

    @property
    def states(self) -> list[str]:
        found = [one.headers.get("Subscription-State") or "" for one in self.notified]
        return [re.sub(r"expires=\d+", "expires=N", one) for one in found]


def sent(server: Platform, command: str) -> list[Element]:
    """MESSAGEs of that command."""
    found = []
    for tx in server.requests:
        if tx.request.method == "MESSAGE" and f">{command}<".encode() in tx.request.body:
            found.append(element(tx.request.body))
    return found


# --- subscriptions ----------------------------------------------------------------------------


async def test_catalog_first_the_state_then_changes_then_the_end() -> None:
    async with device() as (server, made, one):
        channel = one.spec.channels[0].channel_id
        made.happenings.change(one, channel)  # off before anybody listens
        listener = Subscriber(server, one.spec, "Catalog")
        answer = await listener.begin()
        assert (answer.status, answer.headers.get("Expires")) == (200, "60")
        assert answer.contact is not None
        first = element((await listener.told(1))[0].body)
        assert text(first, "SumNum") == "1"
        assert text(first, "DeviceList/Item/DeviceID") == channel
        assert text(first, "DeviceList/Item/Event") == "OFF"
        assert listener.notified[0].headers.get("Event") == "presence;id=77"
        made.happenings.change(one, channel)
        second = element((await listener.told(2))[1].body)
        assert text(second, "DeviceList/Item/Event") == "ON"
        assert (await listener.again(30)).headers.get("Expires") == "30"
        assert (await listener.again(0)).status == 200
        await listener.told(3)
        assert listener.states == [
            "active;expires=N",
            "active;expires=N",
            "terminated;reason=timeout",
        ]
        assert len(made.subscriptions) == 0


async def test_a_subscription_runs_out_by_itself() -> None:
    async with device() as (server, made, one):
        listener = Subscriber(server, one.spec, "Alarm")
        await listener.begin(1)
        await server.until(lambda: "terminated;reason=timeout" in listener.states)
        assert len(made.subscriptions) == 0


async def test_alarms_go_to_the_subscriber_that_wants_them_and_else_as_message() -> None:
    async with device() as (server, made, one):
        channel = one.spec.channels[0].channel_id
        wish = (Node("StartAlarmPriority", 1), Node("EndAlarmPriority", 2), Node("AlarmMethod", 5))
        listener = Subscriber(server, one.spec, "Alarm", *wish)
        await listener.begin()
        assert (await listener.told(1))[0].body == b""
        assert made.happenings.alarm(one, Alarm(channel, 1, 5, 6, 2, "区域入侵"))
        alarm = element((await listener.told(2))[1].body)
        assert (alarm.tag, text(alarm, "CmdType"), text(alarm, "DeviceID")) == (
            "Notify",
            "Alarm",
            channel,
        )
        assert (text(alarm, "AlarmPriority"), text(alarm, "AlarmMethod")) == ("1", "5")
        assert text(alarm, "Info/AlarmType") == "6"
        assert text(alarm, "Info/AlarmTypeParam/EventType") == "2"
        assert text(alarm, "AlarmDescription") == "区域入侵"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text(alarm, "AlarmTime"))
        assert made.happenings.alarm(one, Alarm(channel, 4, 5, 2))
        await server.until(lambda: sent(server, "Alarm"))
        assert len(listener.notified) == 2


async def test_after_an_alarm_of_method_2_it_is_silent_until_the_reset() -> None:
    async with device("standard-2016") as (server, made, one):
        channel = one.spec.channels[0].channel_id
        tamper = Alarm(channel, 2, 2, 2)
        assert made.happenings.alarm(one, tamper)
        assert not made.happenings.alarm(one, tamper)
        assert made.happenings.alarm(one, Alarm(channel, 4, 5, 2)), "other methods go on"
        body = encode(
            "Control", "DeviceControl", "8", one.spec.device_id, [Node("AlarmCmd", "ResetAlarm")]
        )
        await message(server, one, body)
        await server.until(lambda: sent(server, "DeviceControl"))
        assert made.happenings.alarm(one, tamper)
    async with device("standard-2016", "alarm-not-silent") as (server, made, one):
        tamper = Alarm(one.spec.channels[0].channel_id, 2, 2, 2)
        assert made.happenings.alarm(one, tamper)
        assert made.happenings.alarm(one, tamper)


async def message(server: Platform, one: Device, body: bytes) -> Response:
    request = server.request("MESSAGE", one.spec.device_id)
    request.headers.add("Content-Type", "Application/MANSCDP+xml")
    request.body = body
    return await server.endpoint.request(request, server.flows[one.spec.device_id])


async def control(server: Platform, one: Device, *nodes: Node) -> Response:
    channel = one.spec.channels[0].channel_id
    return await message(server, one, encode("Control", "DeviceControl", "8", channel, nodes))


async def test_positions_come_at_once_and_again_flat_in_2016_as_a_list_in_2022() -> None:
    for profile in ("standard-2016", "standard-2022"):
        async with device(profile, happenings=Happenings(moving=1.0)) as (server, _, one):
            listener = Subscriber(server, one.spec, "MobilePosition", Node("Interval", 1))
            await listener.begin()
            first, second = [element(told.body) for told in await listener.told(2)]
            holder = "DeviceList/Item/" if profile == "standard-2022" else ""
            places = [
                (text(tree, f"{holder}Longitude"), text(tree, f"{holder}Latitude"))
                for tree in (first, second)
            ]
            assert places[0] != places[1], "it drives"
            assert float(text(first, f"{holder}Speed")) == 36.0
            assert (first.find("SumNum") is not None) == (profile == "standard-2022")
            assert abs(float(places[0][0]) - one.spec.channels[0].longitude) < 0.01


async def test_the_lens_is_told_while_it_moves() -> None:
    async with device() as (server, _, one):
        listener = Subscriber(server, one.spec, "PTZPosition")
        await listener.begin()
        first = element((await listener.told(1))[0].body)
        assert (text(first, "Pan"), text(first, "Zoom")) == ("0", "1")
        await control(server, one, Node("PTZCmd", "A50F0101FF0000B5"))
        later = element((await listener.told(3))[2].body)
        assert float(text(later, "Pan")) > 10


@pytest.mark.parametrize(
    ("profile", "command", "status"),
    [
        ("standard-2016", "PTZPosition", 489),
        ("cheap-2011", "MobilePosition", 489),
        ("standard-2022", "Weather", 489),
    ],
)
async def test_what_cannot_be_subscribed_to(profile: str, command: str, status: int) -> None:
    async with device(profile) as (server, _, one):
        assert (await Subscriber(server, one.spec, command).begin()).status == status


async def test_faults_of_subscriptions() -> None:
    async with device("standard-2022", "subscribe-refused=403") as (server, _, one):
        assert (await Subscriber(server, one.spec, "Catalog").begin()).status == 403
    async with device("standard-2022", "no-notify") as (server, made, one):
        listener = Subscriber(server, one.spec, "Catalog")
        await listener.begin()
        made.happenings.change(one, one.spec.channels[0].channel_id)
        await server.query(one.spec.device_id, "DeviceInfo")
        await server.until(lambda: sent(server, "DeviceInfo"))
        assert listener.notified == []


async def test_a_cheap_camera_sends_a_stray_catalog() -> None:
    async with device("cheap-2011") as (server, made, one):
        made.happenings.change(one, one.spec.channels[0].channel_id)
        await server.until(lambda: sent(server, "Catalog"))
        tree = sent(server, "Catalog")[0]
        assert (tree.tag, text(tree, "sumnum")) == ("response", "1")
        assert text(tree, "devicelist/item/status") == "OFF"


async def test_happenings_come_by_the_clock() -> None:
    often = Happenings(alarms=3000, changes=3000)
    async with device(happenings=often) as (server, _, one):
        listener = Subscriber(server, one.spec, "Catalog")
        await listener.begin()
        await listener.told(3)
        await server.until(lambda: sent(server, "Alarm"))


# --- deeds ------------------------------------------------------------------------------------


async def test_a_restart_is_silent_and_ends_with_a_new_registration() -> None:
    happenings = Happenings(boot_s=0.3)
    async with device("standard-2016", happenings=happenings) as (server, made, one):
        listener = Subscriber(server, one.spec, "Catalog")
        await listener.begin()
        with Receiver() as receiver:
            leg = server.invite(one.spec, offer_to(receiver.port))
            await leg.accepted()
            await receiver.packets(5)
            before = len(server.registrations)
            await control(server, one, Node("TeleBoot", "Boot"))
            await server.until(lambda: len(server.registrations) == before + 1)
            assert server.registrations[-1] == (one.spec.device_id, "60")
        assert server.byes == []
        assert "terminated" not in "".join(listener.states)
        assert made.summary().calls == 0
        assert len(made.subscriptions) == 0


async def test_an_upgrade_fetches_the_file_restarts_and_tells_the_result() -> None:
    fetched: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    web = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = web.sockets[0].getsockname()[1]
    session = "u" * 32
    async with web, device(happenings=Happenings(boot_s=0.2)) as (server, _, one):
        for path, result in (("firmware.bin", "OK"), ("", "ERROR")):
            url = f"http://127.0.0.1:{port}/{path}" if path else "http://127.0.0.1:1/none"
            before = len(server.registrations)
            inner = (
                Node("Firmware", "V2.0.0"),
                Node("FileURL", url),
                Node("Manufacturer", "x"),
                Node("SessionID", session),
            )
            await control(server, one, Node("DeviceUpgrade", inner))
            await server.until(lambda before=before: len(server.registrations) > before)  # type: ignore[misc]
            count = 1 if path else 2
            await server.until(
                lambda count=count: len(sent(server, "DeviceUpgradeResult")) == count  # type: ignore[misc]
            )
            told = sent(server, "DeviceUpgradeResult")[-1]
            assert text(told, "SessionID") == session
            assert text(told, "UpgradeResult") == result
        assert text(told, "UpgradeFailedReason") == "01"
        assert fetched[0].startswith(b"GET /firmware.bin HTTP/1.1\r\n")


@pytest.mark.parametrize("profile", ["standard-2022", "uniview"])
async def test_pictures_are_brought_and_told(profile: str) -> None:
    brought: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
        brought.append((head, await reader.readexactly(size)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = web.sockets[0].getsockname()[1]
    async with web, device(profile) as (server, _, one):
        inner = (
            Node("SnapNum", 2),
            Node("Interval", 1),
            Node("UploadURL", f"http://127.0.0.1:{port}/up?x=1"),
            Node("SessionID", "s" * 32),
        )
        channel = one.spec.channels[0].channel_id
        order = encode("Control", "DeviceConfig", "9", channel, [Node("SnapShotConfig", inner)])
        await message(server, one, order)
        async with asyncio.timeout(30):
            while not sent(server, "UploadSnapShotFinished"):
                await asyncio.sleep(0.02)
        told = sent(server, "UploadSnapShotFinished")[0]
        files = [one.text or "" for one in told.iter("SnapShotFileID")]
        assert len(files) == len(brought) == 2
        assert text(told, "SessionID") == "s" * 32
        assert all(re.fullmatch(rf"{channel}02\d{{17}}0[12]", name) for name in files)
        for head, body in brought:
            assert head.startswith(b"POST /up?x=1 HTTP/1.1\r\n")
            picture = _part(head, body) if profile == "uniview" else body
            with av.open(io.BytesIO(picture)) as container:
                frame = next(container.decode(video=0))
            assert frame.width >= 1280
        assert [text(tree, "Result") for tree in sent(server, "DeviceConfig")] == ["OK"]


def _part(head: bytes, body: bytes) -> bytes:
    """The file of a multipart body."""
    kind = re.search(rb"Content-Type: ([^\r]+)", head)
    assert kind is not None
    whole = b"Content-Type: " + kind[1] + b"\r\n\r\n" + body
    parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(whole)
    (part,) = parsed.iter_parts()
    assert (part.get_filename() or "").endswith(".jpg")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


async def test_a_key_frame_comes_when_asked_for() -> None:
    async with device() as (server, _, one):
        with Receiver() as receiver:
            leg = server.invite(one.spec, offer_to(receiver.port))
            await leg.accepted()
            first = await receiver.packets(40)
            assert sum(b"\x00\x00\x01\xbb" in packet[:80] for packet in first) == 1
            await control(server, one, Node("IFrameCmd", "Send"))
            receiver.drain()
            after = await receiver.packets(30)
            assert sum(b"\x00\x00\x01\xbb" in packet[:80] for packet in after) >= 1


async def test_a_heartbeat_interval_that_was_set_is_kept() -> None:
    slow = Times(expires_s=60, keepalive_s=30, retry_s=0.2)
    async with device("standard-2016", times=slow) as (server, _, one):
        block = Node("BasicParam", (Node("HeartBeatInterval", 1),))
        order = encode("Control", "DeviceConfig", "9", one.spec.device_id, [block])
        await message(server, one, order)
        await server.until(lambda: len(sent(server, "Keepalive")) >= 2)


async def test_uniview_registers_again_instead_of_answering() -> None:
    async with device("uniview") as (server, _, one):
        block = Node("BasicParam", (Node("Name", "新名"),))
        order = encode("Control", "DeviceConfig", "9", one.spec.device_id, [block])
        await message(server, one, order)
        await server.until(lambda: len(server.registrations) == 2)
        assert sent(server, "DeviceConfig") == []


# --- what is on the wire ----------------------------------------------------------------------


async def test_headers_of_families() -> None:
    async with device("dahua") as (server, _, one):
        sender = server.requests[-1].request.from_.uri
        assert (sender.host, sender.port) == one.line.address
    async with device("hikvision") as (server, _, _one):
        assert server.requests[-1].request.from_.uri.host == SERVER_ID[:10]
    for profile, version in (("cheap-2011", None), ("standard-2022", "3.0"), ("dahua", "2.0")):
        async with device(profile) as (server, _, _one):
            assert server.requests[-1].request.headers.get("X-GB-Ver") == version


async def test_a_cheap_camera_says_its_bodies_are_empty() -> None:
    raw: list[bytes] = []

    class Tap:
        def incoming(self, message: object, data: bytes | None, flow: object) -> None:
            raw.append(data or b"")

        def outgoing(self, data: bytes, flow: object) -> None:
            return

    async with device("cheap-2011") as (server, _, one):
        server.endpoint.tap = Tap()
        await server.query(one.spec.device_id, "DeviceInfo")
        await server.until(lambda: sent(server, "DeviceInfo"))
        assert any(b"Content-Length: 0\r\n" in data and b"<deviceid>" in data for data in raw)


async def test_the_clock_is_set_by_the_date_of_the_registration() -> None:
    for fault, expected in ((), "2031-05-06T07:08"), (("no-date-sync=3600",), ""):
        specs = camera()
        async with platform() as server:
            server.date = "2031-05-06T07:08:09.123"
            async with fleet(server, specs, *fault):
                await server.query(specs[0].device_id, "DeviceStatus")
                await server.until(lambda: sent(server, "DeviceStatus"))
                told = text(sent(server, "DeviceStatus")[0], "DeviceTime")
                if expected:
                    assert told.startswith(expected)
                else:
                    late = datetime.now(BEIJING) - datetime.fromisoformat(told + "+08:00")
                    assert 3590 < late.total_seconds() < 3610


async def test_faults_on_the_wire() -> None:
    async with device("standard-2016", "non-sip-traffic=0.1") as (server, _, _one):
        await server.until(lambda: len(server.malformed) >= 2)
    async with device("standard-2016", "no-version") as (server, _, _one):
        assert server.requests[-1].request.headers.get("X-GB-Ver") is None
    beating = Times(expires_s=60, keepalive_s=0.1, keepalive_jitter=0, retry_s=0.2)
    async with device("standard-2016", "no-reregister", times=beating) as (server, _, _one):
        server.keepalive_status = 403
        await server.until(lambda: len(sent(server, "Keepalive")) >= 4)
        assert len(server.registrations) == 1
    async with platform() as server:
        async with fleet(server, camera(), "no-unregister"):
            assert len(server.registrations) == 1
        assert [expires for _, expires in server.registrations] == ["60"]


async def test_a_mixture_takes_turns() -> None:
    specs = make_plan(PlanOptions(7))
    async with platform() as server, fleet(server, specs, profiles=profiles(MIXED)) as made:
        names = [made.device(spec.device_id).profile.name for spec in specs]
        assert len(set(names)) == 6
        assert names[0] == names[6]
