"""The beep, judged by FFmpeg's own A-law coder."""

from __future__ import annotations

import struct

import av

from gb28181.simulator import tone


def test_a_law_agrees_with_ffmpeg_for_all_samples() -> None:
    samples = range(-32768, 32768)
    coder = av.CodecContext.create("pcm_alaw", "w")
    coder.sample_rate, coder.layout, coder.format = 8000, "mono", "s16"
    frame = av.AudioFrame("s16", "mono", len(samples))
    frame.sample_rate = 8000
    frame.planes[0].update(struct.pack(f"<{len(samples)}h", *samples))
    theirs = b"".join(bytes(packet) for packet in coder.encode(frame))
    ours = bytes(tone.a_law(sample) for sample in samples)
    # FFmpeg drops four bits before it picks the step; one step apart is the same sound.
    decoded = [decode(code) for code in ours]
    assert max(abs(d - decode(t)) for d, t in zip(decoded, theirs, strict=True)) <= 1024
    assert all(abs(d - s) <= max(16, abs(s) // 16) for d, s in zip(decoded, samples, strict=True))
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) > 0.95 * len(ours)


def decode(code: int) -> int:
    """A-law octet to a 16-bit sample (G.711 table 1a)."""
    code ^= 0x55
    segment, value = code >> 4 & 7, code & 0x0F
    magnitude = (value << 4) + 8 if segment == 0 else ((value << 4) + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def test_a_second_is_a_second() -> None:
    assert len(tone.second()) == 8000
    assert set(tone.second()[2000:]) == {0xD5}
