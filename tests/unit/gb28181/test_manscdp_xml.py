"""Frames: what is repaired, what is refused, and how it is written."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from gb28181.manscdp.codec import Node, decode, encode
from gb28181.manscdp.errors import BadXml, Reason
from gb28181.manscdp.xml import Limits, child_text

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex A")

HEAD = "<CmdType>Alarm</CmdType><SN>7</SN><DeviceID>64020500001320000021</DeviceID>"


def notify(inner: str, tail: str = "") -> bytes:
    return f"<Notify>{HEAD}{inner}</Notify>{tail}".encode()


def value(body: bytes, name: str = "A") -> str:
    return child_text(decode(body).tree, name)


def refusal(body: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(BadXml) as caught:
        decode(body, None, limits or Limits())
    return caught.value.reason


def test_the_frame_is_read_whatever_the_case_of_its_names() -> None:
    body = b"<NOTIFY><cmdtype> Alarm </cmdtype><sn>7</sn><deviceid> 64 </deviceid></NOTIFY>"
    decoded = decode(body)
    assert (decoded.root, decoded.command, decoded.sn, decoded.device_id, decoded.charset) == (
        "Notify",
        "Alarm",
        "7",
        "64",
        "ascii",
    )


def test_missing_sn_and_device_id_are_empty_and_long_ones_cut() -> None:
    decoded = decode(b"<Query><CmdType>X</CmdType></Query>")
    assert (decoded.sn, decoded.device_id) == ("", "")
    sn, device_id = "9" * 99, "6" * 99
    inner = f"<CmdType>X</CmdType><SN>{sn}</SN><DeviceID>{device_id}</DeviceID>"
    long = decode(f"<Query>{inner}</Query>".encode())
    assert (len(long.sn), len(long.device_id)) == (32, 64)


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        ("<A>x\x00\x01y\x1f</A>", "xy"),
        ("<A>R&D</A>", "R&D"),
        ("<A>R&amp;D &lt; &#65;&#x42;</A>", "R&D < AB"),
        ("<A>&nbsp;&unknown;</A>", "&nbsp;&unknown;"),
        ("<A>x&#0;&#x1f;&#55296;y</A>", "xy"),
        ("<A>1 < 2 <3> <</A>", "1 < 2 <3> <"),
        ("<A>a\ufffe\uffffb一</A>", "ab一"),
        ("<A><![CDATA[<b>&</b>]]></A>", "<b>&</b>"),
        ("<A><!-- note -->x</A>", "x"),
        ("<Address>东<b路口</Address><A>x</A>", "x"),
        ("<Address>东</Adress></Address><A>x</A><Address>y</Address>", "x"),
    ],
)
def test_dirt_is_removed(inner: str, found: str) -> None:
    assert value(notify(inner)) == found


@pytest.mark.parametrize(
    "tail", ["garbage", "\x00\x00", "</Notify>", "<Notify>", "<Noti", "&", "<!-- ", "]]>", "<a/>"]
)
def test_whatever_follows_the_root_is_ignored(tail: str) -> None:
    assert value(notify("<A>x</A>", tail)) == "x"


def test_what_stands_before_the_root_is_ignored_and_a_wrong_declaration_too() -> None:
    assert decode(b'\r\n\x00junk <?xml version="9" encoding="none"?>' + notify("")).sn == "7"


def test_namespaces_do_not_hide_names() -> None:
    body = f'<n:Notify xmlns:n="urn:x" xmlns="urn:y">{HEAD}<A>x</A></n:Notify>'.encode()
    assert value(body) == "x"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \r\n\x00 ", Reason.MALFORMED),
        (b"no xml", Reason.MALFORMED),
        (b"<Notify>", Reason.MALFORMED),
        (b"<Notify><A></Notify>", Reason.MALFORMED),
        (notify("<Address>x</B>"), Reason.MALFORMED),
        (b"<Html/>", Reason.UNKNOWN_ROOT),
        (b"<Notify/>", Reason.NO_COMMAND),
        (b"<Notify><CmdType> </CmdType></Notify>", Reason.NO_COMMAND),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(body: bytes, reason: Reason) -> None:
    assert refusal(body) is reason


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "before",
    [
        LAUGHS,
        "<!DOCTYPE x>",
        "<!doctype x>",
        '<!DOC\x00TYPE x [<!ENTITY a "b">]>',
        '<!\r\nDOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!ENTITY % x SYSTEM "http://192.0.2.1/x">',
    ],
)
def test_document_types_and_entities_are_refused(before: str) -> None:
    assert refusal(before.encode() + notify("<A>&c;</A>")) is Reason.DOCTYPE
    assert refusal(b'<?xml version="1.0"?>' + before.encode() + notify("")) is Reason.DOCTYPE


def test_a_wide_encoding_does_not_hide_a_document_type() -> None:
    wide = (LAUGHS + notify("").decode()).encode("utf-16")
    assert refusal(wide) is Reason.DOCTYPE


def test_depth_is_bounded() -> None:
    assert value(notify("<A>x</A>" + "<B>" * 31 + "</B>" * 31)) == "x"
    assert refusal(notify("<B>" * 32 + "</B>" * 32)) is Reason.TOO_DEEP


def test_nodes_are_bounded() -> None:
    limits = Limits(nodes=50)
    assert decode(notify("<B/>" * 46), None, limits).sn == "7"
    assert refusal(notify("<B/>" * 47), limits) is Reason.TOO_MANY_NODES
    assert refusal(notify("<B/>" * 1000), limits) is Reason.TOO_MANY_NODES


def test_size_is_bounded_and_says_so_to_the_sender() -> None:
    body = notify("")
    assert decode(body, None, Limits(bytes=len(body))).sn == "7"
    with pytest.raises(BadXml) as caught:
        decode(body, None, Limits(bytes=len(body) - 1))
    assert (caught.value.reason, caught.value.status_hint) == (Reason.TOO_LARGE, 413)


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Reason.MALFORMED, 400), (Reason.DOCTYPE, 400), (Reason.UNKNOWN_ROOT, 415)],
)
def test_each_refusal_has_a_sip_status(reason: Reason, status: int) -> None:
    assert BadXml(reason).status_hint == status


@pytest.mark.parametrize(
    "piece",
    ["<Address>", "</Address", "<Notify", "&", "&#", "<", "<!", "<?xml ", "<a b='", "\x00<", "]]>"],
)
def test_a_body_full_of_one_trap_is_dealt_with_in_linear_time(piece: str) -> None:
    body = notify(piece * (500_000 // len(piece)))
    started = time.process_time()
    with suppress(BadXml):
        decode(body)
    # Half a megabyte; a quadratic search would need minutes, so the bound may be generous.
    assert time.process_time() - started < 20


def test_a_body_is_written_with_crlf_label_and_escapes() -> None:
    body = encode(
        "Response",
        "X",
        12,
        "6401",
        [Node("A", "R&D <1> \x00"), Node("L", (Node("I", 2),), (("Num", '1"'),))],
    )
    assert body == (
        b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>X</CmdType>\r\n'
        b"<SN>12</SN>\r\n<DeviceID>6401</DeviceID>\r\n<A>R&amp;D &lt;1&gt; </A>\r\n"
        b'<L Num="1&quot;">\r\n<I>2</I>\r\n</L>\r\n</Response>\r\n'
    )


@pytest.mark.parametrize(
    ("label", "codec"),
    [("GB2312", "gb18030"), ("GBK", "gb18030"), ("GB18030", "gb18030"), ("UTF-8", "utf-8")],
)
def test_the_label_decides_the_bytes(label: str, codec: str) -> None:
    body = encode("Query", "X", "1", "", [Node("A", "萳㙍学校")], label)
    assert f'encoding="{label}"' in body.decode(codec)
    assert "萳㙍学校" in body.decode(codec)
    assert b"DeviceID" not in body


@pytest.mark.parametrize("label", ["", "auto", "latin-1"])
def test_a_body_in_another_charset_is_not_written(label: str) -> None:
    with pytest.raises(ValueError, match="charset"):
        encode("Query", "X", "1", "", (), label)
