"""RTSP of any shape: whole or byte by byte it reads the same, and it stays within its limits."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from media.rtsp.address import read_address, read_transport
from media.rtsp.message import MAX_HEAD, Frame, Item, Malformed, Reader, Request

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
requests = st.builds(
    lambda method, name, body, ending: (
        (
            f"{method} rtsp://h/live/{name} RTSP/1.0{ending}CSeq: 7{ending}"
            f"Content-Length: {len(body)}{ending}{ending}"
        ).encode()
        + body
    ),
    st.sampled_from(["OPTIONS", "DESCRIBE", "PLAY", "X"]),
    words,
    st.binary(max_size=40),
    st.sampled_from(["\r\n", "\n"]),
)
frames = st.builds(
    lambda channel, data: b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data,
    st.integers(0, 255),
    st.binary(max_size=80),
)
streams = st.lists(st.one_of(requests, frames, st.just(b"\r\n")), max_size=6).map(b"".join)


def read(data: bytes, step: int) -> list[Item]:
    reader = Reader()
    return [item for at in range(0, len(data), step) for item in reader.feed(data[at : at + step])]


@given(st.one_of(streams, st.binary(max_size=300), st.tuples(streams, st.binary()).map(b"".join)))
@example(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x00\x00\x01a")
@example(b"A" * (MAX_HEAD + 2))
@example(b"OPTIONS * RTSP/1.0\nCSeq: 1\n\n")
def test_whole_and_byte_by_byte_are_the_same(data: bytes) -> None:
    whole = read(data, max(1, len(data)))
    assert whole == read(data, 1) == read(data, 7)
    assert sum(isinstance(item, Malformed) for item in whole) <= 1


@given(st.lists(st.one_of(requests, frames), max_size=8))
def test_everything_well_formed_comes_out(parts: list[bytes]) -> None:
    items = read(b"".join(parts), 5)
    assert len(items) == len(parts)
    assert [isinstance(item, Frame) for item in items] == [p[:1] == b"$" for p in parts]
    assert all(isinstance(item, Frame | Request) for item in items)


@given(st.text(max_size=200))
def test_any_address_is_one_or_none(text: str) -> None:
    found = read_address(text)
    assert found is None or found.stream in ("main", "sub")
    read_address(f"rtsp://h/live/{text}")
    read_address(f"rtsp://h/live/34020000001320000001?{text}")


@given(st.text(max_size=200))
def test_a_transport_never_leads_elsewhere(text: str) -> None:
    for header in (text, f"RTP/AVP;unicast;client_port={text}", f"RTP/AVP/TCP;interleaved={text}"):
        found = read_transport(header, "192.0.2.7")
        if found is not None and not found.tcp:
            assert found.first is not None
            assert found.second is not None
            assert min(found.first, found.second) >= 1024
