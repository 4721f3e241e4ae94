"""Program association and program map of a transport stream: which packets carry which codec.

A section may be spread over packets, and is at most 1,024 bytes long. What breaks a rule is no
section; the tables come again several times a second.

ISO/IEC 13818-1 2.4.4 (PSI sections), tables 2-30 (PAT) and 2-33 (PMT).
"""

from __future__ import annotations

from typing import Final

PAT: Final = 0
PMT: Final = 2
MAX_SECTION: Final = 1024
MAX_STREAMS: Final = 32
"""Of one program; one with more is no camera."""


class Section:
    """Puts the section of one PID together."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def feed(self, payload: bytes, *, begins: bool) -> bytes | None:
        """The section, when it is complete with this payload."""
        if begins:
            pointer = payload[0] if payload else 0
            self._data = payload[1 + pointer :]
        elif self._data:
            self._data += payload
        data = self._data
        if len(data) < 3:
            return None
        size = 3 + ((data[1] & 0x0F) << 8 | data[2])
        if size > MAX_SECTION:
            self._data = b""
            return None
        if len(data) < size:
            return None
        self._data = b""
        return data[:size]


def program_map_pid(section: bytes) -> int | None:
    """The PID of the first program's map."""
    if len(section) < 12 or section[0] != PAT:
        return None
    for at in range(8, len(section) - 4 - 3, 4):
        if section[at] or section[at + 1]:  # program 0 is the network's
            return (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return None


def streams_of(section: bytes) -> dict[int, int]:
    """PID -> stream type; empty for what is no map."""
    if len(section) < 16 or section[0] != PMT:
        return {}
    end = len(section) - 4
    at = 12 + ((section[10] & 0x0F) << 8 | section[11])
    found: dict[int, int] = {}
    while at + 5 <= end and len(found) < MAX_STREAMS:
        pid = (section[at + 1] & 0x1F) << 8 | section[at + 2]
        found[pid] = section[at]
        at += 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
    return found if at == end else {}
