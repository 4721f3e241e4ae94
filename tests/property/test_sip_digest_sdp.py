"""What holds for any text in digest headers and session descriptions."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from sip.digest import (
    Credentials,
    DigestServer,
    Verdict,
    build_authorization,
    find_digest,
    parse_digest,
)
from sip.errors import BadDigest, ParseError
from sip.sdp import Media, SessionDescription

LATIN = st.characters(min_codepoint=32, max_codepoint=255)
TEXT = st.text(alphabet=LATIN, min_size=1, max_size=20)
PIECES = [
    *("Digest ", "digest", "username", "realm", "nonce", "uri", "response", "qop=auth", "nc=1"),
    *("=", ",", '"', "\\", " ", '="', '",', "x", "é", "\t", "algorithm=MD5", "Basic "),
]


@given(st.one_of(st.text(alphabet=LATIN), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_credentials_are_read_or_refused(text: str) -> None:
    server = DigestServer("r", b"k", ids=lambda: "run")
    found = server.verify(text, "REGISTER", "pw", 1.0)
    assert found in (Verdict.MALFORMED, Verdict.STALE)
    assert server.remembered == 0
    find_digest([text])
    try:
        Credentials.parse(text)
        malformed = False
    except BadDigest:
        malformed = True
    assert malformed == (found is Verdict.MALFORMED)
    with suppress(BadDigest):
        build_authorization(text, "REGISTER", "sip:a", "u", "p", "c")


@given(
    TEXT,
    TEXT,
    st.text(max_size=20),
    TEXT,
    st.sampled_from(["MD5", "SHA-256", "SM3"]),
    st.booleans(),
    st.integers(1, 2**32 - 1),
)
def test_client_and_server_agree(
    realm: str, user: str, password: str, uri: str, algorithm: str, qop: bool, nc: int
) -> None:
    server = DigestServer(realm, b"k", ids=lambda: "run")
    challenge = server.challenge(5.0, algorithm, qop)
    answer = build_authorization(challenge, "MESSAGE", uri, user, password, "cn", nc)
    assert parse_digest(answer)["username"] == user
    assert server.verify(answer, "MESSAGE", password + "x", 6.0) is Verdict.WRONG
    assert server.verify(answer, "MESSAGE", password, 6.0) is Verdict.OK
    assert server.verify(answer, "MESSAGE", password, 6.0) is Verdict.STALE
    restarted = DigestServer(realm, b"k", ids=lambda: "run 2")
    assert restarted.verify(answer, "MESSAGE", password, 6.0) is Verdict.STALE


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 150), st.integers(0, 40)),
        max_size=60,
    )
)
def test_no_answer_passes_twice(steps: list[tuple[int, int, int, int]]) -> None:
    """Whatever the order of users, nonces, counts and times, and however small the table."""
    server = DigestServer("r", b"k", nonce_ttl=60, ids=lambda: "run", max_users=2)
    challenges = [server.challenge(0.0) for _ in range(4)]
    passed: set[tuple[int, int, int]] = set()
    now = 0.0
    for user, nonce, nc, wait in steps:
        now += wait / 10
        text = build_authorization(challenges[nonce], "X", "u", f"u{user}", "pw", "c", nc)
        found = server.verify(text, "X", "pw", now)
        assert found in (Verdict.OK, Verdict.STALE)
        if found is Verdict.OK:
            assert (user, nonce, nc) not in passed
            assert now <= 60.1
            passed.add((user, nonce, nc))
        assert server.remembered <= 2


SDP_PIECES = [
    *(b"v=0", b"m=video 1 RTP/AVP 96", b"m=", b"a=rtpmap:96 PS/90000", b"a=", b"c=IN IP4 1.2.3.4"),
    *(
        b"t=0 0",
        b"y=0100000001",
        b"=",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"/",
        b"\xff",
        b"\0",
        b"x",
        b"9",
    ),
]


@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(SDP_PIECES)).map(b"".join)))
def test_descriptions_are_read_or_refused(body: bytes) -> None:
    try:
        found = SessionDescription.parse(body)
    except ParseError:
        return
    _ = found.name, found.times, found.connection, found.origin_user, found.get("y")
    for media in found.media:
        _ = media.payloads, media.rtpmaps, media.setup, media.direction, media.is_tcp
        _ = found.address_of(media), found.direction_of(media)
    once = found.to_bytes()
    assert once.endswith(b"\r\n")
    assert SessionDescription.parse(once).to_bytes() == once


VALUE = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20
)
LINES = st.lists(st.tuples(st.sampled_from("vosuctbakyfz"), VALUE), max_size=6)
MEDIA = st.builds(
    Media,
    st.sampled_from(["video", "audio"]),
    st.integers(0, 65535),
    st.sampled_from(["RTP/AVP", "TCP/RTP/AVP"]),
    st.lists(st.integers(0, 127).map(str), max_size=4),
    LINES,
    st.integers(1, 4),
)


@given(LINES, st.lists(MEDIA, max_size=3))
def test_descriptions_round_trip(lines: list[tuple[str, str]], media: list[Media]) -> None:
    if not lines and not media:
        return
    found = SessionDescription(lines, media)
    assert SessionDescription.parse(found.to_bytes()) == found
