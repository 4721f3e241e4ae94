"""Datagrams of one size handed to the kernel in one call: generic segmentation offload of Linux.

A picture is cut into packets of the largest size and a shorter last one, which is what UDP_SEGMENT
(udp(7), Linux 4.18) takes. The kernel does its work once for all of them and cuts them apart at the
end, or lets the network card do it; on the wire nothing is different. Where it is not known, or the
way to the receiver cannot take it (a device without checksums, a path with a smaller MTU), packets
go one by one, as ever.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from struct import pack
from typing import Final

UDP_SEGMENT: Final = 103
"""`linux/udp.h`; Python has no name for it."""
MOST_SEGMENTS: Final = 64
"""Of one call; the kernel takes no more."""
MOST_BYTES: Final = 65_000
"""Of one call: it has to fit into one datagram."""

_NOT_THIS_WAY: Final = frozenset(
    {errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT}
)


class Segmented:
    """How one UDP socket sends bursts."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.works = _known(sock)
        """Bursts go in one call; False from the first refusal on."""

    def send(self, packets: list[bytes], address: tuple[str, int] | None = None) -> int:
        """Send all, to `address` where the socket is not connected; how many were not taken.

        What finds no room in the socket's buffer goes nowhere. Raises OSError for what else the
        system says, e.g. ConnectionRefusedError; the rest of the packets is not sent then.
        """
        missed = 0
        for run in runs(packets):
            if len(run) > 1 and self.works:
                missed += self._in_one_call(run, address)
            else:
                missed += self._one_by_one(run, address)
        return missed

    def _in_one_call(self, run: list[bytes], address: tuple[str, int] | None) -> int:
        size = (socket.IPPROTO_UDP, UDP_SEGMENT, pack("=H", len(run[0])))
        where = () if address is None else (0, address)
        try:
            self._sock.sendmsg(run, (size,), *where)
        except (BlockingIOError, InterruptedError):
            return len(run)
        except OSError as error:
            if error.errno not in _NOT_THIS_WAY:
                raise
            self.works = False
            return self._one_by_one(run, address)
        return 0

    def _one_by_one(self, run: list[bytes], address: tuple[str, int] | None) -> int:
        missed = 0
        for packet in run:
            try:
                if address is None:
                    self._sock.send(packet)
                else:
                    self._sock.sendto(packet, address)
            except (BlockingIOError, InterruptedError):
                missed += 1
        return missed


def runs(packets: list[bytes]) -> Iterator[list[bytes]]:
    """The same packets in order, cut where one call has to end: all of a run have the size of its
    first, and only the last may be shorter."""
    begin, size, total = 0, 0, 0
    for at, packet in enumerate(packets):
        length = len(packet)
        full = at - begin == MOST_SEGMENTS or total + length > MOST_BYTES
        if at > begin and (full or length > size or len(packets[at - 1]) < size):
            yield packets[begin:at]
            begin, total = at, 0
        if at == begin:
            size = length
        total += length
    if begin < len(packets):
        yield packets[begin:]


def _known(sock: socket.socket) -> bool:
    """Older kernels pass over what they do not know, and would send all as one datagram."""
    try:
        sock.getsockopt(socket.IPPROTO_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True
