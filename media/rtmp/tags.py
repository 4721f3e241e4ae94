"""What RTMP messages of pictures and sound hold: decoder configurations, access units.

Three ways of naming a picture's codec are read: the numbers of FLV (7 is H.264), number 12 that
encoders in China use for H.265, and the FourCC of enhanced RTMP. What is not carried is named.

Adobe FLV 10.1 annex E.4.2, E.4.3; Enhanced RTMP v1 and v2 (Veovera).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.errors import StreamFormatError
from media.rtmp.chunks import AUDIO, VIDEO, Message
from media.sound.aac import SAMPLE_RATES
from media.sound.g711 import A_LAW, U_LAW
from media.unit import AudioFormat, Codec
from media.video.bits import BitReader
from media.video.config_reader import DecoderConfig, annex_b, read_config

TICKS: Final = 90
"""Of 90 kHz in a millisecond."""
MAX_CONFIG: Final = 64
"""Bytes of an AudioSpecificConfig."""

_PICTURES: Final = {7: Codec.H264, 12: Codec.H265}
_OTHER_PICTURES: Final = {2: "h263", 3: "screen", 4: "vp6", 5: "vp6", 6: "screen", 9: "mpeg4"}
_FOURCC: Final = {b"avc1": Codec.H264, b"hvc1": Codec.H265}
_SOUNDS: Final = {7: A_LAW, 8: U_LAW}
_OTHER_SOUNDS: Final = {
    0: "pcm", 1: "adpcm", 2: "mp3", 3: "pcm", 4: "nellymoser", 5: "nellymoser", 6: "nellymoser",
    11: "speex", 13: "opus", 14: "mp3",
}  # fmt: skip
_AAC: Final = 10
_ENHANCED_SOUND: Final = 9
_START, _CODED, _CODED_X = 0, 1, 3
"""Packet types of enhanced RTMP; the first two are those of FLV's AVC and AAC packets as well."""


@dataclass(frozen=True, slots=True)
class Configured:
    """Pictures that follow are decoded with this."""

    config: DecoderConfig


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in Annex B; times in 90 kHz."""

    codec: Codec
    data: bytes
    pts: int
    dts: int


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of sound, or the samples of one message; time in 90 kHz."""

    sound: AudioFormat
    data: bytes
    pts: int


@dataclass(frozen=True, slots=True)
class NotCarried:
    """A codec this program has no use for."""

    video: bool
    codec: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is not what it claims to be."""

    reason: str


Item = Configured | Picture | Heard | NotCarried | Malformed


def is_configuration(message: Message) -> bool:
    """Whether a decoder needs this message before any other of its kind."""
    body = message.data
    if len(body) < 2:
        return False
    if message.kind == VIDEO:
        if body[0] & 0x80:
            return body[0] & 0x0F == _START
        return body[0] & 0x0F in _PICTURES and body[1] == _START
    if body[0] >> 4 == _ENHANCED_SOUND:
        return body[0] & 0x0F == _START
    return body[0] >> 4 == _AAC and body[1] == _START


def is_key(message: Message) -> bool:
    """Whether decoding can start with this message."""
    body = message.data
    if message.kind != VIDEO or len(body) < 2 or body[0] >> 4 & 7 != 1:
        return False
    return body[0] & 0x0F in (_CODED, _CODED_X) if body[0] & 0x80 else body[1] == _CODED


class TagReader:
    """Messages of one publisher in, what is in them out."""

    def __init__(self) -> None:
        self._config: DecoderConfig | None = None
        self._sound: AudioFormat | None = None

    def read(self, message: Message) -> Item | None:
        """What the message holds; None for nothing that matters."""
        try:
            if message.kind == VIDEO:
                return self._picture(message.data, message.time)
            if message.kind == AUDIO:
                return self._heard(message.data, message.time)
        except StreamFormatError as error:
            return Malformed(str(error))
        return None

    def _picture(self, body: bytes, time: int) -> Item | None:
        if len(body) < 5:
            return None
        if body[0] >> 4 & 7 == 5:
            return None  # a command of FLV, not a picture
        if body[0] & 0x80:
            codec = _FOURCC.get(body[1:5])
            if codec is None:
                return NotCarried(True, _word(body[1:5]))
            kind, at = body[0] & 0x0F, 5
        else:
            codec = _PICTURES.get(body[0] & 0x0F)
            if codec is None:
                number = body[0] & 0x0F
                return NotCarried(True, _OTHER_PICTURES.get(number, f"flv {number}"))
            kind, at = body[1], 2
        if kind == _START:
            self._config = read_config(codec, body[at if body[0] & 0x80 else 5 :])
            return Configured(self._config)
        if kind == _CODED:
            offset = int.from_bytes(body[at : at + 3], "big", signed=True)
            return self._coded(codec, body, at + 3, time, offset)
        if kind == _CODED_X and body[0] & 0x80:
            return self._coded(codec, body, at, time, 0)
        return None

    def _coded(self, codec: Codec, body: bytes, at: int, time: int, offset: int) -> Item:
        config = self._config
        if config is None or config.codec is not codec:
            return Malformed("a picture before its decoder configuration")
        dts = time * TICKS
        data = annex_b(body, at, config.length_size)
        return Picture(codec, data, max(dts, dts + offset * TICKS), dts)

    def _heard(self, body: bytes, time: int) -> Item | None:
        if len(body) < 2:
            return None
        number = body[0] >> 4
        if number in _SOUNDS:
            return Heard(_SOUNDS[number], body[1:], time * TICKS)
        if number == _ENHANCED_SOUND:
            if body[1:5] != b"mp4a":
                return NotCarried(False, _word(body[1:5]))
            return self._aac(body[0] & 0x0F, body[5:], time)
        if number == _AAC:
            return self._aac(body[1], body[2:], time)
        return NotCarried(False, _OTHER_SOUNDS.get(number, f"flv {number}"))

    def _aac(self, kind: int, data: bytes, time: int) -> Item | None:
        if kind == _START:
            self._sound = read_audio_config(data)
            return None
        if kind != _CODED or not data:
            return None
        if self._sound is None:
            return Malformed("sound before its decoder configuration")
        return Heard(self._sound, data, time * TICKS)


def read_audio_config(config: bytes) -> AudioFormat:
    """The format an AudioSpecificConfig describes.  Raises StreamFormatError."""
    if not 2 <= len(config) <= MAX_CONFIG:
        raise StreamFormatError(f"an AudioSpecificConfig of {len(config)} bytes")
    reader = BitReader(config)
    if reader.bits(5) == 31:
        reader.bits(6)
    index = reader.bits(4)
    if index != 15 and index >= len(SAMPLE_RATES):
        raise StreamFormatError("an AudioSpecificConfig without a rate")
    rate = reader.bits(24) if index == 15 else SAMPLE_RATES[index]
    channels = reader.bits(4)
    return AudioFormat(Codec.AAC, max(rate, 1), {0: 1, 7: 8}.get(channels, channels), config)


def _word(fourcc: bytes) -> str:
    """A FourCC as a log may show it."""
    text = fourcc.decode("ascii", "replace").strip()
    return text if text.isalnum() else fourcc.hex()
