"""Which characters a device meant: bytes -> text, with a memory per device.

Theory. Devices label bodies GB2312, GBK, GB18030, UTF-8 or not at all, and the label is often
wrong. GB text can be valid UTF-8 by accident: the GB bytes of 学校, 小学, 校园, 医院 and 一 are
all well-formed *two-byte* UTF-8, while no Chinese character needs two bytes in UTF-8. And UTF-8
text can be well-formed GB: 医院 in UTF-8 reads as 鍖婚櫌. So the rule is, in this order:

1. a byte order mark decides; then an operator's override;
2. well-formed UTF-8 counts as UTF-8 only when it holds a sequence of three or four bytes, or when
   the declaration
   says UTF-8 and this device never sent GB bytes without declaring them;
3. everything else is GB18030 (a superset of GB2312 and GBK, so the exact GB label never matters);
4. where both readings stay possible, the one with more CJK ideographs. Only ideographs of GB 2312
   are counted, and
   GB wins only when its whole reading lies in GB 2312: mis-read UTF-8 yields *more* ideographs
   than were written, three for every two, but almost always rare ones outside that set.
5. What was proven is remembered per device and command (one maker encodes DeviceInfo and Catalog
   differently): where 4 would choose GB, a device that declares UTF-8 and has proven it is still
   believed when the reading is Latin 1, such as `Gate·2`.

*Not* here: XML. GB/T 28181-2016 6.10 recommends GB 2312, -2022 6.10 demands GB 18030.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class Charset(StrEnum):
    """The readings that are told apart."""

    ASCII = "ascii"
    UTF8 = "utf-8"
    GB18030 = "gb18030"
    UTF16 = "utf-16"


_BOMS: Final = (
    (codecs.BOM_UTF8, Charset.UTF8),
    (b"\x84\x31\x95\x33", Charset.GB18030),
    (codecs.BOM_UTF16_LE, Charset.UTF16),
    (codecs.BOM_UTF16_BE, Charset.UTF16),
)
_GB_LABELS: Final = frozenset({"gb2312", "gbk", "gb18030", "gb-2312", "gb_2312-80", "cp936"})
_UTF8_LABELS: Final = frozenset({"utf-8", "utf8"})
_DECLARATION: Final = re.compile(
    rb"""\s{0,64}<\?xml\b[^>]{0,200}?\bencoding\s{0,8}=\s{0,8}["']([^"'>]{1,40})["']""",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(rb"<CmdType>\s{0,8}([A-Za-z]{1,32})\s{0,8}</CmdType>", re.IGNORECASE)
_IDEOGRAPHS: Final = re.compile("[\u4e00-\u9fff]+")
_REPLACED: Final = re.compile("[\ufff0-\uffff]")
_THREE_BYTES: Final = re.compile(rb"[\xe0-\xf4]")
_MOST_COMMANDS: Final = 64


class CharsetMemory:
    """What one device has proven about its encodings; owned and stored by the caller.

    `revision` rises with every change, so that an owner knows when to store it again.
    """

    __slots__ = ("override", "revision", "undeclared_gb", "verdicts")

    def __init__(
        self,
        override: Charset | None = None,
        undeclared_gb: bool = False,
        verdicts: Mapping[str, Charset] | None = None,
    ) -> None:
        self.override = override
        self.undeclared_gb = undeclared_gb
        self.verdicts: dict[str, Charset] = dict(verdicts or {})
        self.revision = 0

    def set_override(self, label: str) -> None:
        """The operator's word for this device: a GB label, UTF-8, or empty for detection."""
        chosen = override_of(label)
        if chosen is not self.override:
            self.override = chosen
            self.revision += 1

    def proven(self, command: str, charset: Charset, undeclared: bool) -> None:
        """Note a verdict that could not have been otherwise."""
        if self.verdicts.get(command) is not charset:
            if command not in self.verdicts and len(self.verdicts) >= _MOST_COMMANDS:
                return
            self.verdicts[command] = charset
            self.revision += 1
        if undeclared and not self.undeclared_gb:
            self.undeclared_gb = True
            self.revision += 1

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "override": self.override.value if self.override else None,
            "undeclared_gb": self.undeclared_gb,
            "verdicts": {command: charset.value for command, charset in self.verdicts.items()},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> CharsetMemory:
        """The reverse of `to_dict`; what is missing or unknown is left out."""
        known = {charset.value: charset for charset in Charset}
        verdicts = {str(k): known[v] for k, v in stored.get("verdicts", {}).items() if v in known}
        return cls(
            known.get(stored.get("override") or ""), bool(stored.get("undeclared_gb")), verdicts
        )

    def __repr__(self) -> str:
        return (
            f"<CharsetMemory override={self.override} undeclared_gb={self.undeclared_gb} "
            f"{dict(sorted(self.verdicts.items()))}>"
        )


