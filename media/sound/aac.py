"""AAC framing: ADTS headers and the AudioSpecificConfig. Nothing here decodes sound.

ISO/IEC 14496-3 1.6.2.1 (AudioSpecificConfig), 1.A.3.2 (ADTS). GB/T 28181-2022 Annex C.1 puts AAC
into PS as stream type 0x0F, which is ADTS.
"""

from __future__ import annotations

from typing import Final

from media.unit import AudioFormat, Codec

SAMPLE_RATES: Final = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000,
    22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
)  # fmt: skip

SAMPLES_PER_FRAME: Final = 1024
ADTS_HEADER: Final = 7
MAX_FRAME: Final = 8191
"""Largest value of the 13-bit length field."""


def adts_length(data: bytes, at: int) -> int:
    """Length of the ADTS frame that starts at ``at``; 0 when none starts there."""
    if len(data) - at < ADTS_HEADER or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return 0
    if (data[at + 2] >> 2) & 0x0F >= len(SAMPLE_RATES):
        return 0
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return length if length > (7 if data[at + 1] & 1 else 9) else 0


def looks_like_adts(data: bytes) -> bool:
    """A first frame that ends exactly at the end of the data or in front of another frame."""
    length = adts_length(data, 0)
    return length > 0 and (length == len(data) or adts_length(data, length) > 0)


def adts_format(data: bytes, at: int = 0) -> AudioFormat:
    """Format announced by the ADTS header at ``at``."""
    object_type = (data[at + 2] >> 6) + 1
    rate_index = (data[at + 2] >> 2) & 0x0F
    channels = (data[at + 2] & 1) << 2 | data[at + 3] >> 6
    return AudioFormat(
        Codec.AAC,
        SAMPLE_RATES[rate_index],
        {0: 1, 7: 8}.get(channels, channels),
        audio_specific_config(object_type, rate_index, channels),
    )


def audio_specific_config(object_type: int, rate_index: int, channels: int) -> bytes:
    """The two bytes a decoder needs: object type (5 bits), rate (4), channels (4), three zeros."""
    return ((object_type & 31) << 11 | (rate_index & 15) << 7 | (channels & 15) << 3).to_bytes(
        2, "big"
    )


def adts_header(config: bytes, size: int) -> bytes:
    """ADTS header without CRC for a raw frame of ``size`` bytes."""
    value = int.from_bytes(config[:2], "big")
    profile = max((value >> 11) - 1, 0) & 3
    rate_index = (value >> 7) & 15
    channels = (value >> 3) & 7
    length = size + ADTS_HEADER
    if length > MAX_FRAME:
        raise ValueError(f"AAC frame of {size} bytes does not fit into ADTS")
    return bytes(
        (
            0xFF,
            0xF1,
            profile << 6 | rate_index << 2 | channels >> 2,
            (channels & 3) << 6 | length >> 11,
            length >> 3 & 0xFF,
            (length & 7) << 5 | 0x1F,
            0xFC,
        )
    )


class AdtsSplitter:
    """PES payloads in, raw AAC frames out; a frame may go on in the next payload."""

    def __init__(self) -> None:
        self._rest = b""
        self._head = b""
        self.format: AudioFormat | None = None
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Raw frames (header and CRC removed) that are complete now."""
        if self._rest:
            data = self._rest + data
        frames: list[bytes] = []
        at, size = 0, len(data)
        while size - at >= ADTS_HEADER:
            length = adts_length(data, at)
            if not length:
                found = data.find(b"\xff", at + 1)
                found = size if found < 0 else found
                self.skipped_bytes += found - at
                at = found
                continue
            if at + length > size:
                break
            head = data[at : at + 4]
            if head[2:] != self._head:
                self.format = adts_format(data, at)
                self._head = head[2:]
            frames.append(data[at + (7 if head[1] & 1 else 9) : at + length])
            at += length
        self._rest = data[at:] if size - at <= MAX_FRAME else b""
        return frames

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun that the next payload must complete."""
        return bool(self._rest)

    def reset(self) -> None:
        """Forgets an unfinished frame, after a loss."""
        self._rest = b""
