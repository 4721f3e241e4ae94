"""Faults a laboratory would find, one by one: each breaks what it names, on real sockets."""

from __future__ import annotations

import asyncio
import itertools
from xml.etree.ElementTree import Element

import pytest

from gb28181.manscdp.codec import Node, encode
from gb28181.simulator import http
from gb28181.simulator.bodies import Alarm
from gb28181.simulator.machine import Times
from gb28181.simulator.options import Happenings
from tests.shell.simulator_bench import (
    Platform,
    Receiver,
    answer_of,
    camera,
    fleet,
    offer_to,
    platform,
    profiles,
)
from tests.support.simulated import element, text

BOTH_LOOPS = True


def sent(server: Platform, command: str) -> list[Element]:
    return [
        element(tx.request.body)
        for tx in server.requests
        if tx.request.method == "MESSAGE" and f">{command}<".encode() in tx.request.body
    ]


async def test_registers_for_too_short_a_time() -> None:
    async with platform() as server, fleet(server, camera(), "short-expires=120"):
        assert [expires for _, expires in server.registrations] == ["120"]


async def test_lets_its_registration_run_out() -> None:
    times = Times(expires_s=1, keepalive_s=0, retry_s=0.2)
    async with platform() as server, fleet(server, camera(), "no-refresh", times=times):
        begun = asyncio.get_running_loop().time()
        await server.until(lambda: len(server.registrations) == 2)
        assert asyncio.get_running_loop().time() - begun > 1.0


async def test_tries_again_too_soon() -> None:
    times = Times(expires_s=60, keepalive_s=0, retry_s=60)
    async with (
        platform() as server,
        fleet(server, camera(), "wrong-password", "retry-too-soon=0.1", times=times, online=False),
    ):
        await server.until(lambda: len(server.requests) >= 6)
        assert server.registrations == []


async def test_beats_at_another_interval_and_without_a_status() -> None:
    times = Times(expires_s=60, keepalive_s=0.2, keepalive_jitter=0, retry_s=0.2)
    faults = ("keepalive-wrong-interval=3", "keepalive-no-status")
    async with platform() as server, fleet(server, camera(), *faults, times=times):
        moments: list[float] = []
        usual = server.answer

        def note(tx: object) -> None:
            if b"Keepalive" in tx.request.body:  # type: ignore[attr-defined]
                moments.append(asyncio.get_running_loop().time())
            usual(tx)  # type: ignore[arg-type]

        server.answer = note
        await server.until(lambda: len(moments) >= 3)
        pauses = [two - one for one, two in itertools.pairwise(moments)]
        assert all(pause > 0.5 for pause in pauses), "0.6 s instead of 0.2 s"
        assert sent(server, "Keepalive")[0].find("Status") is None


async def test_answers_with_another_ssrc_and_sends_with_it() -> None:
    specs = camera()
    async with platform() as server, fleet(server, specs, "ssrc-not-repeated"):
        with Receiver() as receiver:
            leg = server.invite(specs[0], offer_to(receiver.port))
            told = answer_of(await leg.accepted()).ssrc
            packets = await receiver.packets(5)
            assert told != 100000001
            assert {int.from_bytes(packet[8:12], "big") for packet in packets} == {told}


async def test_an_alarm_without_a_time() -> None:
    specs = camera()
    async with platform() as server, fleet(server, specs, "alarm-without-time") as made:
        made.happenings.alarm(
            made.device(specs[0].device_id), Alarm(specs[0].channels[0].channel_id)
        )
        await server.until(lambda: sent(server, "Alarm"))
        (alarm,) = sent(server, "Alarm")
        assert alarm.find("AlarmTime") is None
        assert text(alarm, "AlarmMethod") == "5"


async def test_promises_that_are_not_kept() -> None:
    specs = camera()
    channel = specs[0].channels[0].channel_id
    happenings = Happenings(boot_s=0.1)
    async with (
        platform() as server,
        fleet(
            server,
            specs,
            "snapshot-not-sent",
            "no-upgrade-result",
            profiles=profiles("standard-2022"),
            happenings=happenings,
        ),
    ):
        flow = server.flows[specs[0].device_id]
        upgrade = (
            Node("Firmware", "V2"),
            Node("FileURL", "http://127.0.0.1:1/x"),
            Node("Manufacturer", "x"),
            Node("SessionID", "u" * 32),
        )
        snapshot = (
            Node("SnapNum", 1),
            Node("Interval", 1),
            Node("UploadURL", "http://127.0.0.1:1/x"),
            Node("SessionID", "s" * 32),
        )
        for command, node in (
            ("DeviceConfig", Node("SnapShotConfig", snapshot)),
            ("DeviceControl", Node("DeviceUpgrade", upgrade)),
        ):
            request = server.request("MESSAGE", specs[0].device_id)
            request.headers.add("Content-Type", "Application/MANSCDP+xml")
            request.body = encode("Control", command, "9", channel, [node])
            assert (await server.endpoint.request(request, flow)).status == 200
            await server.until(lambda command=command: sent(server, command))  # type: ignore[misc]
            assert text(sent(server, command)[0], "Result") == "OK"
        await server.until(lambda: len(server.registrations) == 2)
        await asyncio.sleep(1.3)
        assert sent(server, "DeviceUpgradeResult") == []
        assert sent(server, "UploadSnapShotFinished") == []


# --- the HTTP of a camera ---------------------------------------------------------------------


async def answering(data: bytes) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno end",
        b"\x00\xff" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000,
    ],
    ids=["nothing", "404", "cut", "rubbish", "endless"],
)
async def test_whatever_a_server_says_a_camera_only_fails(data: bytes) -> None:
    server = await answering(data)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(http.HttpFailed):
            await http.fetch(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/x", "http://", "http://127.0.0.1:99999/", "http://127.0.0.1:1/"]
)
async def test_addresses_that_lead_nowhere(url: str) -> None:
    with pytest.raises(http.HttpFailed):
        await http.bring(url, b"x", "image/jpeg")


async def test_a_file_is_counted() -> None:
    server = await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await http.fetch(f"http://127.0.0.1:{port}/x") == 5
