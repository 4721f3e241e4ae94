"""Seeds out of the vectors of the other tests: nothing is kept twice."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "vectors"


@cache
def sip_messages() -> list[bytes]:
    """Whole messages, the torture tests of RFC 4475 among them."""
    return [path.read_bytes() for path in sorted(ROOT.rglob("*.sip"))]


def header_values(*names: str) -> list[bytes]:
    """The values of some headers in these messages."""
    found = set()
    for message in sip_messages():
        for line in message.partition(b"\r\n\r\n")[0].splitlines():
            name, _, value = line.partition(b":")
            if name.strip().lower().decode("latin-1") in names:
                found.add(value.strip())
    return sorted(found)


def bodies() -> list[bytes]:
    """What stands behind the headers: MANSCDP and session descriptions."""
    found = {message.partition(b"\r\n\r\n")[2] for message in sip_messages()}
    return sorted(found - {b""})


def manscdp_bodies() -> list[bytes]:
    return [body for body in bodies() if b"CmdType" in body]


def descriptions() -> list[bytes]:
    return [body for body in bodies() if body.startswith(b"v=")]


def program_streams() -> list[bytes]:
    """Bursts of a program stream."""
    found = []
    for path in sorted((ROOT / "ps").glob("*.hex")):
        lines = [line.partition("#")[0] for line in path.read_text().splitlines()]
        found.append(bytes.fromhex("".join("".join(lines).split())))
    return found


def ptz_texts() -> list[bytes]:
    lines = (ROOT / "ptz" / "vectors.txt").read_text().splitlines()
    return [line.split()[0].encode() for line in lines if line and not line.startswith("#")]


SPS = bytes.fromhex("6742000ada11e4")
PPS = bytes.fromhex("68ce3c80")
KEY_PICTURE = (
    b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS + b"\0\0\0\1" + bytes.fromhex("658884001f1122334455")
)
"""A picture of 64 x 48, as far as anything here looks into it."""
H265_SETS = (
    bytes.fromhex("40010c01ffff016000000300900000030000030096ac09"),
    bytes.fromhex("420101016000000300900000030000030096a001e020021c4d94bb2b0b"),
    bytes.fromhex("4401c172b46240"),
)
"""VPS, SPS and PPS of 1920 x 1080 and the like, whole or not: seeds need not be right."""
