"""The charset rule: which reading a body gets, and what a device's memory keeps."""

from __future__ import annotations

import json

import pytest

from gb28181.manscdp.charset import Charset, CharsetMemory, declared, override_of, to_text

pytestmark = pytest.mark.clause("GB/T 28181-2022", "6.10")

WORDS = [
    "学校",
    "小学",
    "校园",
    "医院",
    "一",
    "路",
    "人民医院",
    "红寺堡区第一小学（东门）",
    "走廊·",
    "萳",
    "㙍",
]
LABELS = [None, "GB2312", "gb2312", "GBK", "gbk", "GB18030", "UTF-8", "utf-8", "ISO-8859-1", "big5"]


def body(text: str, label: str | None, encoding: str, command: str = "Catalog") -> bytes:
    declaration = f' encoding="{label}"' if label else ""
    return (
        f'<?xml version="1.0"{declaration}?>\r\n<Response>\r\n<CmdType>{command}</CmdType>\r\n'
        f"<SN>1</SN>\r\n<Name>{text}</Name>\r\n</Response>\r\n"
    ).encode(encoding)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_read_right_under_every_label_in_both_encodings(
    word: str, encoding: str, label: str | None
) -> None:
    sent = body(word, label, encoding)
    text, charset = to_text(sent)
    assert word in text
    assert charset == encoding


@pytest.mark.parametrize("label", LABELS)
def test_one_memory_for_all_words_and_encodings_confuses_nothing(label: str | None) -> None:
    memory = CharsetMemory()
    for word in set(WORDS) - {"路"}:  # its GB bytes are a middle dot in UTF-8, which is as likely
        for encoding in ("gb18030", "utf-8"):
            assert word in to_text(body(word, label, encoding), memory)[0]


def test_the_words_are_the_traps_they_are_meant_to_be() -> None:
    for word in ("学校", "小学", "校园", "医院", "一"):
        assert word.encode("gb18030").decode("utf-8") != word
    assert len("医院".encode().decode("gb18030")) == 3


@pytest.mark.parametrize(
    ("mark", "encoding", "charset"),
    [
        (b"\xef\xbb\xbf", "utf-8", Charset.UTF8),
        (b"\x84\x31\x95\x33", "gb18030", Charset.GB18030),
        (b"\xff\xfe", "utf-16-le", Charset.UTF16),
        (b"\xfe\xff", "utf-16-be", Charset.UTF16),
    ],
)
def test_a_byte_order_mark_decides_before_anything_else(
    mark: bytes, encoding: str, charset: Charset
) -> None:
    memory = CharsetMemory(override=Charset.GB18030 if charset is Charset.UTF8 else Charset.UTF8)
    text, found = to_text(mark + body("学校", "GB2312", encoding), memory)
    assert found is charset
    assert "学校" in text
    assert not text.startswith("\ufeff")


def test_an_override_beats_detection_and_can_be_taken_back() -> None:
    memory = CharsetMemory()
    latin = body("Café", "UTF-8", "utf-8")
    memory.set_override("utf-8")
    assert to_text(latin, memory) == (latin.decode(), Charset.UTF8)
    memory.set_override("auto")
    assert memory.override is None
    assert to_text(latin, memory)[1] is Charset.GB18030


def test_an_override_decodes_wrong_bytes_instead_of_failing() -> None:
    memory = CharsetMemory(override=Charset.UTF8)
    assert "\ufffd" in to_text(body("北京路", None, "gb18030"), memory)[0]


@pytest.mark.parametrize("label", ["latin-1", "utf-16", "x"])
def test_an_override_of_another_charset_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="unknown charset"):
        CharsetMemory().set_override(label)


@pytest.mark.parametrize("label", ["GB2312", "gbk", " GB18030 ", "UTF-8", "utf8"])
def test_every_usual_label_can_be_an_override(label: str) -> None:
    assert override_of(label) in (Charset.GB18030, Charset.UTF8)


def test_two_byte_text_that_is_declared_utf8_is_utf8_once_the_device_has_proven_utf8() -> None:
    memory = CharsetMemory()
    latin = body("Café", "UTF-8", "utf-8")
    assert to_text(latin, memory)[1] is Charset.GB18030, "nothing proven yet: more ideographs win"
    to_text(body("人民医院", "UTF-8", "utf-8"), memory)
    assert to_text(latin, memory) == (latin.decode(), Charset.UTF8)


