"""What a payload is: one of the known answers, or none."""

from __future__ import annotations

from media.ps.probe import Container, audio_codec, container_of, starts_ps, video_codec
from media.unit import Codec

from .vectors import H265_SETS, KEY_PICTURE, SPS, program_streams


def seeds() -> list[bytes]:
    joined = b"".join(b"\0\0\0\1" + unit for unit in H265_SETS)
    aggregated = b"\x18" + len(SPS).to_bytes(2, "big") + SPS
    return [KEY_PICTURE, SPS, joined, *H265_SETS, aggregated, *program_streams()]


def check(data: bytes) -> None:
    container = container_of(data)
    assert container is None or container in Container
    if starts_ps(data):
        assert container is Container.PS
    assert video_codec(data) in (None, Codec.H264, Codec.H265)
    assert audio_codec(data) in (Codec.AAC, Codec.G711A)
