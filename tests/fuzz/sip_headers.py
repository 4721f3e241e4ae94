"""Typed values of SIP headers: read or refused, and written they read the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sip.errors import ParseError
from sip.grammar import parse_params, split_list, unquote
from sip.headers import CSeq, NameAddr, Via, parse_list

from .vectors import header_values

READERS: tuple[Callable[[str], Any], ...] = (Via.parse, NameAddr.parse, CSeq.parse)


def seeds() -> list[bytes]:
    return header_values("via", "v", "from", "f", "to", "t", "contact", "m", "cseq")


def check(data: bytes) -> None:
    text = data.decode("latin-1")
    for parse in READERS:
        try:
            found = parse(text)
        except ParseError:
            continue
        assert parse(str(found)) == found
    for read in (parse_params, split_list, lambda value: parse_list([value], NameAddr.parse)):
        with suppress(ParseError):
            read(text)
    assert len(unquote(text)) <= len(text)
