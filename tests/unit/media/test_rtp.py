"""RTP header reading, packetising and TCP splitting."""

from __future__ import annotations

import pytest

from media.rtp.packet import HEADER, RtpPacketizer, TcpSplitter, frame_for_tcp, is_rtcp, payload_of

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex C")

PACK = b"\x00\x00\x01\xba" + b"D" * 60


def packets(count: int = 5, size: int = 3000, ssrc: int = 0x0BEBC201) -> list[bytes]:
    sender = RtpPacketizer(ssrc, sequence=65534)
    out: list[bytes] = []
    for index in range(count):
        out += sender.packetize(PACK + bytes([0xE0 + index]) * size, index * 3600)
    return out


def test_packetizer_marks_last_and_wraps_sequence() -> None:
    sender = RtpPacketizer(7, sequence=65535, max_payload=10)
    made = sender.packetize(b"a" * 25, 0x1_0000_0005)
    fields = [HEADER.unpack_from(packet) for packet in made]
    assert [f[2] for f in fields] == [65535, 0, 1]
    assert [f[1] >> 7 for f in fields] == [0, 0, 1]
    assert {f[3] for f in fields} == {5}
    assert b"".join(packet[12:] for packet in made) == b"a" * 25
    assert sender.sequence == 2


@pytest.mark.parametrize(
    ("packet", "payload"),
    [
        (bytes.fromhex("8060000100000002000000030a0b"), b"\x0a\x0b"),
        # one CSRC
        (bytes.fromhex("816000010000000200000003deadbeef0a"), b"\x0a"),
        # extension of one word
        (bytes.fromhex("906000010000000200000003bede000111223344") + b"z", b"z"),
        # three bytes of padding
        (bytes.fromhex("a06000010000000200000003") + b"xy\x00\x00\x03", b"xy"),
        # padding larger than the packet: kept
        (bytes.fromhex("a06000010000000200000003") + b"xy\xff", b"xy\xff"),
        (bytes.fromhex("806000010000000200000003"), b""),
        (bytes.fromhex("406000010000000200000003") + b"x", None),
        (bytes.fromhex("9060000100000002000000030000ffff"), None),
        (b"\x80\x60", None),
    ],
)
def test_payload_of(packet: bytes, payload: bytes | None) -> None:
    assert payload_of(packet) == payload


def test_rtcp_is_told_from_rtp() -> None:
    assert is_rtcp(bytes.fromhex("80c80006"))
    assert not is_rtcp(bytes.fromhex("80600001"))
    assert not is_rtcp(bytes.fromhex("80e00001"))


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000, 1_000_000])
def test_splitter_gives_the_same_for_any_chunking(chunk: int) -> None:
    wanted = packets()
    stream = b"".join(frame_for_tcp(packet) for packet in wanted)
    splitter = TcpSplitter()
    got: list[bytes] = []
    for start in range(0, len(stream), chunk):
        got += splitter.feed(stream[start : start + chunk])
    assert got == wanted
    assert splitter.resyncs == 0


@pytest.mark.parametrize("chunk", [1, 13, 1_000_000])
def test_splitter_reads_interleaved_frames_and_private_head(chunk: int) -> None:
    wanted = packets()
    stream = b"\x01\x00\x01\x00" + bytes(252)
    stream += b"".join(b"$\x00" + len(p).to_bytes(2, "big") + p for p in wanted)
    splitter = TcpSplitter()
    got: list[bytes] = []
    for start in range(0, len(stream), chunk):
        got += splitter.feed(stream[start : start + chunk])
    assert got == wanted
    assert splitter.resyncs == 0


def test_plain_frame_whose_length_looks_like_a_dollar_sign() -> None:
    # 0x2405 bytes: the length field itself reads `$` and a small channel number.
    packet = HEADER.pack(0x80, 96, 1, 2, 3) + bytes(0x2405 - 12)
    assert TcpSplitter().feed(frame_for_tcp(packet) * 2) == [packet, packet]


@pytest.mark.parametrize("chunk", [1, 50, 1_000_000])
def test_splitter_finds_the_next_packet_after_lost_bytes(chunk: int) -> None:
    wanted = packets()
    frames = [frame_for_tcp(packet) for packet in wanted]
    # The end of the fourth frame never came: the sender's buffer ran over.
    stream = b"".join(frames[:3]) + frames[3][:700] + b"".join(frames[4:])
    splitter = TcpSplitter()
    got: list[bytes] = []
    for start in range(0, len(stream), chunk):
        got += splitter.feed(stream[start : start + chunk])
    assert got[:3] == wanted[:3]
    # The damaged frame swallows the start of its successor; all behind that are whole again.
    assert got[-(len(wanted) - 5) :] == wanted[5:]
    assert splitter.resyncs == 1


def test_splitter_starting_in_the_middle_of_a_frame_uses_the_pack_header() -> None:
    wanted = packets(count=4)
    stream = b"".join(frame_for_tcp(packet) for packet in wanted)
    splitter = TcpSplitter()
    got = splitter.feed(stream[500:])
    assert got == wanted[3:]
    assert splitter.skipped_bytes > 0


def test_splitter_memory_is_bounded_under_garbage() -> None:
    splitter = TcpSplitter()
    for _ in range(200):
        splitter.feed(b"\xff" * 10_000)
        assert splitter._held <= 65_540
