"""ADTS and AudioSpecificConfig, compared with FFmpeg's encoder."""

from __future__ import annotations

import pytest

from media.sound.aac import (
    AdtsSplitter,
    adts_format,
    adts_header,
    adts_length,
    audio_specific_config,
    looks_like_adts,
)
from media.unit import AudioFormat, Codec

from .encoded import aac

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex F")


def test_format_of_a_literal_header() -> None:
    # AAC-LC (profile 1), 8 kHz (index 11), mono, 23 bytes: set by hand from 1.A.3.2.
    header = bytes.fromhex("fff16c4002fffc")
    assert adts_length(header, 0) == 23
    assert adts_format(header) == AudioFormat(Codec.AAC, 8000, 1, bytes.fromhex("1588"))
    assert adts_header(bytes.fromhex("1588"), 16) == header


def test_config_of_the_encoder_is_ours() -> None:
    audio, units = aac()
    assert (audio.sample_rate, audio.channels) == (16_000, 1)
    assert audio.config == audio_specific_config(2, 8, 1) == bytes.fromhex("1408")
    assert len(units) >= 15


@pytest.mark.parametrize("chunk", [1, 5, 100, 10_000])
def test_splitter_gives_raw_frames_for_any_chunking(chunk: int) -> None:
    audio, units = aac()
    stream = b"".join(adts_header(audio.config, len(u.data)) + u.data for u in units)
    splitter = AdtsSplitter()
    frames: list[bytes] = []
    for start in range(0, len(stream), chunk):
        frames += splitter.feed(stream[start : start + chunk])
    assert frames == [unit.data for unit in units]
    assert splitter.format == audio
    assert splitter.skipped_bytes == 0


def test_garbage_between_frames_is_skipped() -> None:
    audio, units = aac()
    frame = adts_header(audio.config, len(units[3].data)) + units[3].data
    splitter = AdtsSplitter()
    assert splitter.feed(b"junk\xffjunk" + frame) == [units[3].data]
    assert splitter.skipped_bytes == 9


def test_crc_is_removed() -> None:
    frame = bytearray(adts_header(bytes.fromhex("1588"), 2 + 4))
    frame[1] &= 0xFE
    assert AdtsSplitter().feed(bytes(frame) + b"\xaa\xbb" + b"data") == [b"data"]


def test_sound_that_is_not_adts() -> None:
    assert not looks_like_adts(b"\xd5" * 320)
    assert not looks_like_adts(b"\xff\xf1" + bytes(318))
    with pytest.raises(ValueError, match="does not fit"):
        adts_header(bytes.fromhex("1588"), 9000)
