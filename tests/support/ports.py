"""Free ports on loopback for processes that are told their port from outside."""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(20000, 32000)


def free_port(*, udp: bool = True, tcp: bool = True) -> int:
    """A port free for the given protocols at this moment, outside the kernel's own range.

    The kernel hands out ports of its ephemeral range to every outgoing socket, so one picked there
    can be taken before the process that shall listen on it has started.
    """
    return free_range(1, udp=udp, tcp=tcp)


_next_start = BELOW_EPHEMERAL.start


def free_range(count: int, *, udp: bool = True, tcp: bool = True) -> int:
    """First of `count` ports in a row; no range is given out twice in one test process."""
    global _next_start
    kinds = [kind for kind, wanted in ((_UDP, udp), (_TCP, tcp)) if wanted]
    for _ in range(len(BELOW_EPHEMERAL)):
        start = _next_start
        _next_start += count
        if _next_start >= BELOW_EPHEMERAL.stop:
            _next_start = BELOW_EPHEMERAL.start
        if start + count < BELOW_EPHEMERAL.stop and _all_free(start, count, kinds):
            return start
    raise RuntimeError("no free ports on loopback")


_UDP = socket.SOCK_DGRAM
_TCP = socket.SOCK_STREAM


def _all_free(start: int, count: int, kinds: list[socket.SocketKind]) -> bool:
    with ExitStack() as stack:
        for port in range(start, start + count):
            for kind in kinds:
                probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    return False
    return True
