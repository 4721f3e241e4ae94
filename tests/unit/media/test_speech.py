"""Microphones of any rate and files of any kind, to A-law."""

from __future__ import annotations

import io
from array import array
from fractions import Fraction

import av
import pytest

from media.sound.speech import AudioUnusable, Resampler, decode_file
from tests.unit.media.speaking import ffmpeg_decode, power, tone, wav


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("chunk", [256, 1024, 3001])
def test_a_microphone_of_any_rate_keeps_its_tone(rate: int, chunk: int) -> None:
    pcm = tone(440, 1.0, rate)
    resampler = Resampler(rate)
    step = chunk & ~1
    heard = b"".join(resampler.feed(pcm[n : n + step]) for n in range(0, len(pcm), step))
    samples = array("h", heard)
    assert abs(len(samples) - 8000) < 200
    assert power(samples[400:7600], 440) > 0.98


def test_what_lies_above_4_khz_does_not_come_back_as_noise() -> None:
    resampler = Resampler(48_000)
    samples = array("h", resampler.feed(tone(7000, 0.5, 48_000)))
    loud = array("h", tone(7000, 0.5, 48_000))
    assert max(map(abs, samples[400:-400])) < max(loud) // 50


@pytest.mark.parametrize("rate", [0, -1, 7999, 96_001])
def test_impossible_rates_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="sample rate"):
        Resampler(rate)


def encoded(kind: str, codec: str, rate: int = 44_100) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        size = 1024
        pcm = tone(440, 1.0, rate)
        for n in range(0, len(pcm) - 2 * size, 2 * size):
            frame = av.AudioFrame(format="s16p", layout="stereo", samples=size)
            frame.sample_rate, frame.pts, frame.time_base = rate, n // 2, Fraction(1, rate)
            for plane in frame.planes:
                plane.update(pcm[n : n + 2 * size])
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        wav(tone(440, 1.0, 44_100), 44_100),
        wav(tone(440, 1.0)),
        encoded("mp3", "libmp3lame"),
        encoded("adts", "aac"),
        encoded("flac", "flac"),
    ],
    ids=["wav 44.1", "wav 8", "mp3", "aac", "flac"],
)
def test_files_keep_their_tone(data: bytes) -> None:
    samples = ffmpeg_decode(decode_file(data, 10.0))
    assert 7500 < len(samples) < 8500
    assert power(samples[800:7000], 440) > 0.97


def test_a_file_that_is_too_long_is_not_decoded_to_its_end() -> None:
    with pytest.raises(AudioUnusable, match="longer than 1 s"):
        decode_file(wav(tone(440, 3.0)), 1.0)


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.parametrize("data", [b"", b"no audio", PLAYLIST, CONCAT, wav(b""), bytes(5000)])
def test_what_is_no_audio_file_is_refused(data: bytes) -> None:
    with pytest.raises(AudioUnusable):
        decode_file(data, 10.0)


def test_a_file_without_sound_is_refused() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioUnusable, match="no sound"):
        decode_file(out.getvalue(), 10.0)
