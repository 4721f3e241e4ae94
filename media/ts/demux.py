"""MPEG transport stream to units: whole PES packets of the streams the program map names.

One payload of RTP holds whole packets of 188 bytes. A PES ends where its length says or, for
pictures without one, where the next begins. A gap in the continuity counter of a PID, or packets
that are known to be missing, spoil the PES that is open there. What is open is bounded: one PES of
at most `max_unit` bytes for each of the few streams of a program.

ISO/IEC 13818-1 2.4.3 (packets, PES); RFC 2250 2 (in RTP).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.ps.demux import pes_time
from media.ts.tables import Section, program_map_pid, streams_of

PACKET: Final = 188
SYNC: Final = 0x47
NULL_PID: Final = 0x1FFF
PES_START: Final = b"\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class TsUnit:
    """One PES packet."""

    pid: int
    kind: int
    """Stream type of the program map."""
    data: bytes
    pts: int | None
    dts: int | None
    whole: bool
    """Nothing of it is missing."""


def starts_ts(payload: bytes) -> bool:
    """Whether a payload is whole transport packets: two of them, or one that begins the tables."""
    size = len(payload)
    if not size or size % PACKET or payload[0] != SYNC:
        return False
    if size == PACKET:
        return payload[1] & 0x1F == 0 and payload[2] == 0
    return all(payload[at] == SYNC for at in range(PACKET, size, PACKET))


def continues_ts(payload: bytes) -> bool:
    """Whether a payload of a stream that is known to be one goes on with it."""
    return bool(payload) and not len(payload) % PACKET and payload[0] == SYNC


class _Open:
    """What is being put together for one PID."""

    __slots__ = ("continuity", "damaged", "parts", "size", "wanted")

    def __init__(self) -> None:
        self.continuity = -1
        self.parts: list[bytes] = []
        self.size = 0
        self.wanted = 0
        """Bytes of the whole PES; 0 where it is not said."""
        self.damaged = False


class TsDemuxer:
    """One program of one sender."""

    def __init__(self, max_unit: int) -> None:
        self.bad = 0
        """Packets and PES headers that broke the rules."""
        self._max_unit = max_unit
        self.reset()

    def reset(self) -> None:
        """Another sender follows."""
        self.streams: dict[int, int] = {}
        """PID -> stream type."""
        self._map_pid: int | None = None
        self._sections: dict[int, Section] = {0: Section()}
        self._open: dict[int, _Open] = {}

    def lost(self) -> None:
        """Packets are missing in front of the next ones."""
        for one in self._open.values():
            one.damaged = True

    def feed(self, payload: bytes) -> list[TsUnit]:
        """The units that are complete with these packets."""
        out: list[TsUnit] = []
        for at in range(0, len(payload) - PACKET + 1, PACKET):
            if payload[at] != SYNC:
                self.bad += 1
                continue
            self._packet(payload[at : at + PACKET], out)
        return out

    def _packet(self, packet: bytes, out: list[TsUnit]) -> None:
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        control = packet[3]
        if pid == NULL_PID or packet[1] & 0x80 or not control & 0x10:
            return  # filling, broken on its way, or nothing in it
        begin = 4
        if control & 0x20:
            begin += 1 + packet[4]
            if begin >= PACKET:
                self.bad += begin > PACKET
                return
        payload = packet[begin:]
        begins = bool(packet[1] & 0x40)
        section = self._sections.get(pid)
        if section is not None:
            found = section.feed(payload, begins=begins)
            if found is not None:
                self._table(pid, found)
            return
        if pid in self.streams:
            self._part(pid, control & 0x0F, payload, begins, out)

    def _table(self, pid: int, section: bytes) -> None:
        if pid == 0:
            found = program_map_pid(section)
            if found is not None and found != self._map_pid and found:
                self._map_pid = found
                self._sections = {0: self._sections[0], found: Section()}
            return
        streams = streams_of(section)
        if streams and streams != self.streams:
            self.streams = streams
            self._open = {pid: one for pid, one in self._open.items() if pid in streams}

    def _part(
        self, pid: int, continuity: int, payload: bytes, begins: bool, out: list[TsUnit]
    ) -> None:
        one = self._open.get(pid)
        if one is None:
            one = self._open[pid] = _Open()
        before, one.continuity = one.continuity, continuity
        if before >= 0 and continuity == before and not begins:
            return  # a packet may be sent twice
        if before >= 0 and continuity != (before + 1) & 0x0F:
            one.damaged = True
        if begins:
            self._finish(pid, one, out)
            one.wanted = _length(payload)
        elif not one.parts:
            return  # the middle of something whose beginning is not known
        one.parts.append(payload)
        one.size += len(payload)
        if one.size > self._max_unit:
            one.parts, one.size, one.damaged = [], 0, True
        elif one.wanted and one.size >= one.wanted:
            self._finish(pid, one, out)

    def _finish(self, pid: int, one: _Open, out: list[TsUnit]) -> None:
        """Give out what is open, and begin anew."""
        parts, damaged, wanted = one.parts, one.damaged, one.wanted
        one.parts, one.size, one.wanted, one.damaged = [], 0, 0, False
        if not parts:
            return
        data = b"".join(parts)
        if wanted:
            damaged = damaged or len(data) < wanted
            data = data[:wanted]
        if len(data) < 9 or not data.startswith(PES_START) or data[6] >> 6 != 0b10:
            self.bad += 1
            return
        flags, head = data[7] >> 6, data[8]
        pts = pes_time(data, 9) if flags & 2 and head >= 5 and len(data) >= 14 else None
        dts = pes_time(data, 14) if flags == 3 and head >= 10 and len(data) >= 19 else None
        out.append(TsUnit(pid, self.streams[pid], data[9 + head :], pts, dts, not damaged))


def _length(payload: bytes) -> int:
    """Bytes of the PES that begins here; 0 where it is not said."""
    stated = int.from_bytes(payload[4:6], "big") if len(payload) >= 6 else 0
    return 6 + stated if stated else 0
