"""Voices on every media node: one microphone, many loudspeakers, over UDP and both ways of TCP.

Only the Protocol is used. The loudspeakers are plain sockets; what they got is read by hand.
"""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise

import pytest

from media.errors import LocalError, MediaConnectFailed, PortsExhausted
from media.node import (
    ReceiveMode,
    SenderClosed,
    SenderConnected,
    SenderInfo,
    SenderSpec,
    SenderUnknown,
    VoiceBusy,
    VoiceEnded,
    VoiceUnknown,
)

from .media_bench import MODES, Bench, MakeBench
from .media_cameras import HOST
from .media_speakers import Loudspeaker

VOICE = "announcement"
SSRC = 100_000_042
SPEECH = b"".join(bytes((n,)) * 160 for n in range(1, 101))


async def speaker(
    bench: Bench, mode: ReceiveMode, *, ssrc: int = SSRC, aim: bool = True
) -> tuple[SenderInfo, Loudspeaker]:
    """A loudspeaker and the sender for it."""
    heard: list[bytes] = []
    spec = SenderSpec(VOICE, mode, ssrc, networks=(f"{HOST}/32",))
    info = await bench.node.open_sender(spec, heard.append)
    found = Loudspeaker(heard)
    bench.after(found.aclose)
    if mode == "udp":
        await found.bind()
    elif mode == "tcp-active":
        await found.listen()
    else:
        await found.dial(info.port)
    if aim and mode != "tcp-passive":
        await bench.node.aim_sender(info.sender_id, HOST, found.port)
    return info, found


@pytest.mark.parametrize("mode", MODES)
async def test_a_programme_reaches_a_loudspeaker(bench: Bench, mode: ReceiveMode) -> None:
    await bench.node.open_voice(VOICE)
    info, loudspeaker = await speaker(bench, mode)
    if mode != "udp":
        assert (await bench.events.wait(SenderConnected)).sender_id == info.sender_id
    await bench.node.play_voice(VOICE, SPEECH)
    await bench.events.wait(VoiceEnded)
    await loudspeaker.until(lambda: loudspeaker.samples.endswith(SPEECH[-160:]))
    start = loudspeaker.samples.index(SPEECH[:160])
    assert loudspeaker.samples[start : start + len(SPEECH)] == SPEECH
    heads = [struct.unpack(">BBHII", p[:12]) for p in loudspeaker.packets]
    assert {(h[0], h[1] & 0x7F, h[4]) for h in heads} == {(0x80, 8, SSRC)}
    assert [h[1] >> 7 for h in heads] == [1] + [0] * (len(heads) - 1)
    assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in pairwise(heads))
    assert all((b[3] - a[3]) & 0xFFFFFFFF == 160 for a, b in pairwise(heads))
    heard = len(loudspeaker.packets)
    await bench.node.refresh()
    statistics = bench.node.sender_statistics(info.sender_id)
    assert statistics is not None
    assert statistics.packets >= heard
    assert statistics.remote is not None
    assert statistics.remote[0] == HOST
    await bench.node.close_voice(VOICE)
    assert bench.node.senders() == []
    assert bench.node.voices() == []