def override_of(label: str) -> Charset | None:
    """The reading an operator's label asks for; None for detection; ValueError for anything
    unknown.
    """
    name = label.strip().lower()
    if name in {"", "auto"}:
        return None
    if name in _UTF8_LABELS:
        return Charset.UTF8
    if name in _GB_LABELS:
        return Charset.GB18030
    raise ValueError(f"unknown charset {label!r}: use GB2312, GBK, GB18030, UTF-8 or auto")


def declared(body: bytes) -> str:
    """The encoding named in the XML declaration, in lower case, or an empty text."""
    found = _DECLARATION.match(body)
    return found.group(1).decode("latin-1").strip().lower() if found else ""


def to_text(body: bytes, memory: CharsetMemory | None = None) -> tuple[str, Charset]:
    """The text of a body and the reading it was taken in; never raises."""
    for mark, charset in _BOMS:
        if body.startswith(mark):
            # The "utf-16" codec wants to see the mark itself to learn the byte order.
            rest = body if charset is Charset.UTF16 else body[len(mark) :]
            return rest.decode(charset.value, "replace"), charset
    if memory is not None and memory.override is not None:
        return body.decode(memory.override.value, "replace"), memory.override
    if body.isascii():
        return body.decode("ascii"), Charset.ASCII
    return _detect(body, memory if memory is not None else CharsetMemory())


def _detect(body: bytes, memory: CharsetMemory) -> tuple[str, Charset]:
    utf8, gb = _strict(body, Charset.UTF8), _strict(body, Charset.GB18030)
    if utf8 is None:
        return _not_utf8(body, gb, memory)
    if _THREE_BYTES.search(body) is not None:
        if gb is None or not _gb_is_likelier(gb, utf8):
            memory.proven(_command(body), Charset.UTF8, undeclared=False)
            return utf8, Charset.UTF8
        return gb, Charset.GB18030
    if gb is None:  # cannot happen for two-byte sequences, but the codec tables are not ours
        return utf8, Charset.UTF8
    if declared(body) in _UTF8_LABELS and not memory.undeclared_gb:
        proven = memory.verdicts.get(_command(body)) is Charset.UTF8
        if (proven and _is_latin(utf8)) or not _gb_is_likelier(gb, utf8):
            return utf8, Charset.UTF8
    return gb, Charset.GB18030


def _not_utf8(body: bytes, gb: str | None, memory: CharsetMemory) -> tuple[str, Charset]:
    if gb is not None and _is_gb2312(gb):
        memory.proven(_command(body), Charset.GB18030, declared(body) not in _GB_LABELS)
        return gb, Charset.GB18030
    # A character outside GB 2312, but also: a UTF-8 name cut in the middle of a character, or
    # garbage bytes in an address. The reading that keeps more of the text wins.
    broken_utf8 = body.decode("utf-8", "replace")
    broken_gb = gb if gb is not None else body.decode("gb18030", "replace")
    if _ideographs(broken_utf8) > _ideographs(broken_gb):
        return broken_utf8, Charset.UTF8
    if gb is not None:
        memory.proven(_command(body), Charset.GB18030, declared(body) not in _GB_LABELS)
    return broken_gb, Charset.GB18030


def _strict(body: bytes, charset: Charset) -> str | None:
    try:
        return body.decode(charset.value)
    except UnicodeDecodeError:
        return None


def _gb_is_likelier(gb: str, utf8: str) -> bool:
    if _REPLACED.search(utf8) is not None:  # two of them are 锟斤拷 in GB, which nobody writes
        return False
    return _is_gb2312(gb) and _ideographs(gb) > _ideographs(utf8)


def _is_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _is_latin(text: str) -> bool:
    """Latin 1, as in `Gate·2` or `Café`: the two-byte text a Chinese device may really write."""
    return max(text, default="") <= "\u00ff"


def _ideographs(text: str) -> int:
    """How many ideographs of GB 2312 a text holds."""
    return len("".join(_IDEOGRAPHS.findall(text)).encode("gb2312", "ignore")) // 2


def _command(body: bytes) -> str:
    """The command's name before decoding: no byte of `<CmdType>` can be the tail of a GB
    character.
    """
    found = _COMMAND.search(body)
    return found.group(1).decode("ascii").lower() if found else ""
