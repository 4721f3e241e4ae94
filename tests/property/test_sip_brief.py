"""What is brief means the same to the complete way; whatever the bytes, nothing else is brief."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sip.brief import MOST_TAILS, BriefReader, render_brief
from sip.errors import ParseError
from sip.headers import Headers
from sip.message import Request
from sip.parser import parse_datagram
from sip.quick import is_plain, render_answer, stamped, texts_of
from sip.validate import check_request

HEAD = [
    "MESSAGE sip:64010000002000000001@6401000000 SIP/2.0",
    "Via: SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bK42",
    "From: <sip:64010000001320000001@6401000000>;tag=c1",
    "To: <sip:64010000002000000001@6401000000>",
    "Call-ID: 4711@192.168.1.64",
    "CSeq: 20 MESSAGE",
]
TAIL = ["Content-Type: Application/MANSCDP+xml", "Max-Forwards: 70", "User-Agent: NX", "X: y"]
AUTHORIZATION = 'Authorization: Digest username="x", nonce="00", response="1"'
ODD = [
    *("Via: SIP/2.0/UDP h;branch=z9hG4bK1", "v: SIP/2.0/UDP h", "CSeq: 1 BYE", "t: <sip:a@b>"),
    *(" folded", "\tfolded", "", "no colon", "a\rb: c", "a: b\nc: d", "l: 0", "Content-Length: 9"),
    *("Require: x", "Contact: *", "Contact: <sip:a@b>", "Record-Route: <sip:p;lr>", "\xff: \x80"),
    *("Authorization: Digest a=b", "authorization: Basic b", "Authorization: a\xa0b", "X: \0"),
    *("Max-Forwards: 700", "Expires: 3600", "To: <sip:a@b>;tag=x", "From: <sip:a@b>", "A:b", ": x"),
]


@st.composite
def datagrams(draw: st.DrawFn) -> bytes:
    """A usual request, or nearly."""
    method = draw(st.sampled_from(["MESSAGE", "REGISTER"]))
    lines = [line.replace("MESSAGE", method) for line in HEAD]
    lines += draw(st.permutations(TAIL))
    body = draw(st.sampled_from([b"", b"<Notify/>\r\n", b"\r\n\r\nx"]))
    lines.append(f"Content-Length: {len(body)}")
    if draw(st.booleans()):
        lines.insert(draw(st.integers(6, len(lines))), AUTHORIZATION)
    for odd in draw(st.lists(st.sampled_from(ODD), max_size=2)):
        lines.insert(draw(st.integers(1, len(lines))), odd)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        put = draw(
            st.sampled_from(["", " ", ";", "\r", "\n", "?", "<", ",", '"', "9", "\x85", "%"])
        )
        lines[at] = line[:cut] + put + line[cut + draw(st.integers(0, 1)) :]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def complete(data: bytes) -> Request | None:
    try:
        message = parse_datagram(data)
    except ParseError:
        return None
    return message if isinstance(message, Request) else None


@given(st.lists(datagrams(), min_size=1, max_size=4))
@example([("\r\n".join([*HEAD, *TAIL, "Content-Length: 0"]) + "\r\n\r\n").encode()])
def test_brief_means_what_the_complete_way_says(seen: list[bytes]) -> None:
    reader = BriefReader()
    for data in (*seen, *seen):
        brief, request = reader.read(data), complete(data)
        if brief is None:
            if request is not None:
                reader.learn(request)
            continue
        assert request is not None, data
        texts = texts_of(request)
        assert texts == (brief.via, brief.from_, brief.to, brief.call_id, brief.cseq)
        assert is_plain(request, texts)
        assert check_request(request) is None
        assert (request.method, request.uri, request.body) == (brief.method, brief.uri, brief.body)
        assert (request.from_user, request.to_user) == (brief.user, brief.to_user)
        assert request.to.tag is None
        assert not request.headers.lines("record-route")
        rest = [(name, value) for name, value in request.headers][5:]
        if brief.method == "REGISTER":
            assert (request.headers.get("Authorization") or "") == brief.authorization.strip()
            rest = [(name, value) for name, value in rest if name != "Authorization"]
        tail = [line.partition(":") for line in brief.tail.split("\r\n")[:-1]]
        found = Headers((name.strip(), value.strip(" \t")) for name, _, value in tail)
        assert found == Headers(rest)


@given(datagrams(), st.sampled_from([200, 401, 403]))
def test_the_brief_answer_is_the_same_message(data: bytes, status: int) -> None:
    reader, request = BriefReader(), complete(data)
    reader.read(data)
    if request is None:
        return
    reader.learn(request)
    brief, texts = reader.read(data), texts_of(request)
    if brief is None or texts is None:
        return
    via = stamped(brief.via, ("192.0.2.1", 5060))
    if via is None:
        return
    headers = [("X-GB-Ver", "3.0"), ("Date", "now")]
    lines = "X-GB-Ver: 3.0\r\nDate: now\r\nServer: s\r\n"
    long = render_answer(
        (via, *texts[1:]), status, None, "tag", headers, b"", None, "Server: s\r\n"
    )
    assert render_brief(brief, via, "tag", status, lines) == long


def test_usual_requests_are_brief_the_second_time() -> None:
    for method in ("MESSAGE", "REGISTER"):
        lines = [line.replace("MESSAGE", method) for line in HEAD]
        for more in ([], [AUTHORIZATION] if method == "REGISTER" else []):
            reader = BriefReader()
            for number in range(3):
                text = "\r\n".join([*lines, *more, *TAIL, "Content-Length: 0"])
                data = text.replace("4711", str(number)).encode() + b"\r\n\r\n"
                assert (reader.read(data) is not None) == (number > 0)
                request = complete(data)
                assert request is not None
                reader.learn(request)


def test_the_memory_is_bounded() -> None:
    reader = BriefReader()
    for number in range(MOST_TAILS + 10):
        text = "\r\n".join([*HEAD, f"User-Agent: {number}", "Content-Length: 0"])
        data = text.encode() + b"\r\n\r\n"
        assert reader.read(data) is None
        request = complete(data)
        assert request is not None
        reader.learn(request)
    assert len(reader) == 10
