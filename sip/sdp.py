"""SDP (RFC 4566): session descriptions that keep every line in its place.

A description is a list of session lines and of media sections; unknown line letters stay where they
were, so the `y=`, `f=` and `u=` of GB/T 28181 survive. Reading is generous (any line end, blanks
around values, missing lines, a value that runs on with blanks); writing always ends lines with
CRLF, the last one too, because some cameras refuse a body without it.

GB/T 28181 puts `y=` and `f=` behind the media lines but means the session: `SessionDescription.get`
therefore looks everywhere. What the numbers in them mean is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sip.errors import ParseError

MAX_BYTES = 65_536
MAX_LINES = 1_024

Line = tuple[str, str]

_PADDING = "\0" + "".join(filter(str.isspace, map(chr, range(0x3001))))
"""Around values: every blank there is, and the zeros cameras fill their buffers with."""
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class RtpMap:
    """`a=rtpmap:96 PS/90000`."""

    payload: int
    encoding: str
    """As written; compare without case."""
    clock_rate: int
    channels: int = 1


@dataclass(slots=True)
class Media:
    """One `m=` line and the lines below it, up to the next `m=`."""

    kind: str
    """video, audio, application ..."""
    port: int
    proto: str
    """As written: RTP/AVP, TCP/RTP/AVP ..."""
    formats: list[str]
    """What stands behind the protocol: payload types for RTP."""
    lines: list[Line] = field(default_factory=list)
    port_count: int = 1

    @property
    def payloads(self) -> list[int]:
        """The formats that are payload types; anything else is passed over."""
        return [int(text) for text in self.formats if _is_number(text) and int(text) < 128]

    @property
    def is_tcp(self) -> bool:
        return self.proto.upper().startswith("TCP/")

    @property
    def connection(self) -> str | None:
        """The address of a `c=` of this section; see `SessionDescription.address_of`."""
        return _address(_first(self.lines, "c"))

    @property
    def setup(self) -> str | None:
        """`a=setup`: active, passive, actpass or holdconn, in lower case (RFC 4145)."""
        value = self.attribute("setup")
        return value.lower() if value else None

    @property
    def connection_reuse(self) -> str | None:
        """`a=connection`: new or existing (RFC 4145)."""
        value = self.attribute("connection")
        return value.lower() if value else None

    @property
    def direction(self) -> str | None:
        """sendrecv, sendonly, recvonly or inactive where this section says so."""
        return _direction(self.lines)

    @property
    def rtpmaps(self) -> dict[int, RtpMap]:
        """Payload type -> rtpmap; lines that cannot be read are passed over."""
        found = (_rtpmap(value) for value in self.attributes("rtpmap"))
        return {entry.payload: entry for entry in found if entry is not None}

    def attribute(self, name: str) -> str | None:
        """The value of the first `a=name:value`, "" for a bare `a=name`, None without one."""
        return next(iter(self.attributes(name)), None)

    def attributes(self, name: str) -> list[str]:
        return _attributes(self.lines, name)

    def add_attribute(self, name: str, value: str | None = None) -> None:
        self.lines.append(("a", name if value is None else f"{name}:{value}"))

    def render(self) -> Iterator[str]:
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        yield f"m={self.kind} {self.port}{count} {self.proto} {' '.join(self.formats)}".rstrip()
        for letter, value in self.lines:
            yield f"{letter}={value}"


@dataclass(slots=True)
class SessionDescription:
    """Session lines in order, and the media sections."""

    lines: list[Line] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)

    @classmethod
    def parse(cls, body: bytes) -> SessionDescription:
        """Read a description. Raises ParseError (488) where it is none."""
        if len(body) > MAX_BYTES:
            raise ParseError("SDP too large", status_hint=488, sample=body)
        text = body.decode("latin-1").replace("\r", "\n")
        found = cls()
        current = found.lines
        for number, raw in enumerate(filter(None, map(_trim, text.split("\n")))):
            if number >= MAX_LINES:
                raise ParseError("SDP with too many lines", status_hint=488, sample=body)
            letter, equals, value = raw.partition("=")
            letter, value = letter.strip(), value.strip(_PADDING)
            if not equals or len(letter) != 1 or not (letter.isascii() and letter.isalpha()):
                # No line of SDP: part of nothing. Cameras put remarks and padding here.
                continue
            if letter == "m":
                media = _media(value, body)
                found.media.append(media)
                current = media.lines
            else:
                current.append((letter, value))
        if not found.lines and not found.media:
            raise ParseError("not SDP", status_hint=488, sample=body)
        return found

    def to_bytes(self) -> bytes:
        """The wire form, every line ended by CRLF."""
        text = [f"{letter}={value}" for letter, value in self.lines]
        for media in self.media:
            text += media.render()
        out = "\r\n".join(text) + "\r\n"
        try:
            return out.encode("latin-1")
        except UnicodeEncodeError:
            return out.encode("utf-8", "surrogatepass")

    def get(self, letter: str) -> str | None:
        """The first value of a line letter, wherever it stands: y, f, u, s, t ..."""
        for lines in self._everywhere():
            value = _first(lines, letter)
            if value is not None:
                return value
        return None

    def add(self, letter: str, value: str) -> None:
        """Append a line to the session part."""
        self.lines.append((letter, value))

    def add_last(self, letter: str, value: str) -> None:
        """Append a line at the very end, where GB/T 28181 wants `y=` and `f=`."""
        (self.media[-1].lines if self.media else self.lines).append((letter, value))

    @property
    def name(self) -> str:
        """`s=`: Play, Playback, Download, Talk in GB/T 28181; "" where it is missing."""
        return self.get("s") or ""

    @property
    def origin_user(self) -> str:
        """First word of `o=`: the id of the sender in GB/T 28181."""
        words = (self.get("o") or "").split()
        return words[0] if words else ""

    @property
    def times(self) -> tuple[int, int]:
        """Start and stop of `t=`; (0, 0) where it is missing or no two numbers."""
        words = (self.get("t") or "").split()
        if len(words) < 2 or not all(map(_is_number, words[:2])):
            return 0, 0
        return int(words[0]), int(words[1])

    @property
    def connection(self) -> str | None:
        """The address of the session's own `c=`."""
        return _address(_first(self.lines, "c"))

    def address_of(self, media: Media) -> str | None:
        """Where a section wants its media: its own `c=`, else the session's, else another's."""
        if media.connection is not None or self.connection is not None:
            return media.connection or self.connection
        return next((other.connection for other in self.media if other.connection), None)

    def direction_of(self, media: Media) -> str:
        """Direction of a section: its own, the session's, else sendrecv (RFC 4566 clause 6)."""
        return media.direction or _direction(self.lines) or "sendrecv"

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute, in the session part or in any section."""
        for lines in self._everywhere():
            values = _attributes(lines, name)
            if values:
                return values[0]
        return None

    def first(self, kind: str) -> Media | None:
        """The first section of a kind that is not refused (port 0)."""
        return next((m for m in self.media if m.kind == kind and m.port), None)

    def _everywhere(self) -> Iterator[list[Line]]:
        yield self.lines
        for media in self.media:
            yield media.lines


def _trim(text: str) -> str:
    return text.strip(" \t\0")


def _is_number(text: str) -> bool:
    return len(text) <= 20 and text.isascii() and text.isdigit()


def _first(lines: list[Line], letter: str) -> str | None:
    return next((value for found, value in lines if found == letter), None)


def _attributes(lines: list[Line], name: str) -> list[str]:
    found = []
    for letter, value in lines:
        if letter == "a":
            key, _, rest = value.partition(":")
            if key.strip().lower() == name.lower():
                found.append(rest.strip())
    return found


def _direction(lines: list[Line]) -> str | None:
    for letter, value in lines:
        if letter == "a" and value.lower() in _DIRECTIONS:
            return value.lower()
    return None


def _address(value: str | None) -> str | None:
    """The address of `IN IP4 192.0.2.1/127`; None where there is none."""
    words = (value or "").split()
    if not words or words[0].upper() != "IN" or len(words) < 3:
        return None
    return words[2].partition("/")[0] or None


def _media(value: str, body: bytes) -> Media:
    words = value.split()
    if len(words) < 3:
        raise ParseError("bad media line", status_hint=488, sample=body)
    port, slash, count = words[1].partition("/")
    if not _is_number(port) or int(port) > 65_535 or (slash and not _is_number(count)):
        raise ParseError("bad media port", status_hint=488, sample=body)
    number = int(count) if slash else 1
    return Media(words[0].lower(), int(port), words[2], words[3:], port_count=number)


def _rtpmap(value: str) -> RtpMap | None:
    payload, _, rest = value.partition(" ")
    parts = rest.strip().split("/")
    if not _is_number(payload) or len(parts) < 2 or not _is_number(parts[1].strip()):
        return None
    channels = parts[2].strip() if len(parts) > 2 else ""
    return RtpMap(
        int(payload), parts[0].strip(), int(parts[1]), int(channels) if _is_number(channels) else 1
    )
