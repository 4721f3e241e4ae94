"""RFC 6184 and RFC 7798 payloads, and what a payload is taken for."""

from __future__ import annotations

import pytest

from media.ps.probe import Container, audio_codec, container_of, video_codec
from media.rtp.es import assemble, packet_units
from media.unit import Codec
from media.video.nal import join, split

from .encoded import pictures, sound

SPS = bytes.fromhex("6742000ada11e4")
PPS = bytes.fromhex("68ce3c80")
S4 = b"\x00\x00\x00\x01"


def test_single_units_and_stap_a() -> None:
    stap = bytes.fromhex("18 0007") + SPS + bytes.fromhex("0004") + PPS
    assert packet_units(Codec.H264, stap) == [SPS, PPS]
    assert assemble(Codec.H264, [stap, b"\x65abc"]) == (S4 + SPS + S4 + PPS + S4 + b"\x65abc", True)


def test_fu_a_literal() -> None:
    payloads = [b"\x7c\x85AB", b"\x7c\x05CD", b"\x7c\x45E"]
    assert assemble(Codec.H264, payloads) == (S4 + b"\x65ABCDE", True)
    assert assemble(Codec.H264, payloads[:2])[1] is False
    assert assemble(Codec.H264, payloads[1:])[1] is False


def test_h265_fragments_and_aggregation_literal() -> None:
    # FU of type 49, fragment of an IDR_W_RADL (19): unit header 26 01.
    assert assemble(Codec.H265, [b"\x62\x01\x93AB", b"\x62\x01\x53C"]) == (
        S4 + b"\x26\x01ABC",
        True,
    )
    packet = b"\x60\x01" + b"\x00\x03\x40\x01V" + b"\x00\x04\x42\x01SS"
    assert packet_units(Codec.H265, packet) == [b"\x40\x01V", b"\x42\x01SS"]


@pytest.mark.parametrize(
    "packet", [b"\x18", b"\x18\x00\x00\x05abc", b"\x18\x00\x09abc", b"\x1a123"]
)
def test_broken_aggregation_gives_nothing(packet: bytes) -> None:
    assert packet_units(Codec.H264, packet) == []


def test_units_with_start_codes_inside_one_payload() -> None:
    assert assemble(Codec.H264, [S4 + SPS + S4 + PPS])[0] == S4 + SPS + S4 + PPS


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (b"\x00\x00\x01\xba" + bytes(10), Container.PS),
        (b"\x00\x00\x01\xe0\x00\x00", Container.PS),
        (S4 + SPS + S4 + PPS, Container.ANNEXB),
        (SPS, Container.H264),
        (bytes.fromhex("18 0007") + SPS + bytes.fromhex("0004") + PPS, Container.H264),
        (b"\x41" + b"picture" * 100, None),
        (b"\xd5" * 160, None),
        (b"", None),
    ],
)
def test_container(payload: bytes, wanted: Container | None) -> None:
    assert container_of(payload) is wanted


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_real_parameter_sets_are_recognised(codec: Codec) -> None:
    key = pictures(codec)[0].data
    assert video_codec(key) is codec
    assert video_codec(pictures(codec)[1].data) is None
    wanted = Container.H264 if codec is Codec.H264 else Container.H265
    assert [container_of(unit) for unit in split(key)].count(wanted) == 1


def test_random_payloads_are_hardly_ever_taken_for_a_stream() -> None:
    state = 12345
    wrong = 0
    for _ in range(4000):
        payload = bytearray()
        for _ in range(60):
            state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
            payload += (state >> 32).to_bytes(4, "big")
        payload[0] = 0x67
        wrong += container_of(bytes(payload)) is not None
    assert wrong <= 12


def test_sound_codec() -> None:
    assert audio_codec(sound(Codec.G711A)[5].data) is Codec.G711A


def test_join_and_assemble_agree_on_a_real_picture() -> None:
    units = split(pictures(Codec.H264)[0].data)
    assert assemble(Codec.H264, units) == (join(units), True)
