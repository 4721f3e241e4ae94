"""The small parts of a talk: its conversation, its SDP, its targets, its microphone, its files."""

from __future__ import annotations

import asyncio
import contextlib
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import CatalogItem
from gb28181.errors import BadInput, NotFound, PlatformError
from gb28181.talk.conversation import (
    Changed,
    Conversation,
    Counts,
    End,
    EndTargets,
    MicrophoneClosed,
    MicrophoneOpened,
    Over,
    Play,
    Played,
    Source,
    TalkState,
    Tick,
)
from gb28181.talk.microphone import AHEAD_S, MOST_CHUNK, MOST_HEARD, Microphone
from gb28181.talk.offer import OfferRefused, Wanted, read_answer, read_wanted, write_answer
from gb28181.talk.offer import write_talk as talk_sdp
from gb28181.talk.reasons import Reason
from gb28181.talk.targets import voice_output
from gb28181.talk.voices import VoiceOptions, Voices
from media.sound import alaw
from sip.sdp import SessionDescription
from tests.support.clock import FakeClock
from tests.unit.media.speaking import power, tone, wav

# --- conversation --------------------------------------------------------------------------------


def talk(source: Source = Source.MICROPHONE) -> Conversation:
    return Conversation(source, 15.0)


def test_a_file_begins_when_every_target_is_settled() -> None:
    conversation = talk(Source.FILE)
    assert conversation.handle(Counts(2, 0, 0), 0.0) == []
    assert conversation.handle(Counts(1, 1, 0), 1.0) == [Changed(TalkState.RUNNING)]
    assert conversation.handle(Counts(0, 1, 1), 2.0) == [Play()]
    assert conversation.handle(Counts(0, 1, 1), 3.0) == []
    assert conversation.handle(Played(), 9.0) == [
        Changed(TalkState.ENDING),
        EndTargets(Reason.FINISHED),
    ]
    assert conversation.handle(Counts(0, 1, 1), 9.1) == []
    assert conversation.handle(Counts(0, 0, 2), 9.2) == [Changed(TalkState.ENDED), Over()]
    assert conversation.reason is Reason.FINISHED


def test_a_settled_talk_waits_for_its_microphone() -> None:
    conversation = talk()
    conversation.handle(Counts(1, 0, 0), 0.0)
    assert conversation.deadline is None
    conversation.handle(Counts(0, 1, 0), 5.0)
    assert conversation.deadline == 20.0
    conversation.handle(MicrophoneOpened(), 6.0)
    assert conversation.deadline is None
    conversation.handle(MicrophoneClosed(), 30.0)
    assert conversation.deadline == 45.0
    assert conversation.handle(Tick(), 44.9) == []
    assert conversation.handle(Tick(), 45.0)[1:] == [EndTargets(Reason.MICROPHONE_GONE)]


def test_a_microphone_that_is_there_first_keeps_the_talk() -> None:
    conversation = talk()
    conversation.handle(MicrophoneOpened(), 0.0)
    conversation.handle(Counts(0, 1, 0), 5.0)
    assert conversation.deadline is None


def test_a_talk_whose_targets_all_failed_is_over() -> None:
    conversation = talk(Source.FILE)
    assert conversation.handle(Counts(0, 0, 3), 1.0) == [Changed(TalkState.ENDED), Over()]
    assert conversation.reason is None
    assert conversation.handle(End(Reason.STOPPED), 2.0) == []


def test_two_ends_are_one() -> None:
    conversation = talk()
    conversation.handle(Counts(0, 1, 0), 1.0)
    assert conversation.handle(End(Reason.STOPPED), 2.0)
    assert conversation.handle(End(Reason.SHUTDOWN), 2.1) == []
    assert conversation.reason is Reason.STOPPED


# --- SDP -----------------------------------------------------------------------------------------


def sdp(*lines: str) -> bytes:
    head = ("v=0", "o=64010400001370000001 0 0 IN IP4 192.0.2.64", "s=Play")
    return "".join(
        f"{line}\r\n" for line in (*head, "c=IN IP4 192.0.2.64", "t=0 0", *lines)
    ).encode()


def test_an_offer_as_the_standard_has_it() -> None:
    body = sdp("m=audio 10096 RTP/AVP 8", "a=recvonly", "a=rtpmap:8 PCMA/8000", "f=v/////a/1/8/1")
    assert read_wanted(body) == Wanted("udp", "192.0.2.64", 10096, 8)