def test_a_proven_device_may_still_send_gb_under_its_utf8_label() -> None:
    memory = CharsetMemory()
    to_text(body("人民医院", "UTF-8", "utf-8"), memory)
    assert "学校" in to_text(body("学校", "UTF-8", "gb18030"), memory)[0]
    assert "Gate·2" in to_text(body("Gate·2", "UTF-8", "utf-8"), memory)[0]


def test_a_proof_counts_for_its_command_only() -> None:
    memory = CharsetMemory()
    to_text(body("人民医院", "UTF-8", "utf-8", "DeviceInfo"), memory)
    assert to_text(body("Café", "UTF-8", "utf-8", "Catalog"), memory)[1] is Charset.GB18030


def test_a_device_that_ever_sent_undeclared_gb_is_not_believed_its_utf8_label() -> None:
    memory = CharsetMemory()
    to_text(body("人民医院", "UTF-8", "utf-8"), memory)
    to_text(body("北京路", "UTF-8", "gb18030", "DeviceInfo"), memory)
    assert memory.undeclared_gb
    assert to_text(body("Café", "UTF-8", "utf-8"), memory)[1] is Charset.GB18030


def test_declared_gb_is_nothing_to_hold_against_a_device() -> None:
    memory = CharsetMemory()
    to_text(body("北京路", "gb2312", "gb18030"), memory)
    assert memory.verdicts == {"catalog": Charset.GB18030}
    assert not memory.undeclared_gb


def test_only_proofs_are_remembered_and_each_raises_the_revision_once() -> None:
    memory = CharsetMemory()
    for word in ("学校", "plain ascii"):
        to_text(body(word, None, "gb18030"), memory)
    assert (memory.revision, memory.verdicts) == (0, {})
    for _ in range(2):
        to_text(body("医院", "GB2312", "utf-8"), memory)
    assert (memory.revision, memory.verdicts) == (1, {"catalog": Charset.UTF8})


def test_a_name_cut_in_the_middle_of_a_character_keeps_the_rest_readable() -> None:
    cut = body("人民医院门诊楼", "UTF-8", "utf-8").replace("楼".encode(), "楼".encode()[:2])
    text, charset = to_text(cut)
    assert charset is Charset.UTF8
    assert "人民医院门诊" in text


def test_replacement_characters_are_proof_of_utf8_not_of_a_famous_mojibake() -> None:
    sent = body("\ufffd\ufffd", None, "utf-8")
    assert "锟斤拷" in sent.decode("gb18030")
    assert to_text(sent) == (sent.decode(), Charset.UTF8)


def test_garbage_bytes_in_gb_text_keep_the_rest_readable() -> None:
    dirty = body("北京路派出所", "GB2312", "gb18030").replace(b"</Name>", b"\xff\xff</Name>")
    text, charset = to_text(dirty)
    assert charset is Charset.GB18030
    assert "北京路派出所" in text


def test_the_memory_survives_json_and_forgets_what_it_does_not_know() -> None:
    memory = CharsetMemory(Charset.UTF8, True, {"catalog": Charset.GB18030})
    stored = json.loads(json.dumps(memory.to_dict()))
    again = CharsetMemory.from_dict(stored)
    assert repr(again) == repr(memory)
    stored["verdicts"]["x"] = "ebcdic"
    stored["override"] = "ebcdic"
    assert CharsetMemory.from_dict(stored).override is None
    assert repr(CharsetMemory.from_dict({})) == repr(CharsetMemory())


def test_a_device_cannot_fill_its_memory_with_invented_commands() -> None:
    memory = CharsetMemory()
    for number in range(1000):
        name = "A" + "".join(chr(ord("a") + int(digit)) for digit in str(number))
        to_text(body("人民医院", None, "utf-8", name), memory)
    assert len(memory.verdicts) == 64


@pytest.mark.parametrize(
    ("start", "label"),
    [
        (b'<?xml version="1.0" encoding="GB2312"?>', "gb2312"),
        (b"\r\n <?XML version='1.0' ENCODING = 'Utf-8' ?>", "utf-8"),
        (b'<?xml version="1.0"?><A encoding="x"/>', ""),
        (b"<A/>", ""),
    ],
)
def test_the_declared_encoding(start: bytes, label: str) -> None:
    assert declared(start) == label
