"""NAL units: what is split can be joined, and a picture becomes what containers carry."""

from __future__ import annotations

from media.errors import StreamFormatError
from media.unit import AccessUnit, Codec
from media.video.decoder_config import decoder_config
from media.video.lengths import length_prefixed
from media.video.nal import (
    MAX_PARAMETER_BYTES,
    MAX_PARAMETER_SETS,
    ParameterSets,
    join,
    read_head,
    split,
)

from .vectors import H265_SETS, KEY_PICTURE


def seeds() -> list[bytes]:
    joined = b"".join(b"\0\0\1" + unit for unit in (*H265_SETS, b"\x26\1\xaf\x12"))
    return [KEY_PICTURE, joined, b"\0\0\0\1\x41\x9a", b"\0\0\1" + KEY_PICTURE]


def check(data: bytes) -> None:
    units = split(data)
    assert split(join(units)) == units
    for codec in (Codec.H264, Codec.H265):
        head = read_head(codec, data)
        assert -1 <= head.slice_at < len(data)
        sets = ParameterSets(codec)
        for _ in range(2):
            sets.update(head.parameter_sets)
            sets.update(units)
        assert len(sets.units) <= MAX_PARAMETER_SETS
        assert all(len(unit) <= MAX_PARAMETER_BYTES for unit in sets.units)
        parts, size = length_prefixed(AccessUnit(True, codec, 0, 0, True, data))
        assert sum(map(len, parts)) == size
        if sets.ready:
            try:
                found = sets.format()
            except StreamFormatError:
                continue
            decoder_config(found)