@pytest.mark.parametrize(
    ("lines", "transport", "payload"),
    [
        (("m=audio 9 TCP/RTP/AVP 8", "a=setup:active"), "tcp-passive", 8),
        (("m=audio 6000 TCP/RTP/AVP 8", "a=setup:passive"), "tcp-active", 8),
        (("m=audio 6000 TCP/RTP/AVP 8",), "tcp-passive", 8),
        (("m=audio 0 TCP/RTP/AVP 8", "a=setup:active"), "tcp-passive", 8),
        (("m=audio 6000 RTP/AVP 0 8 96",), "udp", 8),
        (("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 PS/90000"), "udp", 96),
        (("m=audio 6000 RTP/AVP 96",), "udp", 96),
        (("m=video 1 RTP/AVP 96", "m=audio 6000 RTP/AVP 8"), "udp", 8),
    ],
)
def test_offers_of_the_field(lines: tuple[str, ...], transport: str, payload: int) -> None:
    wanted = read_wanted(sdp(*lines))
    assert (wanted.transport, wanted.payload) == (transport, payload)


def test_the_ssrc_a_device_names() -> None:
    lines = ("m=audio 6000 RTP/AVP 8", "y=0100000009 ")
    assert read_wanted(sdp(*lines)).ssrc == 100_000_009
    for y in ("y=0000000000", "y=x", "y=99999999999", "y="):
        assert read_wanted(sdp("m=audio 6000 RTP/AVP 8", y)).ssrc is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.INVITE_UNUSABLE),
        (b"\xff\xfe nonsense", Reason.INVITE_UNUSABLE),
        (sdp("m=video 6000 RTP/AVP 96"), Reason.INVITE_UNUSABLE),
        (sdp("m=audio 0 RTP/AVP 8"), Reason.INVITE_UNUSABLE),
        (sdp("m=audio 6000 RTP/AVP 0"), Reason.CODEC),
        (sdp("m=audio 6000 RTP/AVP 8", "a=rtpmap:8 AAC/8000"), Reason.CODEC),
        (sdp("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 OPUS/48000"), Reason.CODEC),
        (sdp("m=audio 6000 RTP/AVP"), Reason.CODEC),
    ],
)
def test_offers_no_speech_can_follow(body: bytes, reason: Reason) -> None:
    with pytest.raises(OfferRefused) as refused:
        read_wanted(body)
    assert refused.value.why.reason is reason


@given(st.binary(max_size=400))
def test_any_bytes_are_an_offer_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(OfferRefused):
        read_wanted(body)


def test_our_answer_ends_with_y_and_f() -> None:
    wanted = Wanted("tcp-passive", "192.0.2.64", 9, 8)
    text = write_answer("64010000002000000001", ("192.0.2.20", 30010), wanted, 7).decode()
    assert text.endswith("y=0000000007\r\nf=v/////a/1/8/1\r\n")
    session = SessionDescription.parse(text.encode())
    assert session.name == "Play"
    (audio,) = session.media
    assert (audio.kind, audio.port, audio.proto) == ("audio", 30010, "TCP/RTP/AVP")
    assert (audio.setup, audio.direction, audio.payloads) == ("passive", "sendonly", [8])


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
def test_our_offer_of_2016_and_answers_to_it(transport: str) -> None:
    text = talk_sdp("6" * 20, ("192.0.2.20", 30012), transport, 100_000_001)  # type: ignore[arg-type]
    session = SessionDescription.parse(text)
    assert session.name == "Talk"
    assert session.media[0].direction == "sendrecv"
    tcp = transport != "udp"
    proto = "TCP/RTP/AVP" if tcp else "RTP/AVP"
    answer = sdp(f"m=audio 5000 {proto} 8")
    assert read_answer(answer, transport).transport == transport  # type: ignore[arg-type]
    other = sdp(f"m=audio 5000 {'RTP/AVP' if tcp else 'TCP/RTP/AVP'} 8")
    with pytest.raises(OfferRefused):
        read_answer(other, transport)  # type: ignore[arg-type]


# --- targets -------------------------------------------------------------------------------------

NVR, CAMERA, OTHER = "64010400001180000001", "64010400001310000001", "64010400001310000002"
OUT_1, OUT_2 = "64010400001370000001", "64010400001370000002"


def items(*found: tuple[str, str]) -> dict[str, CatalogItem]:
    return {code: CatalogItem(device_id=code, parent_id=parent) for code, parent in found}


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        (items((CAMERA, NVR)), CAMERA),
        (items((CAMERA, NVR), (OUT_1, NVR)), OUT_1),
        (items((CAMERA, NVR), (OUT_1, NVR), (OUT_2, CAMERA)), OUT_2),
        (items((CAMERA, NVR), (OUT_1, f"{NVR}/{CAMERA}"), (OUT_2, OTHER)), OUT_1),
        (items((CAMERA, NVR), (OUT_1, NVR), (OUT_2, NVR)), CAMERA),
    ],
)
def test_by_which_code_a_channel_is_spoken_to(
    catalog: dict[str, CatalogItem], expected: str
) -> None:
    assert voice_output(CAMERA, catalog) == expected


