"""The pcap, judged by tshark."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gb28181.trace.frame import Frame
from gb28181.trace.pcap import pcap

FIELDS = (
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "udp.srcport",
    "tcp.dstport",
    "sip.Method",
    "sip.CSeq",
    "sip.Status-Code",
    "_ws.malformed",
    "_ws.expert.severity",
)


def message(first: str, number: int, body: bytes = b"") -> bytes:
    return (
        f"{first}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n"
        f"CSeq: {number} MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def frame(
    data: bytes,
    *,
    incoming: bool = True,
    transport: str = "udp",
    connection: int = 0,
    local: str = "10.0.0.1",
    remote: str = "192.0.2.1",
) -> Frame:
    return Frame(
        1_700_000_000.25,
        incoming,
        transport,
        (local, 5060),
        (remote, 40_000),
        connection,
        data,
        len(data),
    )


def dissect(tmp_path: Path, frames: list[Frame]) -> list[dict[str, Any]]:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(frames))
    fields = [word for name in FIELDS for word in ("-e", name)]
    options = [
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-n",
        "-T",
        "json",
        *fields,
    ]
    done = subprocess.run(
        ["tshark", "-r", str(path), *options], capture_output=True, check=True, timeout=60
    )
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def bad(packets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Packets tshark calls malformed or wrong (expert severity warning is 6 MiB, error 8)."""
    limit = 0x600000
    return [
        packet
        for packet in packets
        if "_ws.malformed" in packet
        or any(int(s) >= limit for s in packet.get("_ws.expert.severity", []))
    ]


REQUEST = "MESSAGE sip:34020000002000000001@3402000000 SIP/2.0"


def test_udp_both_ways(tmp_path: Path) -> None:
    packets = dissect(
        tmp_path,
        [frame(message(REQUEST, 1, b"odd")), frame(message("SIP/2.0 200 OK", 1), incoming=False)],
    )
    assert packets[0]["ip.src"] == ["192.0.2.1"]
    assert packets[0]["sip.Method"] == ["MESSAGE"]
    assert packets[1]["ip.dst"] == ["192.0.2.1"]
    assert packets[1]["sip.Status-Code"] == ["200"]
    assert bad(packets) == []


def test_ipv6(tmp_path: Path) -> None:
    packets = dissect(
        tmp_path, [frame(message(REQUEST, 1), local="2001:db8::1", remote="2001:db8::2")]
    )
    assert packets[0]["ipv6.src"] == ["2001:db8::2"]
    assert packets[0]["sip.Method"] == ["MESSAGE"]
    assert bad(packets) == []


@pytest.mark.parametrize("size", [10, 64_000])
def test_tcp_is_one_stream_in_each_direction(tmp_path: Path, size: int) -> None:
    frames = []
    for number in range(1, 4):
        frames.append(frame(message(REQUEST, number, b"x" * size), transport="tcp", connection=7))
        frames.append(
            frame(message("SIP/2.0 200 OK", number), incoming=False, transport="tcp", connection=7)
        )
    packets = dissect(tmp_path, frames)
    methods = [p["sip.CSeq"] for p in packets if "sip.Method" in p]
    answers = [p["sip.CSeq"] for p in packets if "sip.Status-Code" in p]
    assert methods == answers == [["1 MESSAGE"], ["2 MESSAGE"], ["3 MESSAGE"]]
    assert bad(packets) == []


def test_the_largest_datagram_and_an_empty_file(tmp_path: Path) -> None:
    body = b"x" * (65_000 - len(message(REQUEST, 1, b"x" * 60_000)) + 60_000)
    data = message(REQUEST, 1, body)
    assert len(data) == 65_000
    assert len(dissect(tmp_path, [frame(data)])) == 1
    assert dissect(tmp_path, []) == []
