"""Silence made without an encoder: what a decoder that is not ours hears."""

from __future__ import annotations

import av
import pytest

from media.sound.aac import audio_specific_config
from media.sound.silence import Silence, silent_frame
from media.unit import AudioFormat, Codec


def aac(rate_index: int, rate: int, channels: int) -> AudioFormat:
    return AudioFormat(Codec.AAC, rate, channels, audio_specific_config(2, rate_index, channels))


@pytest.mark.parametrize(
    ("index", "rate", "channels"), [(11, 8000, 1), (4, 44100, 2), (3, 48000, 1), (8, 16000, 2)]
)
def test_a_decoder_hears_nothing_and_finds_nothing_wrong(
    index: int, rate: int, channels: int
) -> None:
    audio = aac(index, rate, channels)
    context = av.CodecContext.create("aac", "r")
    context.extradata = audio.config
    context.options = {"err_detect": "explode"}
    units = Silence(audio, 0).until(90_000)
    assert len(units) == rate // 1024 + 1
    heard = 0
    for unit in units:
        for frame in context.decode(av.Packet(unit.data)):
            assert frame.samples == 1024
            assert len(frame.layout.channels) == channels
            assert not any(any(bytes(plane)) for plane in frame.planes)
            heard += 1
    assert heard >= len(units) - 1


def test_frames_lie_end_to_end_and_come_once() -> None:
    silence = Silence(aac(11, 8000, 1), 500)
    times = [unit.dts for at in (0, 499, 500, 20_000, 100_000) for unit in silence.until(at)]
    assert times == [500 + 11_520 * number for number in range(9)]
    assert silence.ends == 500 + 9 * 11_520


@pytest.mark.parametrize(
    "audio",
    [
        AudioFormat(Codec.G711A, 8000, 1, b""),
        AudioFormat(Codec.AAC, 48000, 6, audio_specific_config(2, 3, 6)),
        AudioFormat(Codec.AAC, 48000, 2, audio_specific_config(5, 3, 2)),
        AudioFormat(Codec.AAC, 48000, 2, b"\x11"),
        AudioFormat(Codec.AAC, 48000, 2, bytes((0x11, 0x94))),  # frames of 960 samples
    ],
)
def test_where_no_silence_is_known_none_is_made(audio: AudioFormat) -> None:
    assert silent_frame(audio) == b""
