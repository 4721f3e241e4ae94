"""Access units to MPEG program stream, as GB/T 28181 senders write it.

One pack per unit: pack header with SCR; in front of key frames also system header and program
stream map; then PES packets of at most ``MAX_PES_PAYLOAD`` bytes, of which the first carries the
times. Cutting into RTP packets is ``media.rtp.packet.RtpPacketizer``.

ISO/IEC 13818-1 2.5.3; GB/T 28181-2022 Annex C.1.
"""

from __future__ import annotations

from typing import Final

from media.ps.psm import AUDIO_ID, VIDEO_ID, build_psm
from media.sound.aac import adts_header
from media.unit import AccessUnit, Codec

MAX_PES_PAYLOAD: Final = 65_500
"""The 16-bit length counts up to 13 bytes of header as well."""

MUX_RATE: Final = 20_000
"""Announced rate in units of 50 bytes/s: 8 Mbit/s. Receivers use it for buffering, if at all."""

TIME_MASK: Final = (1 << 33) - 1


class PsMuxer:
    """Writes one programme of a video and, at will, an audio stream."""

    def __init__(
        self,
        video: Codec | None,
        audio: Codec | None = None,
        *,
        audio_config: bytes = b"",
        max_pes_payload: int = MAX_PES_PAYLOAD,
    ) -> None:
        """``audio_config`` is the AudioSpecificConfig, needed for AAC, which goes out as ADTS."""
        streams: dict[int, Codec] = {}
        if video is not None:
            streams[VIDEO_ID] = video
        if audio is not None:
            streams[AUDIO_ID] = audio
        if audio is Codec.AAC and not audio_config:
            raise ValueError("AAC needs its AudioSpecificConfig")
        self._audio_config = audio_config
        self._has_video = video is not None
        self._max_payload = max_pes_payload
        self._headers = system_header(streams) + build_psm(streams)

    def frame(self, unit: AccessUnit, *, clock: int | None = None) -> bytes:
        """The pack that carries one unit; `clock` is its system clock reference, else its dts."""
        stream, data = (VIDEO_ID, unit.data) if unit.video else (AUDIO_ID, unit.data)
        if unit.codec is Codec.AAC:
            data = adts_header(self._audio_config, len(data)) + data
        parts = [pack_header(unit.dts if clock is None else clock)]
        if unit.key and (unit.video or not self._has_video):
            parts.append(self._headers)
        times = pes_times(unit.pts, unit.dts)
        for start in range(0, len(data), self._max_payload):
            parts.append(pes_header(stream, times, min(self._max_payload, len(data) - start)))
            parts.append(data[start : start + self._max_payload])
            times = b""
        return b"".join(parts)


def pack_header(clock: int) -> bytes:
    """Pack header with the system clock reference ``clock`` (90 kHz), no stuffing."""
    scr = clock & TIME_MASK
    fields = (
        0b01 << 46
        | (scr >> 30) << 43
        | 1 << 42
        | (scr >> 15 & 0x7FFF) << 27
        | 1 << 26
        | (scr & 0x7FFF) << 11
        | 1 << 10
        | 1  # extension 0 and its marker bit
    )
    rate = MUX_RATE << 2 | 0b11
    return b"\x00\x00\x01\xba" + fields.to_bytes(6, "big") + rate.to_bytes(3, "big") + b"\xf8"


def system_header(streams: dict[int, Codec]) -> bytes:
    """System header with a buffer bound per stream (2.5.3.5)."""
    audio = sum(not codec.is_video for codec in streams.values())
    video = sum(codec.is_video for codec in streams.values())
    rate = 1 << 23 | MUX_RATE << 1 | 1
    body = rate.to_bytes(3, "big") + bytes((audio << 2, 0xE0 | video, 0x7F))
    for stream in sorted(streams, reverse=True):
        # Buffer bound: 1024-byte units for video, 128-byte units for audio.
        bound = 0xE000 | 1024 if stream >= VIDEO_ID else 0xC000 | 32
        body += bytes((stream,)) + bound.to_bytes(2, "big")
    return b"\x00\x00\x01\xbb" + len(body).to_bytes(2, "big") + body


def pes_times(pts: int, dts: int) -> bytes:
    """The time fields of a PES header: PTS alone when both are equal."""
    if pts == dts:
        return _time(0b0010, pts)
    return _time(0b0011, pts) + _time(0b0001, dts)


def _time(prefix: int, ticks: int) -> bytes:
    value = ticks & TIME_MASK
    fields = (
        prefix << 36
        | (value >> 30) << 33
        | 1 << 32
        | (value >> 15 & 0x7FFF) << 17
        | 1 << 16
        | (value & 0x7FFF) << 1
        | 1
    )
    return fields.to_bytes(5, "big")


def pes_header(stream: int, times: bytes, size: int) -> bytes:
    """PES header for a payload of ``size`` bytes; ``times`` as made by ``pes_times`` or empty."""
    flags = {0: 0x00, 5: 0x80, 10: 0xC0}[len(times)]
    length = 3 + len(times) + size
    return (
        bytes((0, 0, 1, stream))
        + length.to_bytes(2, "big")
        + bytes((0x80, flags, len(times)))
        + times
    )
