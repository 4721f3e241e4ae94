"""The description a camera gives of itself: which tracks there are and how they are asked for.

RFC 8866 (SDP), RFC 2326 C.1 (control), RFC 6184 8.1 and RFC 7798 7.1 (parameter sets), RFC 3640 4.1
(AAC). Anything may be missing or wrong; what cannot be used is left out.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

from media.unit import AudioFormat, Codec

MAX_TRACKS: Final = 8
MAX_LINES: Final = 500
MAX_SET: Final = 4096
"""Bytes of one parameter set."""

CODECS: Final = {
    "h264": Codec.H264,
    "h265": Codec.H265,
    "hevc": Codec.H265,
    "pcma": Codec.G711A,
    "pcmu": Codec.G711U,
    "mpeg4-generic": Codec.AAC,
}
STATIC: Final = {0: ("pcmu", 8000), 8: ("pcma", 8000), 26: ("jpeg", 90_000)}
"""Payload types without an rtpmap (RFC 3551)."""


@dataclass(slots=True)
class Track:
    """One `m=` line."""

    kind: str
    """`video`, `audio` or what else it says."""
    payload_type: int
    name: str = ""
    """Of the codec, in lower case."""
    clock: int = 90_000
    channels: int = 1
    control: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def codec(self) -> Codec | None:
        """None for what is not carried."""
        return CODECS.get(self.name)

    @property
    def parameter_sets(self) -> list[bytes]:
        """Those the description names, VPS before SPS before PPS."""
        names = ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets")
        texts = ",".join(self.parameters.get(name, "") for name in names).split(",")
        return [unit for text in texts if (unit := _unit(text))]

    @property
    def audio(self) -> AudioFormat | None:
        """What an AAC decoder has to know."""
        try:
            config = bytes.fromhex(self.parameters.get("config", ""))
        except ValueError:
            return None
        if self.codec is not Codec.AAC or not 2 <= len(config) <= 64:
            return None
        return AudioFormat(Codec.AAC, self.clock, self.channels, config)

    @property
    def header_bits(self) -> tuple[int, int, int]:
        """Of an AU header: size, index of the first, index of the others."""
        return (
            self._number("sizelength", 13),
            self._number("indexlength", 3),
            self._number("indexdeltalength", 3),
        )

    def _number(self, name: str, otherwise: int) -> int:
        text = self.parameters.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else otherwise


def read_tracks(body: bytes) -> tuple[list[Track], str]:
    """The tracks, and the control of the whole session."""
    tracks: list[Track] = []
    session = ""
    for line in body.decode("utf-8", "replace").splitlines()[:MAX_LINES]:
        kind, _, value = line.strip().partition("=")
        if kind == "m":
            if len(tracks) == MAX_TRACKS:
                break
            found = _media(value)
            if found is not None:
                tracks.append(found)
        elif kind == "a":
            name, _, text = value.partition(":")
            if tracks:
                _attribute(tracks[-1], name.strip().lower(), text.strip())
            elif name.strip().lower() == "control":
                session = text.strip()
    return tracks, session


def _media(value: str) -> Track | None:
    words = value.split()
    if len(words) < 4 or not (words[3].isascii() and words[3].isdecimal()) or len(words[3]) > 3:
        return None
    number = int(words[3])
    name, clock = STATIC.get(number, ("", 90_000))
    return Track(words[0].lower(), number, name, clock)


def _attribute(track: Track, name: str, text: str) -> None:
    if name == "control":
        track.control = text
        return
    number, _, rest = text.partition(" ")
    if number.strip() != str(track.payload_type):
        return
    if name == "rtpmap":
        parts = rest.strip().split("/")
        track.name = parts[0].lower()
        if len(parts) > 1 and parts[1].isascii() and parts[1].isdecimal():
            track.clock = min(max(1, int(parts[1][:9])), 1_000_000)
        if len(parts) > 2 and parts[2].isascii() and parts[2].isdecimal():
            track.channels = min(max(1, int(parts[2][:3])), 8)
    elif name == "fmtp":
        for part in rest.split(";"):
            key, _, value = part.partition("=")
            track.parameters[key.strip().lower()] = value.strip()


def _unit(text: str) -> bytes:
    try:
        found = b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if 3 <= len(found) <= MAX_SET else b""


def track_address(base: str, session: str, control: str) -> str:
    """What SETUP asks for: a control may be whole, or to be put behind the base."""
    if control.lower().startswith("rtsp://"):
        return control
    start = session if session.lower().startswith("rtsp://") else base
    if control in ("", "*"):
        return start
    return start + ("" if start.endswith("/") else "/") + control
