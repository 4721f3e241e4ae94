"""The eight bytes of a PTZCmd: an instruction or BadPtz; what was read is written the same."""

from __future__ import annotations

from gb28181.manscdp.ptz import BadPtz, decode, encode

from .vectors import ptz_texts as seeds

__all__ = ["check", "seeds"]


def check(data: bytes) -> None:
    for text in (data.decode("latin-1"), _whole(data)):
        try:
            instruction, address = decode(text)
        except BadPtz:
            continue
        assert decode(encode(instruction, address)) == (instruction, address)


def _whole(data: bytes) -> str:
    """With head and check byte, which chance would not find."""
    body = b"\xa5\x0f" + data[:5].ljust(5, b"\0")
    return (body + bytes([sum(body) & 0xFF])).hex()