async def test_a_microphone_reaches_many_and_each_has_its_own_ssrc(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    speakers = [(await speaker(bench, m, ssrc=SSRC + n))[1] for n, m in enumerate(MODES * 2)]

    async def talk() -> None:
        for n in range(0, len(SPEECH), 160):
            bench.node.feed_voice(VOICE, SPEECH[n : n + 160])
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(talk())
    for n, loudspeaker in enumerate(speakers):
        await loudspeaker.until(lambda s=loudspeaker: len(s.spoken()) >= 50)  # type: ignore[misc]
        assert {struct.unpack(">I", p[8:12])[0] for p in loudspeaker.packets} == {SSRC + n}
    await talking


async def test_50_packets_a_second_also_of_silence(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    _, loudspeaker = await speaker(bench, "udp")
    await loudspeaker.until(lambda: len(loudspeaker.packets) >= 101)
    passed = loudspeaker.times[100] - loudspeaker.times[0]
    assert 1.9 <= passed <= 2.6
    assert set(loudspeaker.samples) == {0xD5}


async def test_who_joins_late_joins_what_is_said(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    await bench.node.play_voice(VOICE, SPEECH, loop=True)
    _, early = await speaker(bench, "udp")
    await early.until(lambda: len(early.packets) >= 20)
    _, late = await speaker(bench, "udp", ssrc=SSRC + 1)
    await late.until(lambda: len(late.packets) >= 5)
    assert late.packets[0][12] >= 20
    assert late.packets[0][1] >> 7 == 1


async def test_nothing_leaves_before_the_sender_is_aimed(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    _, first = await speaker(bench, "udp")
    info, second = await speaker(bench, "udp", aim=False)
    await first.until(lambda: len(first.packets) >= 10)
    assert second.packets == []
    await bench.node.aim_sender(info.sender_id, HOST, second.port)
    await second.until(lambda: len(second.packets) >= 3)


async def test_the_same_samples_in_a_program_stream(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    info = await bench.node.open_sender(SenderSpec(VOICE, "udp", SSRC, payload=96))
    loudspeaker = Loudspeaker([])
    bench.after(loudspeaker.aclose)
    await loudspeaker.bind()
    await bench.node.aim_sender(info.sender_id, HOST, loudspeaker.port)
    await loudspeaker.until(lambda: len(loudspeaker.packets) >= 3)
    assert {p[1] & 0x7F for p in loudspeaker.packets} == {96}
    assert all(p[12:16] == b"\x00\x00\x01\xba" for p in loudspeaker.packets)


@pytest.mark.parametrize("mode", MODES)
async def test_the_devices_own_microphone_is_heard(bench: Bench, mode: ReceiveMode) -> None:
    await bench.node.open_voice(VOICE)
    info, loudspeaker = await speaker(bench, mode)
    await loudspeaker.until(lambda: len(loudspeaker.packets) >= 1)
    for n in range(5):
        await loudspeaker.say(struct.pack(">BBHII", 0x80, 8, n, n * 160, 9) + bytes((n,)) * 160)
    await loudspeaker.until_heard(5)
    assert loudspeaker.heard == [bytes((n,)) * 160 for n in range(5)]
    await bench.node.refresh()
    statistics = bench.node.sender_statistics(info.sender_id)
    assert statistics is not None
    assert statistics.heard == 5


async def test_addresses_outside_the_networks_hear_nothing(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    spec = SenderSpec(VOICE, "udp", SSRC, networks=("192.0.2.0/24",))
    info = await bench.node.open_sender(spec)
    with pytest.raises(MediaConnectFailed, match="not allowed"):
        await bench.node.aim_sender(info.sender_id, HOST, 9)
    with pytest.raises(MediaConnectFailed, match="not an IP"):
        await bench.node.aim_sender(info.sender_id, "camera.example", 9)
    with pytest.raises(MediaConnectFailed, match="no port"):
        await bench.node.aim_sender(info.sender_id, "192.0.2.1", 0)
    listening = await bench.node.open_sender(
        SenderSpec(VOICE, "tcp-passive", SSRC, networks=("192.0.2.0/24",))
    )
    stranger = Loudspeaker([])
    bench.after(stranger.aclose)
    await stranger.dial(listening.port)
    await stranger.until(lambda: stranger.closed)
    await bench.node.refresh()
    statistics = bench.node.sender_statistics(listening.sender_id)
    assert statistics is not None
    assert (statistics.foreign, statistics.remote, statistics.packets) == (1, None, 0)


async def test_a_second_connection_gets_nothing(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    info, first = await speaker(bench, "tcp-passive")
    await bench.events.wait(SenderConnected)
    second = Loudspeaker([])
    bench.after(second.aclose)
    try:
        await second.dial(info.port)
        await second.until(lambda: second.closed)
    except ConnectionError:
        pass  # nobody listens any more
    before = len(first.packets)
    await first.until(lambda: len(first.packets) > before + 3)
    assert second.packets == []


@pytest.mark.parametrize("mode", ["tcp-passive", "tcp-active"])
async def test_a_device_that_hangs_up_is_told(bench: Bench, mode: ReceiveMode) -> None:
    await bench.node.open_voice(VOICE)
    info, loudspeaker = await speaker(bench, mode)
    await loudspeaker.until(lambda: len(loudspeaker.packets) >= 2)
    await loudspeaker.aclose()
    closed = await bench.events.wait(SenderClosed)
    assert (closed.voice_id, closed.sender_id) == (VOICE, info.sender_id)
    assert closed.reason
    assert [s.sender_id for s in bench.node.senders()] == [info.sender_id]
    await bench.node.close_sender(info.sender_id)
    assert bench.node.senders() == []
    assert len(bench.events.of(SenderClosed)) == 1


async def test_a_device_that_does_not_read_hears_no_past(bench: Bench) -> None:
    """Its connection fills up; frames are left out, and the framing stays whole."""
    await bench.node.open_voice(VOICE)
    info, loudspeaker = await speaker(bench, "tcp-passive")
    await loudspeaker.until(lambda: len(loudspeaker.packets) >= 2)
    loudspeaker.pause()
    async with asyncio.timeout(20):
        while not (found := bench.node.sender_statistics(info.sender_id)) or not found.dropped:
            await asyncio.sleep(0.05)
    loudspeaker.resume()
    before = len(loudspeaker.packets)
    await loudspeaker.until(lambda: len(loudspeaker.packets) > before + 20)
    assert {(p[0], p[1] & 0x7F, len(p)) for p in loudspeaker.packets} == {(0x80, 8, 172)}


async def test_a_connection_that_cannot_be_made_says_so(bench: Bench) -> None:
    await bench.node.open_voice(VOICE)
    info = await bench.node.open_sender(SenderSpec(VOICE, "tcp-active", SSRC))
    aiming = asyncio.create_task(bench.node.aim_sender(info.sender_id, HOST, 1))
    with pytest.raises(MediaConnectFailed):
        await aiming


async def test_ids_that_do_not_exist(bench: Bench) -> None:
    node = bench.node
    with pytest.raises(VoiceUnknown):
        await node.open_sender(SenderSpec("nobody", "udp", 1))
    with pytest.raises(VoiceUnknown):
        await node.play_voice("nobody", b"\xd5")
    with pytest.raises(SenderUnknown):
        await node.aim_sender("nobody", HOST, 9)
    await node.open_voice(VOICE)
    with pytest.raises(VoiceBusy):
        await node.open_voice(VOICE)
    with pytest.raises(LocalError):
        await node.open_sender(SenderSpec(VOICE, "udp", 1, networks=("nonsense",)))
    node.feed_voice("nobody", b"\xd5")
    await node.close_sender("nobody")
    await node.close_voice("nobody")
    assert node.sender_statistics("nobody") is None
    assert node.voice_statistics("nobody") is None


async def test_every_port_comes_back(make_bench: MakeBench) -> None:
    bench = await make_bench(first_port=31990, last_port=31993)
    for mode in (*MODES, *MODES, *MODES):
        await bench.node.open_voice(VOICE)
        first = await bench.node.open_sender(SenderSpec(VOICE, mode, SSRC))
        await bench.node.open_sender(SenderSpec(VOICE, mode, SSRC))
        await bench.node.close_sender(first.sender_id, rest_s=0)
        for info in bench.node.senders():
            await bench.node.close_sender(info.sender_id, rest_s=0)
        await bench.node.close_voice(VOICE)


async def test_no_port_is_left(make_bench: MakeBench) -> None:
    bench = await make_bench(first_port=31980, last_port=31980)
    await bench.node.open_voice(VOICE)
    await bench.node.open_sender(SenderSpec(VOICE, "udp", SSRC))
    with pytest.raises(PortsExhausted):
        await bench.node.open_sender(SenderSpec(VOICE, "udp", SSRC))
