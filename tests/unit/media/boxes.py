"""A plain reader of MP4 boxes, for tests that account for every byte."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    kind: str
    body: bytes

    def inside(self) -> list[Box]:
        return boxes(self.body)

    def find(self, *path: str) -> Box:
        box = self
        for kind in path:
            (box,) = [b for b in box.inside() if b.kind == kind]
        return box


@dataclass(frozen=True)
class Read:
    """A sample as a player sees it."""

    duration: int
    flags: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Fragment:
    number: int
    track: int
    begins: int
    samples: tuple[Read, ...]


def boxes(data: bytes) -> list[Box]:
    """The boxes that lie side by side; they must fill the data exactly."""
    found = []
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at, f"box {kind!r} of {size} bytes does not fit"
        found.append(Box(kind.decode(), data[at + 8 : at + size]))
        at += size
    return found


def fragments(data: bytes) -> list[Fragment]:
    """Runs of one `moof` and its `mdat`; all bytes of the `mdat` must belong to a sample."""
    moof, mdat = boxes(data)
    assert (moof.kind, mdat.kind) == ("moof", "mdat")
    (number,) = struct.unpack(">4xI", moof.find("mfhd").body)
    found, at = [], len(moof.body) + 16
    for traf in moof.inside()[1:]:
        flags, track = struct.unpack(">II", traf.find("tfhd").body)
        assert flags == 0x020000
        (begins,) = struct.unpack(">4xQ", traf.find("tfdt").body)
        run = traf.find("trun").body
        _, count, offset = struct.unpack_from(">IIi", run)
        assert offset == at, "runs lie end to end"
        samples = []
        for index in range(count):
            duration, size, sample_flags, later = struct.unpack_from(">IIIi", run, 12 + 16 * index)
            assert at + size <= len(data)
            samples.append(Read(duration, sample_flags, later, data[at : at + size]))
            at += size
        assert len(run) == 12 + 16 * count
        found.append(Fragment(number, track, begins, tuple(samples)))
    assert at == len(data), "bytes that belong to no sample"
    return found
