"""Free loopback ports for a platform under test, also when several test runs share a machine.

A block of ports below the kernel's ephemeral range belongs to the process that holds the lock on
its file; the lock falls with the process, however that ends. Every port is tried by binding it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

_FIRST, _LAST, _SIZE = 20000, 32000, 200


class PortBlock:
    """`sip` (UDP and TCP), `http`, `rtsp`, `rtmp`, ranges of media in and out.

    Released with `close`.
    """

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"gb28181-test-ports-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        starts = list(range(_FIRST, _LAST, _SIZE))
        random.shuffle(starts)  # so that parallel runs seldom try the same block
        for start in starts:
            lock = _try_lock(folder / str(start))
            if lock is None:
                continue
            if all(_is_free(port) for port in range(start, start + _SIZE)):
                self._lock: IO[str] = lock
                break
            lock.close()
        else:
            raise RuntimeError("no free block of ports between 20000 and 32000")
        self.sip = start
        self.http = start + 1
        self.spare = start + 2
        self.rtsp = start + 3
        self.rtmp = start + 4
        self.media = range(start + 40, start + 180)
        """Each rests for 30 s after a call, and a quick file of tests makes more calls than 40."""
        self.players = range(start + 180, start + 200)

    def close(self) -> None:
        self._lock.close()


def _try_lock(path: Path) -> IO[str] | None:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
