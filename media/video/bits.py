"""Reads bit fields and Exp-Golomb codes from a parameter set.

For the few dozen bytes of an SPS, not for picture data. ITU-T H.264 7.2 and 9.1, H.265 9.2.
"""

from __future__ import annotations

from media.errors import StreamFormatError


def unescape(nal: bytes) -> bytes:
    """Removes the emulation prevention bytes (00 00 03 -> 00 00), H.264 7.4.1.1."""
    if b"\x00\x00\x03" not in nal:
        return nal
    out = bytearray()
    zeros = 0
    for byte in nal:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


class BitReader:
    """Most significant bit first; raises ``StreamFormatError`` at the end of the data."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        """Unsigned value of the next ``count`` bits."""
        left = self._left - count
        if left < 0:
            raise StreamFormatError("parameter set ends too early")
        self._left = left
        return (self._value >> left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.bits(1) == 1

    def ue(self) -> int:
        """ue(v): unsigned Exp-Golomb."""
        zeros = 0
        while self.bits(1) == 0:
            zeros += 1
            if zeros > 32:
                raise StreamFormatError("Exp-Golomb code too long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def se(self) -> int:
        """se(v): signed Exp-Golomb."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
