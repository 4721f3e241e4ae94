"""Whatever was recorded, to what a loudspeaker takes: 8 kHz, one channel, A-law.

`Resampler` is for a microphone, chunk by chunk; `decode_file` for an audio file in memory, which is
slow (about a second for ten minutes) and belongs in a thread. FFmpeg does both (PyAV), with its
low-pass filter: without one, what lies above 4 kHz would come out as noise.

A file is hostile input: only formats and codecs of plain audio files are tried, so that no playlist
can make the demuxer open something else, and decoding ends where the allowed length ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from media.errors import RemoteError
from media.sound.alaw import encode
from media.sound.g711 import SAMPLE_RATE

RATES: Final = (8000, 96_000)
"""Sample rates of a microphone that are taken, lowest and highest."""

FORMATS: Final = "aac,aiff,amr,asf,au,flac,matroska,webm,mov,mp4,m4a,mp3,ogg,w64,wav,caf"
CODECS: Final = (
    "aac,ac3,alac,amrnb,amrwb,eac3,flac,mp2,mp3,mp3float,opus,libopus,vorbis,wmav1,wmav2,"
    "pcm_alaw,pcm_mulaw,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,"
    "pcm_f32le,pcm_f64le,adpcm_ima_wav,adpcm_ms"
)


class AudioUnusable(RemoteError):
    """The file is no audio, is broken, or is too long; the text says which."""


class Resampler:
    """Signed 16-bit little-endian samples of one channel, at any rate, to 8 kHz."""

    def __init__(self, rate: int) -> None:
        """Raises ValueError for a rate outside ``RATES``."""
        if not RATES[0] <= rate <= RATES[1]:
            raise ValueError(f"a sample rate is {RATES[0]} to {RATES[1]}, not {rate}")
        self._rate = rate
        self._resampler = None if rate == SAMPLE_RATE else _resampler()

    def feed(self, pcm: bytes) -> bytes:
        """The same at 8 kHz; a little is held back for the filter."""
        pcm = pcm[: len(pcm) & ~1]
        if self._resampler is None or not pcm:
            return pcm
        frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self._rate
        frame.planes[0].update(pcm)
        return b"".join(map(_samples, self._resampler.resample(frame)))


def decode_file(data: bytes, most_s: float) -> bytes:
    """The first sound track of a file as A-law. Raises AudioUnusable."""
    options = {"format_whitelist": FORMATS, "codec_whitelist": CODECS, "protocol_whitelist": "none"}
    most = int(most_s * SAMPLE_RATE)
    found = bytearray()
    try:
        with av.open(BytesIO(data), "r", options=options) as container:
            if not container.streams.audio:
                raise AudioUnusable("the file has no sound")
            stream = container.streams.audio[0]
            resampler = _resampler()
            for frame in _with_end(container.decode(stream)):
                for out in resampler.resample(frame):
                    found += encode(_samples(out))
                if len(found) > most:
                    raise AudioUnusable(f"the file lasts longer than {most_s:.0f} s")
    except (FFmpegError, ValueError, EOFError) as error:
        raise AudioUnusable(f"no audio file that can be read: {error}") from error
    if not found:
        raise AudioUnusable("the file has no sound in it")
    return bytes(found)


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _with_end(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame | None]:
    """The frames, and the word that there are no more, which empties the filter."""
    yield from frames
    yield None


def _samples(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]
