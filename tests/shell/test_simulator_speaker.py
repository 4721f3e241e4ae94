"""Loudspeakers of simulated devices: Broadcast, their INVITE, what they hear, BYE."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from gb28181.manscdp import write
from gb28181.manscdp.commands.broadcast import BroadcastNotify, BroadcastResponse
from gb28181.simulator.plan import DeviceSpec
from sip.dialog import Dialog
from sip.options import ServerTransaction
from sip.sdp import SessionDescription
from tests.shell.simulator_bench import SERVER_ID, Platform, camera, fleet, platform

BOTH_LOOPS = True


class Callee:
    """The platform's side of the call."""

    def __init__(self, server: Platform, status: int = 200) -> None:
        self.invites: list[ServerTransaction] = []
        self._server = server
        self._status = status
        self._before = server.answer
        server.answer = self._answer

    def _answer(self, tx: ServerTransaction) -> None:
        if tx.request.method != "INVITE":
            self._before(tx)
            return
        self.invites.append(tx)
        host, port = self._server.address
        contact = f"<sip:{SERVER_ID}@{host}:{port}>"
        body = b"v=0\r\ns=Play\r\nm=audio 9 RTP/AVP 8\r\ny=0100000001\r\n"
        tx.respond(self._status, headers=[("Contact", contact)], body=body)

    def offer(self) -> SessionDescription:
        return SessionDescription.parse(self.invites[0].request.body)

    async def bye(self) -> int:
        tx = self.invites[0]
        dialog = Dialog.of_server(tx.request, tx.to_tag, "")
        answer = await self._server.endpoint.request(dialog.request("BYE"), tx.flow)
        return answer.status


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def notify(server: Platform, spec: DeviceSpec, target: str) -> None:
    request = server.request("MESSAGE", spec.device_id)
    request.headers.add("Content-Type", "Application/MANSCDP+xml")
    request.body = write(BroadcastNotify("7", target, SERVER_ID))
    answer = await server.endpoint.request(request, server.flows[spec.device_id])
    assert answer.status == 200


def results(server: Platform, spec: DeviceSpec) -> list[bool]:
    return [one.ok for one in server.messages(spec.device_id, BroadcastResponse)]


async def test_it_calls_hears_and_is_over_with_bye() -> None:
    devices = camera()
    async with platform() as server, fleet(server, devices) as made:
        callee = Callee(server)
        await notify(server, devices[0], devices[0].channels[0].channel_id)
        await until(lambda: callee.invites)
        assert results(server, devices[0]) == [True]
        request = callee.invites[0].request
        target = devices[0].channels[0].channel_id
        assert request.from_user == target
        assert (request.headers.get("Subject") or "").endswith(f",{target}:0")
        (audio,) = callee.offer().media
        assert (audio.kind, audio.payloads, audio.direction) == ("audio", [8], "recvonly")
        host = callee.offer().address_of(audio) or ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
            for _ in range(10):
                speaker.sendto(bytes(172), (host, audio.port))
            await until(lambda: made.speakers.heard == 10)
        assert await callee.bye() == 200
        await until(lambda: len(made.speakers) == 0)
        assert made.speakers.heard == 10
        assert await callee.bye() == 481


async def test_a_target_that_is_not_its_own_is_refused() -> None:
    devices = camera()
    async with platform() as server, fleet(server, devices) as made:
        callee = Callee(server)
        await notify(server, devices[0], "6" * 20)
        await until(lambda: results(server, devices[0]))
        assert results(server, devices[0]) == [False]
        assert callee.invites == []
        assert len(made.speakers) == 0


async def test_a_refused_call_is_forgotten() -> None:
    devices = camera()
    async with platform() as server, fleet(server, devices) as made:
        callee = Callee(server, status=403)
        await notify(server, devices[0], devices[0].device_id)
        await until(lambda: callee.invites)
        await until(lambda: len(made.speakers) == 0)


@pytest.mark.parametrize("again", [False, True])
async def test_the_end_of_the_fleet_and_a_second_call_say_bye(again: bool) -> None:
    devices = camera()
    async with platform() as server:
        callee = Callee(server)
        async with fleet(server, devices):
            await notify(server, devices[0], devices[0].device_id)
            await until(lambda: callee.invites)
            if again:
                await notify(server, devices[0], devices[0].device_id)
                await until(lambda: len(callee.invites) == 2)
                await until(lambda: len(server.byes) == 1)
        await until(lambda: len(server.byes) == 1 + again)
