"""What holds for any bytes: a message comes out, or the documented error; never anything else.

For streams also: whole = byte by byte = any cuts, and nothing is held back beyond the limits.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.framing import StreamFramer
from sip.headers import CSeq, Headers, NameAddr, Via
from sip.parser import Limits, parse_datagram
from sip.uri import SipUri
from tests.support.sip_reading import refusal, touch
from tests.unit.sip.vectors import every_vector

SEEDS = every_vector()

#: Bytes with a meaning somewhere in SIP, so that random text hits the rules.
SPICE = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"<", b">", b"@"),
    *(b"\0", b"\xff", b"\xa0", b"\x85", b"%", b"?", b"SIP/2.0", b"sip:", b"[", b"]", b"\r\n\r\n"),
    *(b"Content-Length: 3\r\n", b"l:-1\r\n", b"Via: SIP/2.0/UDP h\r\n", b"CSeq: 1 X\r\n", b"\r\n "),
    *(b"MESSAGE sip:a@b SIP/2.0\r\n", b"v=0\r\n", b"m=video 1 RTP/AVP 96\r\n", b"a", b"9"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good message with some pieces cut out, doubled, or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(len(data), at + 40)))
        piece = draw(st.one_of(st.sampled_from(SPICE), st.binary(max_size=4)))
        data[at:until] = piece * draw(st.integers(0, 3))
    return bytes(data)


ANY = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(SPICE), max_size=60).map(b"".join),
    mutated(),
)


@given(ANY)
def test_a_datagram_is_read_or_refused(data: bytes) -> None:
    try:
        message = parse_datagram(data)
    except ParseError as error:
        if error.message is not None:
            touch(error.message)
        return
    touch(message)
    assert len(message.body) <= len(data)


@given(ANY)
def test_what_was_read_can_be_written_and_read_again(data: bytes) -> None:
    try:
        message = parse_datagram(data)
    except ParseError:
        return
    if "content-length" in message.headers and message.headers.get("Content-Length") == "0":
        message.body = b""
    once = message.to_bytes()
    again = parse_datagram(once)
    assert again.to_bytes() == once
    assert again.body == message.body
    assert [item for item in again.headers if item[0].lower() != "content-length"] == [
        item for item in message.headers if item[0].lower() != "content-length"
    ]


def run(pieces: list[bytes]) -> tuple[list[object], bool]:
    framer = StreamFramer(max_header=2000, max_body=1000, max_garbage=3000)
    out: list[object] = []
    for piece in pieces:
        for item in framer.feed(piece):
            if isinstance(item, ParseError):
                out.append((type(item).__name__, item.status_hint, str(item)))
            else:
                touch(item)
                out.append(item.to_bytes())
        assert framer.pending <= 2003 + 1000 + len(piece)
    return out, framer.broken


@settings(max_examples=100)
@given(st.lists(ANY, max_size=4).map(b"".join), st.data())
def test_a_stream_does_not_depend_on_the_cuts(data: bytes, source: st.DataObject) -> None:
    whole = run([data])
    assert run([data[at : at + 1] for at in range(len(data))]) == whole
    cuts = sorted(source.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *cuts, len(data)]
    assert run([data[a:b] for a, b in pairwise(edges)]) == whole


@given(st.lists(st.sampled_from(SEEDS), max_size=5), st.integers(1, 2000))
def test_a_clean_stream_loses_nothing(messages: list[bytes], size: int) -> None:
    good = [data for data in messages if is_framed(data)]
    data = b"\r\n\r\n".join(good)
    framer = StreamFramer()
    out = [item for at in range(0, len(data), size) for item in framer.feed(data[at : at + size])]
    assert [item.to_bytes() for item in out if not isinstance(item, ParseError)] == [
        parse_datagram(one).to_bytes() for one in good
    ]


def is_framed(data: bytes) -> bool:
    """Whether this vector says its own length rightly, which the torture ones often do not."""
    framer = StreamFramer()
    out = framer.feed(data)
    return len(out) == 1 and not isinstance(out[0], ParseError) and not framer.pending


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_typed_values_only_raise_what_they_say(text: str) -> None:
    for parse in (Via.parse, NameAddr.parse, CSeq.parse, SipUri.parse):
        try:
            found = parse(text)
        except ParseError:
            continue
        assert parse(str(found)) == found


TOKEN = st.text(alphabet="abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
QUOTED = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
HOST = st.sampled_from(["6401000000", "192.0.2.1", "[2001:db8::1]", "h.example.com"])
URI = st.builds(
    SipUri,
    st.sampled_from(["sip", "sips"]),
    st.from_regex(r"[A-Za-z0-9;?&=+$,.%]{0,12}", fullmatch=True),
    HOST,
    st.none() | st.integers(0, 65535),
    st.dictionaries(TOKEN.map(str.lower), st.none() | TOKEN, max_size=3),
)
PARAMS = st.dictionaries(TOKEN.map(str.lower), st.none() | TOKEN | QUOTED, max_size=3)


@given(URI)
def test_uris_round_trip(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == uri


@given(st.builds(NameAddr, QUOTED, URI, PARAMS))
def test_addresses_round_trip(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(
    st.builds(Via, st.sampled_from(["UDP", "TCP"]), HOST, st.none() | st.integers(0, 65535), PARAMS)
)
def test_vias_round_trip(via: Via) -> None:
    assert Via.parse(str(via)) == via


NAMES = st.sampled_from(["Via", "v", "To", "X-One", "x-one", "From", "m"])
CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "set", "prepend", "remove", "replace_first"]), NAMES, TOKEN),
    max_size=12,
)


@given(CHANGES)
def test_the_index_of_headers_follows_every_change(
    changes: list[tuple[str, str, str]],
) -> None:
    headers = Headers()
    for kind, name, value in changes:
        match kind:
            case "remove":
                headers.remove(name)
            case "replace_first":
                if name in headers:
                    headers.replace_first(name, value)
            case _:
                getattr(headers, kind)(name, value)
    rebuilt = Headers(list(headers))
    for name in ("Via", "To", "X-One", "From", "Contact"):
        assert headers.get_all(name) == rebuilt.get_all(name)
        assert (name in headers) == bool(rebuilt.get_all(name))
    assert headers.copy() == headers == rebuilt


@given(st.integers(0, 3000), st.integers(1, 40))
def test_limits_hold_at_every_size(size: int, count: int) -> None:
    limits = Limits(header_bytes=2000, header_count=30, line_bytes=500)
    line = b"X: " + b"a" * (size // count)
    data = b"OPTIONS sip:a SIP/2.0\r\n" + (line + b"\r\n") * count + b"\r\n"
    head = len(data) - 4
    fits = head <= 2000 and count + 1 <= 30 and (len(line) <= 500 or head <= 500)
    error = refusal(lambda: parse_datagram(data, limits))
    assert error is not None
    assert (type(error) is ParseError) == fits
