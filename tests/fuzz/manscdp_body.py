"""A MANSCDP body in any charset: a message or BadXml; both ways to a heartbeat agree."""

from __future__ import annotations

from gb28181.manscdp import BadXml, CharsetMemory, Limits, decode, from_decoded, read
from gb28181.manscdp.commands.keepalive import quick

from .vectors import manscdp_bodies as seeds

__all__ = ["check", "seeds"]

LIMITS = Limits(bytes=16384, depth=32, nodes=500)


def check(data: bytes) -> None:
    memory = CharsetMemory()
    for _ in range(2):  # what the first one taught may not change what is documented
        try:
            read(data, memory, LIMITS)
        except BadXml as error:
            assert 400 <= error.status_hint < 700
    short = quick(data)
    if short is not None:
        assert short == from_decoded(decode(data))
