"""What one viewer gets: bundles in, RTP packets with the viewer's own headers out.

All tracks of a viewer have one zero: the first unit it was given. Its packets carry the starting
times chosen here, so that an answer to PLAY can name them before the first packet is there, and
the sender reports of all tracks tell one and the same clock, so that sound and picture stay
together.

A codec: the wall clock comes in with the call, random numbers with the constructor.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from media.rtp.pack import AUDIO, MARKER, Bundle, unbundle
from media.unit import CLOCK_HZ

from . import rtcp

REPORT_TICKS: Final = 5 * CLOCK_HZ
"""A sender report is due after so much time of the stream (RFC 3550 6.2)."""

PLAIN: Final = Struct(">BBHII")
FRAMED: Final = Struct(">BBHBBHII")


class Track:
    """One RTP stream to one viewer."""

    __slots__ = (
        "channel",
        "clock",
        "first_time",
        "octets",
        "packets",
        "payload_type",
        "reported",
        "sequence",
        "ssrc",
    )

    def __init__(
        self,
        payload_type: int,
        clock: int,
        *,
        ssrc: int,
        sequence: int,
        first_time: int,
        channel: int = 0,
    ) -> None:
        self.payload_type = payload_type
        self.clock = clock
        """Ticks a second of its RTP times."""
        self.ssrc = ssrc
        self.sequence = sequence & 0xFFFF
        """Of the next packet."""
        self.first_time = first_time & 0xFFFFFFFF
        """RTP time of the viewer's zero."""
        self.channel = channel
        """Interleaved channel of its RTP; its RTCP has the next one."""
        self.packets = 0
        self.octets = 0
        self.reported: int | None = None  # stream time of the last sender report

    def time(self, since_zero: int) -> int:
        """RTP time of a moment so many 90 kHz ticks behind the viewer's zero."""
        return (self.first_time + since_zero * self.clock // CLOCK_HZ) & 0xFFFFFFFF


class Outlet:
    """Headers, counters and reports of one viewer."""

    def __init__(self, cname: str, video: Track | None, audio: Track | None) -> None:
        self.video = video
        self.audio = audio
        self._cname = cname.encode()[:255]
        self._zero: int | None = None
        self._zero_ntp = 0
        self._base = 0  # ticks in front of the zero: what was sent before a pause
        self._last = 0

    @property
    def begins_at(self) -> int:
        """Ticks from the first zero to the next unit, where nothing was sent since a pause."""
        return self._base

    @property
    def tracks(self) -> list[Track]:
        return [track for track in (self.video, self.audio) if track is not None]

    def pause(self, gap_s: float) -> None:
        """Nothing is sent for so long: the next unit is the zero again, and the times go on."""
        self._base = self._last + round(gap_s * CLOCK_HZ)
        self._zero = None

    def framed(self, chunk: bytes, wall_s: float) -> bytes:
        """Interleaved frames for RTSP over TCP (RFC 2326 10.12), reports where they are due."""
        parts: list[bytes] = []
        for unit in unbundle(chunk):
            track = self._track(unit, wall_s)
            if track is None:
                continue
            report = self._report_due(track, unit.dts)
            if report:
                parts.append(frame(track.channel + 1, report))
            parts += self._frames(track, unit)
        return b"".join(parts)

    def packets(self, chunk: bytes, wall_s: float) -> Iterator[tuple[Track, bytes, list[bytes]]]:
        """For each unit its track, a report where one is due (else b""), and its datagrams."""
        for unit in unbundle(chunk):
            found = self.packed(unit, wall_s)
            if found is not None:
                yield found

    def packed(self, unit: Bundle, wall_s: float) -> tuple[Track, bytes, list[bytes]] | None:
        """The same for one unit; None when this viewer has no such track."""
        track = self._track(unit, wall_s)
        if track is None:
            return None
        return track, self._report_due(track, unit.dts), self._datagrams(track, unit)

    def _datagrams(self, track: Track, unit: Bundle) -> list[bytes]:
        """The packets of one unit."""
        time, sequence = self._counted(track, unit)
        last = len(unit.payloads) - 1
        mark = 0x80 if unit.flags & MARKER else 0
        kind, ssrc = track.payload_type, track.ssrc
        return [
            PLAIN.pack(0x80, kind | mark if n == last else kind, sequence + n & 0xFFFF, time, ssrc)
            + payload
            for n, payload in enumerate(unit.payloads)
        ]

    def goodbyes(self) -> list[tuple[Track, bytes]]:
        """What ends every track that has begun."""
        return [(track, rtcp.goodbye(track.ssrc)) for track in self.tracks if track.packets]

    def _frames(self, track: Track, unit: Bundle) -> list[bytes]:
        time, sequence = self._counted(track, unit)
        last = len(unit.payloads) - 1
        mark = 0x80 if unit.flags & MARKER else 0
        kind, ssrc, channel = track.payload_type, track.ssrc, track.channel
        parts: list[bytes] = []
        for n, payload in enumerate(unit.payloads):
            second = kind | mark if n == last else kind
            size = len(payload) + PLAIN.size
            parts.append(
                FRAMED.pack(0x24, channel, size, 0x80, second, sequence + n & 0xFFFF, time, ssrc)
            )
            parts.append(payload)
        return parts

    def _counted(self, track: Track, unit: Bundle) -> tuple[int, int]:
        """RTP time and first sequence number of a unit, which is sent from here on."""
        sequence = track.sequence
        track.sequence = sequence + len(unit.payloads) & 0xFFFF
        track.packets += len(unit.payloads)
        track.octets += sum(map(len, unit.payloads))
        since = self._base + unit.dts - (self._zero or 0)
        self._last = max(self._last, since)
        return track.time(since + unit.pts - unit.dts), sequence

    def _track(self, unit: Bundle, wall_s: float) -> Track | None:
        track = self.audio if unit.flags & AUDIO else self.video
        if track is not None and self._zero is None:
            self._zero = unit.dts
            self._zero_ntp = rtcp.ntp(wall_s)
        return track

    def _report_due(self, track: Track, dts: int) -> bytes:
        if track.reported is not None and dts - track.reported < REPORT_TICKS:
            return b""
        track.reported = dts
        since = dts - (self._zero or 0)
        return rtcp.sender_report(
            track.ssrc,
            self._cname,
            self._zero_ntp + (since << 32) // CLOCK_HZ & 0xFFFFFFFFFFFFFFFF,
            track.time(self._base + since),
            track.packets,
            track.octets,
        )


def frame(channel: int, packet: bytes) -> bytes:
    """One interleaved frame."""
    return b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet
