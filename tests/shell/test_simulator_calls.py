"""Calls of simulated devices on real sockets: three ways of media, ends, and faults."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import av
import pytest

from gb28181.simulator.clip import Format
from gb28181.simulator.fleet import Fleet
from gb28181.simulator.plan import DeviceSpec
from media.rtp.packet import HEADER, TcpSplitter, payload_of
from tests.e2e import block_code
from tests.shell.simulator_bench import (
    Leg,
    Platform,
    Receiver,
    answer_of,
    camera,
    fleet,
    offer_to,
    platform,
    recorder,
)

BOTH_LOOPS = True
SSRC = 100000001
PACKETS = 60
"""Some seconds of pictures: a packet each 1400 bytes."""


@asynccontextmanager
async def scene(
    *faults: str, specs: list[DeviceSpec] | None = None, **how: object
) -> AsyncIterator[tuple[Platform, Fleet, DeviceSpec, Receiver]]:
    """A platform, a registered device and a port for media."""
    devices = specs or camera()
    with Receiver() as receiver:
        async with platform() as server, fleet(server, devices, *faults, **how) as made:  # type: ignore[arg-type]
            yield server, made, devices[0], receiver


def ssrcs(packets: list[bytes]) -> set[int]:
    return {HEADER.unpack_from(packet)[4] for packet in packets}


def codes_of(packets: list[bytes]) -> list[block_code.Code | None]:
    """Codes of the pictures in these packets; the last is cut off."""
    ps = b"".join(payload_of(packet) or b"" for packet in packets)
    with av.open(io.BytesIO(ps), format="mpeg") as container:
        frames = list(container.decode(video=0))
    return [block_code.decode(bytes(f.planes[0]), f.planes[0].line_size) for f in frames][:-1]


async def until_ended(made: Fleet) -> None:
    async with asyncio.timeout(5):
        while made.summary().calls:
            await asyncio.sleep(0.01)


# --- the three ways --------------------------------------------------------------------------


async def test_udp_media_comes_after_the_ack_with_the_ssrc_asked_for_and_ends_with_bye() -> None:
    async with scene() as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        response = await leg.final()
        assert response.contact is not None
        assert response.contact.uri.user == spec.channels[0].channel_id
        assert answer_of(response).ssrc == SSRC
        assert receiver.is_silent()
        leg.ack()
        packets = await receiver.packets(PACKETS)
        assert ssrcs(packets) == {SSRC}
        found = codes_of(packets)
        first = found[0]
        assert first is not None
        assert first.camera == int(spec.channels[0].channel_id[-6:])
        assert [code and code.frame for code in found] == [
            first.frame + number for number in range(len(found))
        ]
        assert (await leg.bye()).status == 200
        await until_ended(made)
        receiver.drain()
        await asyncio.sleep(0.1)
        assert receiver.is_silent()
        assert (await leg.bye()).status == 481


async def test_two_channels_of_a_recorder_show_their_own_numbers() -> None:
    async with scene(specs=recorder()) as (server, _, spec, receiver):
        with Receiver() as second:
            seen = set()
            for channel, where in ((1, receiver), (4, second)):
                leg = server.invite(spec, offer_to(where.port), channel=channel)
                await leg.accepted()
                code = codes_of(await where.packets(PACKETS))[0]
                seen.add(code and code.camera)
            assert seen == {int(spec.channels[at].channel_id[-6:]) for at in (1, 4)}


async def test_tcp_the_device_connects() -> None:
    got: list[bytes] = []
    splitter, enough = TcpSplitter(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(got) < PACKETS:
            got.extend(splitter.feed(await reader.read(65536)))
        enough.set()
        writer.close()

    media = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = media.sockets[0].getsockname()[1]
    async with media, scene() as (server, made, spec, _):
        leg = server.invite(spec, offer_to(port, "tcp-passive"))
        answer_of(await leg.accepted(), "tcp-passive")
        await asyncio.wait_for(enough.wait(), 5)
        assert ssrcs(got) == {SSRC}
        assert codes_of(got)[0] is not None
        await until_ended(made)
        assert len(server.byes) == 1, "a lost connection ends the call"


async def test_tcp_the_platform_connects() -> None:
    async with scene() as (server, made, spec, _):
        leg = server.invite(spec, offer_to(9, "tcp-active"))
        response = await leg.accepted()
        answer = answer_of(response, "tcp-active")
        reader, writer = await asyncio.open_connection(answer.host, answer.port)
        got: list[bytes] = []
        splitter = TcpSplitter()
        async with asyncio.timeout(5):
            while len(got) < PACKETS:
                got.extend(splitter.feed(await reader.read(65536)))
        assert ssrcs(got) == {SSRC}
        assert codes_of(got)[0] is not None
        await leg.bye()
        await until_ended(made)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                while await reader.read(65536):
                    continue  # what was under way; then the end
        writer.close()


async def test_a_media_port_nobody_listens_on_ends_the_call_after_three_tries() -> None:
    with Receiver() as reserved:
        async with scene() as (server, made, spec, _):
            leg = server.invite(spec, offer_to(reserved.port, "tcp-passive"))
            await leg.accepted()
            await server.until(lambda: server.byes)
            assert made.desk.totals.reasons == {"media connection refused": 1}


# --- ends ------------------------------------------------------------------------------------


async def test_more_calls_than_allowed_are_busy() -> None:
    async with scene(calls_per_channel=2) as (server, _, spec, receiver):
        for _ in range(2):
            await server.invite(spec, offer_to(receiver.port)).accepted()
        assert (await server.invite(spec, offer_to(receiver.port)).final()).status == 486


async def test_the_same_subject_again_drops_the_old_call() -> None:
    async with scene() as (server, made, spec, receiver):
        subject = f"{spec.channels[0].channel_id}:0100000001,{'6' * 20}:0"
        first = server.invite(spec, offer_to(receiver.port), subject=subject)
        await first.accepted()
        await server.invite(
            spec, offer_to(receiver.port, ssrc=SSRC + 1), subject=subject
        ).accepted()
        await server.until(lambda: server.byes)
        assert server.byes[0].call_id == first.client.request.call_id
        assert made.summary().calls == 1


async def test_unknown_channels_and_bad_offers() -> None:
    async with scene() as (server, _, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port).replace(b"s=Play", b"s=Download"))
        assert (await leg.final()).status == 488
        stranger = server.request("INVITE", "64010600001310999999")
        stranger.headers.add("Contact", "<sip:x@127.0.0.1>")
        answer = await Leg(server.endpoint, stranger, server.flows[spec.device_id]).final()
        assert answer.status == 404


async def test_an_invite_in_the_dialog_gets_the_same_answer() -> None:
    async with scene() as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        response = await leg.accepted()
        assert leg.dialog is not None
        again = leg.dialog.request("INVITE", body=offer_to(receiver.port))
        second = await Leg(server.endpoint, again, server.flows[spec.device_id]).final()
        assert (second.status, second.body) == (200, response.body)
        assert made.summary().calls == 1


async def test_an_answer_without_ack_ends_with_bye() -> None:
    async with scene() as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        assert (await leg.final()).status == 200
        call = made.desk.of_channels([spec.channels[0].channel_id])[0]
        assert call.tx.on_unacknowledged is not None
        call.tx.on_unacknowledged()  # timer H takes 32 s; that it fires is the SIP stack's test
        await server.until(lambda: server.byes)
        assert receiver.is_silent()


async def test_the_end_of_the_simulation_says_bye() -> None:
    async with scene() as (server, made, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        await receiver.packets(3)
        await made.aclose()
        assert len(server.byes) == 1


# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "status"), [("busy", 486), ("refuse", 403), ("refuse=500", 500)])
async def test_refusals(fault: str, status: int) -> None:
    async with scene(fault) as (server, _, spec, receiver):
        assert (await server.invite(spec, offer_to(receiver.port)).final()).status == status


async def test_late_answer_after_a_100_and_cancelled_in_time() -> None:
    async with scene("late-answer=0.3") as (server, made, spec, receiver):
        start = asyncio.get_running_loop().time()
        leg = server.invite(spec, offer_to(receiver.port))
        assert (await leg.next()).status == 100
        assert (await leg.final()).status == 200
        assert asyncio.get_running_loop().time() - start >= 0.3
        leg.ack()
        await leg.bye()
    async with scene("late-answer=60") as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        assert (await leg.next()).status == 100
        leg.client.cancel()
        assert (await leg.final()).status == 487
        assert made.summary().calls == 0


async def test_no_answer_is_not_even_100() -> None:
    async with scene("no-answer") as (server, _, spec, receiver):
        assert await server.invite(spec, offer_to(receiver.port)).next() == "timeout"


async def test_no_media() -> None:
    async with scene("no-media") as (server, made, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        await asyncio.sleep(0.2)
        assert receiver.is_silent()
        assert made.summary().calls == 1


async def test_media_stops_and_the_call_does_not() -> None:
    async with scene("media-stops=0.2") as (server, made, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        await receiver.packets(3)
        async with asyncio.timeout(5):
            while made.summary().sending:
                await asyncio.sleep(0.01)
        receiver.drain()
        await asyncio.sleep(0.1)
        assert receiver.is_silent()
        assert (made.summary().calls, server.byes) == (1, [])


async def test_wrong_ssrc() -> None:
    async with scene("wrong-ssrc") as (server, _, spec, receiver):
        response = await server.invite(spec, offer_to(receiver.port)).accepted()
        assert answer_of(response).ssrc == SSRC
        assert SSRC not in ssrcs(await receiver.packets(3))


async def test_early_bye() -> None:
    async with scene("early-bye=0.1") as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        await leg.accepted()
        await server.until(lambda: server.byes)
        assert server.byes[0].call_id == leg.client.request.call_id
        await until_ended(made)


async def test_no_bye_goes_on_sending_and_answers_nothing() -> None:
    async with scene("no-bye=30") as (server, made, spec, receiver):
        leg = server.invite(spec, offer_to(receiver.port))
        await leg.accepted()
        with pytest.raises(Exception, match="no answer"):
            await leg.bye()
        receiver.drain()
        assert await receiver.packets(3)
        await made.aclose()
        assert server.byes == []


async def test_lost_packets_are_lost_by_the_seed() -> None:
    async with scene("loss=0.2") as (server, _, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        numbers = [HEADER.unpack_from(packet)[2] for packet in await receiver.packets(100)]
        missing = (numbers[-1] - numbers[0]) % 65536 + 1 - len(numbers)
        assert 8 <= missing <= 60


async def test_a_dead_device_stops_sending_without_a_word() -> None:
    async with scene("silent-death=0.3") as (server, made, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        await receiver.packets(3)
        await until_ended(made)
        receiver.drain()
        await asyncio.sleep(0.1)
        assert receiver.is_silent()
        assert server.byes == []
        assert await server.invite(spec, offer_to(receiver.port)).next() == "timeout"


async def test_pictures_that_cannot_be_made_end_the_call() -> None:
    def broken(format: Format) -> Iterator[bytes]:
        raise OSError("no encoder")
        yield b""

    async with scene(pictures=broken) as (server, made, spec, receiver):
        await server.invite(spec, offer_to(receiver.port)).accepted()
        await server.until(lambda: server.byes)
        assert list(made.desk.totals.reasons) == ["no pictures: no encoder"]
