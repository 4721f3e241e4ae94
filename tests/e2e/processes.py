"""What the kernel knows about the platform's processes: children, sockets, memory, CPU time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STATES = {"01": "established", "0A": "listen", "07": "udp"}


@dataclass(frozen=True, slots=True)
class Socket:
    """One row of /proc/net/{tcp,udp} that belongs to a process of interest."""

    protocol: str
    local: tuple[str, int]
    remote: tuple[str, int]
    state: str


def family(pid: int) -> list[int]:
    """The process and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{entry}/stat").read_text()
                fields = stat.rpartition(")")[2].split()
                if fields[0] != "Z":
                    children.setdefault(int(fields[1]), []).append(int(entry))
    out, queue = [], [pid]
    while queue:
        one = queue.pop()
        if os.path.exists(f"/proc/{one}"):
            out.append(one)
        queue.extend(children.get(one, []))
    return out


def sockets(pids: list[int]) -> list[Socket]:
    """Every UDP and TCP socket these processes hold, by inode."""
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    return [
        Socket(protocol, local, remote, state)
        for protocol in ("udp", "tcp", "udp6", "tcp6")
        for local, remote, state, inode in _rows(protocol)
        if inode in inodes
    ]


def rss_bytes(pids: list[int]) -> int:
    """Resident memory of all of them together."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def cpu_seconds(pids: list[int]) -> float:
    """User and system time so far."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _inodes(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    yield target[8:-1]


def _rows(protocol: str) -> Iterator[tuple[tuple[str, int], tuple[str, int], str, str]]:
    with open(f"/proc/net/{protocol}") as table:
        next(table)
        for line in table:
            fields = line.split()
            state = _STATES.get(fields[3], fields[3])
            yield _address(fields[1]), _address(fields[2]), state, fields[9]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if len(raw) == 4:
        return ".".join(str(byte) for byte in reversed(raw)), int(port, 16)
    last = raw[-4:] if raw[:8] == bytes(8) else b""
    return ".".join(str(byte) for byte in reversed(last)) or "ipv6", int(port, 16)
