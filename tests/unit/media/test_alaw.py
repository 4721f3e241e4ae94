"""G.711 A-law, judged by FFmpeg's decoder and encoder."""

from __future__ import annotations

from array import array

import av
from hypothesis import given
from hypothesis import strategies as st

from media.sound import alaw
from tests.unit.media.speaking import ffmpeg_decode, power, tone

EVERY = array("h", range(-32768, 32768)).tobytes()


def ffmpeg_encode(pcm: bytes) -> bytes:
    context = av.CodecContext.create("pcm_alaw", "w")
    context.sample_rate = 8000
    context.layout = "mono"
    context.format = "s16"
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.sample_rate = 8000
    frame.planes[0].update(pcm)
    return b"".join(bytes(p) for f in (frame, None) for p in context.encode(f))


def test_every_code_word_is_read_as_ffmpeg_reads_it() -> None:
    codes = bytes(range(256))
    assert alaw.decode(codes) == ffmpeg_decode(codes).tobytes()


def test_every_sample_becomes_the_nearest_code_word_or_its_neighbour() -> None:
    """Ours cuts the step as the standard's table does; FFmpeg's rounds to the nearest value."""
    samples = array("h", EVERY)
    back = ffmpeg_decode(alaw.encode(EVERY))
    nearest = ffmpeg_decode(ffmpeg_encode(EVERY))
    for sample, ours, theirs in zip(samples, back, nearest, strict=True):
        step = max(16, 1 << max(0, abs(sample).bit_length() - 4))
        assert abs(sample - ours) <= step, (sample, ours)
        assert abs(ours - theirs) <= step, (sample, ours, theirs)


def test_code_words_come_back_as_they_were() -> None:
    codes = bytes(range(256))
    assert alaw.encode(alaw.decode(codes)) == codes


def test_words_everybody_knows() -> None:
    assert alaw.encode(b"\x00\x00") == bytes((alaw.SILENCE,))
    assert alaw.encode((32767).to_bytes(2, "little")) == b"\xaa"
    assert alaw.encode((-32768).to_bytes(2, "little", signed=True)) == b"\x2a"


def test_a_tone_is_still_that_tone() -> None:
    heard = ffmpeg_decode(alaw.encode(tone(440, 0.5)))
    assert power(heard, 440) > 0.99
    assert power(heard, 1000) < 0.001


@given(st.binary(max_size=999))
def test_one_code_word_for_each_whole_sample(pcm: bytes) -> None:
    assert len(alaw.encode(pcm)) == len(pcm) // 2
