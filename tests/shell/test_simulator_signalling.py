"""Simulated devices on real sockets: registration, heartbeat, what they are asked."""

from __future__ import annotations

import asyncio

import pytest

from gb28181.manscdp import CatalogResponse, DeviceInfoResponse, Keepalive
from gb28181.simulator.machine import Times
from gb28181.simulator.plan import PlanOptions, make_plan
from tests.shell.simulator_bench import QUICK_TIMES, camera, fleet, platform, recorder

BOTH_LOOPS = True
BEATING = Times(expires_s=60, keepalive_s=0.05, keepalive_jitter=0, retry_s=0.2)


async def test_devices_register_with_digest_and_take_it_back_at_the_end() -> None:
    specs = make_plan(PlanOptions(30))
    async with platform() as server:
        async with fleet(server, specs) as made:
            assert set(server.flows) == {spec.device_id for spec in specs}
            assert len({flow.remote for flow in server.flows.values()}) == 1
            assert made.summary().online == 30
            assert {request.request.headers.get("X-GB-Ver") for request in server.requests} == {
                "2.0"
            }
        gone = [device for device, expires in server.registrations if expires == "0"]
        assert sorted(gone) == sorted(spec.device_id for spec in specs)


async def test_each_its_own_port_when_asked() -> None:
    async with platform() as server, fleet(server, make_plan(PlanOptions(5)), own_ports=True):
        assert len({flow.remote for flow in server.flows.values()}) == 5


async def test_device_info_and_catalog_page_after_page() -> None:
    specs = recorder(channels=5)
    device_id = specs[0].device_id
    async with platform() as server, fleet(server, specs, page_items=2):
        assert (await server.query(device_id, "DeviceInfo", "31")).status == 200
        await server.until(lambda: server.messages(device_id, DeviceInfoResponse))
        assert server.messages(device_id, DeviceInfoResponse)[0].sn == "31"
        assert (await server.query(device_id, "Catalog", "32")).status == 200
        await server.until(lambda: len(server.messages(device_id, CatalogResponse)) == 3)
        pages = server.messages(device_id, CatalogResponse)
        assert [(page.sn, page.sum_num, len(page.items)) for page in pages] == [
            ("32", 5, 2),
            ("32", 5, 2),
            ("32", 5, 1),
        ]
        found = [item.device_id for page in pages for item in page.items]
        assert found == [channel.channel_id for channel in specs[0].channels]


async def test_a_page_waits_for_the_answer_to_the_one_before() -> None:
    specs = recorder(channels=3)
    device_id = specs[0].device_id
    async with platform() as server, fleet(server, specs, page_items=1):
        held = []
        usual = server.answer

        def hold(tx: object) -> None:
            if b"<Response>" in tx.request.body:  # type: ignore[attr-defined]
                held.append(tx)
            else:
                usual(tx)  # type: ignore[arg-type]

        server.answer = hold
        await server.query(device_id, "Catalog")
        for number in range(1, 4):
            await server.until(lambda number=number: len(held) == number)  # type: ignore[misc]
            await server.query(device_id, "PTZPosition")  # a whole round trip later ...
            assert len(held) == number, "a page did not wait"
            held[-1].respond(200)


@pytest.mark.parametrize("command", ["PTZPosition", "SDCardStatus", "MakeCoffee"])
async def test_other_questions_get_their_200_and_no_more(command: str) -> None:
    specs = camera()
    async with platform() as server, fleet(server, specs):
        assert (await server.query(specs[0].device_id, command)).status == 200
        assert not server.heard[specs[0].device_id]


async def test_other_methods() -> None:
    specs = camera()
    device_id = specs[0].device_id
    async with platform() as server, fleet(server, specs):
        flow = server.flows[device_id]
        statuses = {}
        for method, user in (
            ("OPTIONS", device_id),
            ("SUBSCRIBE", device_id),
            ("BYE", device_id),
            ("MESSAGE", "64010600001320999999"),
            ("PUBLISH", device_id),
        ):
            answer = await server.endpoint.request(server.request(method, user), flow)
            statuses[method] = answer.status
        assert statuses == {
            "OPTIONS": 200,
            "SUBSCRIBE": 489,
            "BYE": 481,
            "MESSAGE": 404,
            "PUBLISH": 405,
        }


async def test_heartbeats_come_and_a_403_brings_a_new_registration() -> None:
    specs = camera()
    device_id = specs[0].device_id
    async with platform() as server, fleet(server, specs, times=BEATING) as made:
        await server.until(lambda: len(server.messages(device_id, Keepalive)) >= 3)
        assert len(server.registrations) == 1
        server.keepalive_status = 403
        await server.until(lambda: len(server.registrations) == 2)
        server.keepalive_status = 200
        count = len(server.messages(device_id, Keepalive))
        await server.until(lambda: len(server.messages(device_id, Keepalive)) > count + 2)
        assert made.summary().lost >= 1


async def test_the_registration_is_refreshed_before_it_expires() -> None:
    specs = camera()
    times = Times(expires_s=1, keepalive_s=0, retry_s=0.2)
    async with platform() as server, fleet(server, specs, times=times) as made:
        start = asyncio.get_running_loop().time()
        await server.until(lambda: len(server.registrations) == 2)
        assert 0.6 < asyncio.get_running_loop().time() - start < 1.0
        assert made.summary().lost == 0


async def test_a_wrong_password_is_tried_again_and_never_online() -> None:
    async with (
        platform() as server,
        fleet(server, camera(), "wrong-password", online=False) as made,
    ):
        await server.until(lambda: len(server.requests) >= 6)
        assert server.registrations == []
        assert (made.summary().online, made.summary().trouble) == (0, "REGISTER: 403")


async def test_tcp_one_connection_for_all_and_a_new_one_when_it_is_lost() -> None:
    specs = make_plan(PlanOptions(3))
    async with (
        platform() as server,
        fleet(server, specs, transport="tcp", times=QUICK_TIMES) as made,
    ):
        flows = {flow for flow in server.flows.values()}
        assert len(flows) == 1
        old = flows.pop()
        assert old.transport == "tcp"
        server.endpoint.close_flow(old)
        await server.until(lambda: len(server.registrations) == 6)
        assert {flow.connection for flow in server.flows.values()} != {old.connection}
        assert made.summary().lost == 3
        await server.query(specs[0].device_id, "DeviceInfo")
        await server.until(lambda: server.messages(specs[0].device_id, DeviceInfoResponse))


async def test_a_platform_that_comes_late_is_found() -> None:
    specs = camera()
    async with platform() as gone:
        address = gone.address
    async with (
        fleet(gone, specs, transport="tcp", online=False) as made,
        platform(port=address[1]) as server,
    ):
        await server.until(lambda: server.registrations)
        async with asyncio.timeout(5):
            await made.everybody_online.wait()


async def test_silent_death_says_nothing_any_more() -> None:
    specs = camera()
    device_id = specs[0].device_id
    async with (
        platform() as server,
        fleet(server, specs, "silent-death=0.1", times=BEATING) as made,
    ):
        async with asyncio.timeout(5):
            while made.summary().online:
                await asyncio.sleep(0.01)
        flow = server.flows[device_id]
        with pytest.raises(Exception, match="no answer"):
            await server.endpoint.request(server.request("OPTIONS", device_id), flow)
        assert [expires for _, expires in server.registrations] == ["60"]
