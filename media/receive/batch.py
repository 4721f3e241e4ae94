"""Many datagrams of a socket with one system call: recvmmsg(2), through ctypes.

Why: of what a packet costs, most is being fetched. `recvfrom_into` takes 4.9 us for a packet of a
picture that came in one burst, of which 1.2 us make a text of its address; this takes 3.4 us, and
looks at the addresses of all packets with one comparison (docs/explanation/performance.md).

Only for 64-bit Linux, whose layout of `struct mmsghdr` stands below; `batch_of` gives None anywhere
else, and the receiver then reads one by one.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import sys
from typing import Any, Final

SLOTS: Final = 64
"""Datagrams of one call."""
_SLOT_BYTES: Final = 65_536 + 1_536
"""More than the largest datagram, and no power of two, which would crowd a part of the cache.
Memory is taken by the page, so a slot of usual packets takes one."""
_MSG_DONTWAIT: Final = 0x40
_NAME_BYTES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
_PORT: Final = struct.Struct(">H")


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """`struct mmsghdr`."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_LENGTHS: Final = struct.Struct("=" + "56xI4x" * SLOTS)


class Batch:
    """The slots; one for all sockets of a family, since what is read is copied out at once."""

    def __init__(self, call: Any, family: int) -> None:
        self._call = call
        self._family = family
        self._name_bytes = _NAME_BYTES[socket.AddressFamily(family)]
        self._data = mmap.mmap(-1, SLOTS * _SLOT_BYTES)
        self._names = bytearray(SLOTS * self._name_bytes)
        self._vectors = (_IoVector * SLOTS)()
        self._messages = (_Message * SLOTS)()
        data = ctypes.addressof(ctypes.c_char.from_buffer(self._data))
        names = ctypes.addressof(ctypes.c_char.from_buffer(self._names))
        for at, (vector, message) in enumerate(zip(self._vectors, self._messages, strict=True)):
            vector.base, vector.length = data + at * _SLOT_BYTES, _SLOT_BYTES
            header = message.header
            header.name, header.name_length = names + at * self._name_bytes, self._name_bytes
            header.vector, header.vectors = ctypes.addressof(vector), 1
        self._first = ctypes.addressof(self._messages)
        self._raw = memoryview(self._messages).cast("B")
        self._view = memoryview(self._data)
        self._starts = range(0, SLOTS * _SLOT_BYTES, _SLOT_BYTES)

    def read(self, fd: int) -> int:
        """How many datagrams came, at most `SLOTS`. Raises OSError, BlockingIOError among them."""
        count: int = self._call(fd, self._first, SLOTS, _MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return count

    def packets(self, count: int) -> list[bytes]:
        """The datagrams of the last read."""
        view, lengths = self._view, _LENGTHS.unpack_from(self._raw)
        return [
            bytes(view[start : start + length])
            for start, length in zip(self._starts, lengths[:count], strict=False)
        ]

    def name(self, at: int) -> bytes:
        """The sender of a datagram as the kernel writes it."""
        return bytes(self._names[at * self._name_bytes : (at + 1) * self._name_bytes])

    def all_from(self, names: bytes, count: int) -> bool:
        """Whether all came from there; `names` is the name of a sender, `SLOTS` times."""
        size = count * self._name_bytes
        return self._names[:size] == names[:size]

    def address(self, at: int) -> tuple[str, int]:
        """The same as `recvfrom` gives it, without flow and scope."""
        name = self.name(at)
        raw = name[4:8] if self._family == socket.AF_INET else name[8:24]
        return socket.inet_ntop(self._family, raw), _PORT.unpack_from(name, 2)[0]


def batch_of(family: int) -> Batch | None:
    """None where the call or its structures are not known to be there."""
    fits = ctypes.sizeof(ctypes.c_void_p) == 8 and ctypes.sizeof(_Message) == 64
    if sys.platform != "linux" or not fits:
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "recvmmsg", None)
    if call is None:
        return None
    call.restype = ctypes.c_int
    call.argtypes = (
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_void_p,
    )
    return Batch(call, family)
