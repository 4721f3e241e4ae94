"""The shared lexical rules."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.grammar import (
    format_params,
    is_token,
    parse_params,
    parse_uint,
    quote,
    quoted_end,
    split_list,
    split_outside,
    unquote,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("<sip:a,b@h>,<sip:c@h>", ["<sip:a,b@h>", "<sip:c@h>"]),
        ("a,,b,", ["a", "", "b", ""]),
        ("", [""]),
    ],
)
def test_split_list(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


def test_split_at_semicolons() -> None:
    assert split_outside('a="x;y";b;<c;d>', ";") == ['a="x;y"', "b", "<c;d>"]


@pytest.mark.parametrize("text", ['"a,b', "<a,b", '"a\\",b'])
def test_split_unbalanced(text: str) -> None:
    with pytest.raises(ParseError):
        split_list(text)


@pytest.mark.parametrize(
    ("text", "end"), [('""', 2), ('"a"b', 3), ('"\\""', 4), ('"\\\\"x', 4), ('"a\\\\\\"b"', 8)]
)
def test_quoted_end(text: str, end: int) -> None:
    assert quoted_end(text, 0) == end


@pytest.mark.parametrize("text", ["plain", 'with "quotes"', "back\\slash", "", "日本"])
def test_quote_round_trip(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquote_leaves_other_text() -> None:
    assert unquote("abc") == "abc"
    assert unquote('"') == '"'


def test_params() -> None:
    found = parse_params('A=1; b ;c="x;\\"y";; d = 2;')
    assert found == {"a": "1", "b": None, "c": 'x;"y', "d": "2"}
    assert parse_params(format_params(found)) == found
    assert format_params({"a": "1", "b": None, "c": "x y", "d": ""}) == ';a=1;b;c="x y";d=""'


@pytest.mark.parametrize("text", ["=1", "a b=1", "a=1;=2", 'a="', 'a="b"c', "ä=1", "²=1"])
def test_bad_params(text: str) -> None:
    with pytest.raises(ParseError):
        parse_params(text)


def test_uint() -> None:
    assert parse_uint("0042") == 42
    for text in ("", "-1", "+1", "1 ", "1_0", "٣", "²", "4294967296", "9" * 65):
        with pytest.raises(ParseError):
            parse_uint(text)


def test_token() -> None:
    assert is_token("a-b.c!d%e*f_g+h`i'j~k")
    assert not is_token("")
    assert not is_token("a b")
    assert not is_token("a/b")


def test_long_runs_cost_linear_time() -> None:
    """A quadratic scan of these would take minutes, not milliseconds."""
    assert len(split_list("," * 60_000)) == 60_001
    with pytest.raises(ParseError):
        quoted_end('"' + "\\" * 60_000, 0)
    assert quoted_end('"' + "\\" * 60_000 + '"', 0) == 60_002