# --- microphone ----------------------------------------------------------------------------------


class Mouth:
    def __init__(self, rate: int = 48_000) -> None:
        self.clock = FakeClock()
        self.said = b""
        self.closes = 0
        self.microphone = Microphone(rate, self.clock, self._say, self._close)

    def _say(self, samples: bytes) -> None:
        self.said += samples

    def _close(self) -> None:
        self.closes += 1


def test_speech_of_48_khz_becomes_a_law_of_8() -> None:
    mouth = Mouth()
    pcm = tone(440, 1.0, 48_000)
    for at in range(0, len(pcm), 3840):
        mouth.microphone.feed(pcm[at : at + 3840])
        mouth.clock.advance(0.04)
    assert len(mouth.said) == pytest.approx(8000, abs=200)
    assert power(array("h", alaw.decode(mouth.said))[400:7600], 440) > 0.98


def test_more_sound_than_time_is_refused() -> None:
    mouth = Mouth(8000)
    second = bytes(16_000)
    for _ in range(int(AHEAD_S)):
        mouth.microphone.feed(second)
    with pytest.raises(BadInput, match="more sound than time"):
        mouth.microphone.feed(second)


@pytest.mark.parametrize("chunk", [b"\x00", bytes(MOST_CHUNK + 2)])
def test_chunks_that_are_none_are_refused(chunk: bytes) -> None:
    with pytest.raises(BadInput, match="a chunk"):
        Mouth(96_000).microphone.feed(chunk)


def test_impossible_rates_are_bad_input() -> None:
    with pytest.raises(BadInput, match="sample rate"):
        Mouth(7)


async def test_what_a_device_says_is_heard_and_the_past_forgotten() -> None:
    mouth = Mouth(8000)
    for n in range(MOST_HEARD + 5):
        mouth.microphone.hear(bytes((n,)) * 160)
    assert await mouth.microphone.heard() == alaw.decode(bytes((5,)) * 160)
    for _ in range(MOST_HEARD - 1):
        await mouth.microphone.heard()
    waiting = asyncio.ensure_future(mouth.microphone.heard())
    await asyncio.sleep(0)
    mouth.microphone.close()
    mouth.microphone.close()
    assert await waiting == b""
    assert mouth.closes == 1


# --- files ---------------------------------------------------------------------------------------

LIMITS = VoiceOptions(file_bytes=1 << 20, file_s=5.0, files=2)
IDS = [f"{n:016x}" for n in range(4)]


async def test_files_are_there_again_after_a_restart(tmp_path: Path) -> None:
    voices = Voices(tmp_path / "voices", LIMITS)
    await voices.start()
    assert voices.all() == []
    first = await voices.add(IDS[0], "早操", wav(tone(440, 1.0)))
    assert first.duration_s == pytest.approx(1.0, abs=0.05)
    (tmp_path / "voices" / f"{IDS[1]}.json").write_text("{broken", "utf-8")
    (tmp_path / "voices" / "notes.json").write_text("{}", "utf-8")
    again = Voices(tmp_path / "voices", LIMITS)
    await again.start()
    assert again.all() == [first]
    samples = array("h", alaw.decode(await again.samples(IDS[0])))
    assert power(samples[400:7600], 440) > 0.97
    await again.delete(IDS[0])
    assert [path.name for path in (tmp_path / "voices").glob(f"{IDS[0]}*")] == []
    with pytest.raises(NotFound):
        await again.samples(IDS[0])


async def test_files_are_few_and_short(tmp_path: Path) -> None:
    voices = Voices(tmp_path, LIMITS)
    with pytest.raises(BadInput, match="longer than 5 s"):
        await voices.add(IDS[0], "", wav(tone(440, 6.0)))
    with pytest.raises(BadInput, match="no audio file"):
        await voices.add(IDS[0], "", b"nothing")
    for number in range(2):
        await voices.add(IDS[number], "x" * 500, wav(tone(440, 0.2)))
    assert len(voices.get(IDS[0]).name) == 100
    with pytest.raises(PlatformError) as full:
        await voices.add(IDS[2], "", wav(tone(440, 0.2)))
    assert (full.value.code, full.value.http_status) == ("voices_full", 409)


async def test_a_file_that_was_taken_away_is_told(tmp_path: Path) -> None:
    voices = Voices(tmp_path, LIMITS)
    await voices.add(IDS[0], "", wav(tone(440, 0.2)))
    (tmp_path / f"{IDS[0]}.alaw").unlink()
    with pytest.raises(PlatformError) as lost:
        await voices.samples(IDS[0])
    assert lost.value.code == "voice_lost"
