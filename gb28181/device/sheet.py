"""Tables of devices as people have them: CSV in UTF-8, UTF-16 or GB 18030, or XLSX; read only.

Out come lines of text under known column names. What the columns mean is judged elsewhere
(`importing.py`). Everything is bounded before it is unpacked: a file comes from outside, and a
workbook is a zip archive.
"""

from __future__ import annotations

import csv
import importlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 32 * 1024 * 1024
MOST_UNPACKED: Final = 512 * 1024 * 1024
MOST_MEMBERS: Final = 2_000
MOST_COLUMNS: Final = 64
MOST_CELL: Final = 1_000
MOST_SCANNED: Final = 2 * MOST_ROWS
"""Rows looked at, empty ones too."""
LARGEST_EXACT: Final = 10**15
"""A spreadsheet keeps 15 digits of a number; a longer one has lost its end."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "device_id": (
        *("id", "deviceid", "device", "gbid", "编号", "设备编号", "设备编码", "国标编号"),
        *("国标编码", "国标id", "设备国标编号", "设备国标编码", "设备id", "编码", "sip用户名"),
    ),
    "name": ("name", "devicename", "名称", "设备名称", "设备名"),
    "password": (
        *("password", "passwd", "密码", "设备密码", "接入密码", "注册密码", "sip密码"),
        "认证密码",
    ),
    "city": ("city", "place", "城市", "地市", "市", "所属城市", "所属地市", "行政区划", "区域"),
    "transport": ("transport", "传输方式", "传输协议", "媒体传输方式", "媒体传输", "传输"),
}
_ALIASES: Final = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_NOISE: Final = re.compile(r"[\s_\-*:：/]+|[(（].*?[)）]")
_LOST: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_QUOTED: Final = re.compile(r'="(.*)"', re.S)
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


class BadSheet(ValueError):
    """The file cannot be read at all; `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True, slots=True)
class Line:
    """One row that holds anything."""

    number: int
    """As a spreadsheet counts: the header is line 1."""
    values: dict[str, str] = field(repr=False)
    lost: tuple[str, ...] = ()
    """Columns whose number a spreadsheet has rounded."""


@dataclass(frozen=True, slots=True)
class Sheet:
    lines: list[Line]
    columns: list[str]
    """Known columns of the header."""
    ignored: list[str]
    """Headers of columns nobody asked for."""


def read(data: bytes) -> Sheet:
    """The first table of a file; raises BadSheet."""
    if len(data) > MOST_BYTES:
        raise BadSheet("文件过大。", f"The file is larger than {MOST_BYTES} bytes.")
    if data[:4] == b"PK\x03\x04":
        return _table(_workbook(data))
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise BadSheet("请另存为 .xlsx 或 CSV。", "This is an old .xls; save it as .xlsx or CSV.")
    return _table(_text_rows(_decoded(data)))


def _table(rows: Iterable[tuple[int, list[Any]]]) -> Sheet:
    header: list[str] | None = None
    lines: list[Line] = []
    ignored: list[str] = []
    for number, cells in rows:
        if number > MOST_SCANNED:
            break
        if not any(cell not in (None, "") for cell in cells):
            continue
        if header is None:
            header, ignored = _header(cells)
            continue
        if len(lines) == MOST_ROWS:
            raise BadSheet(
                f"超过 {MOST_ROWS} 行，请分批导入。",
                f"More than {MOST_ROWS} rows; import them in parts.",
            )
        lines.append(_line(number, header, cells))
    if header is None:
        raise BadSheet("文件是空的。", "The file is empty.")
    return Sheet(lines, [name for name in header if name], ignored)


def _header(cells: list[Any]) -> tuple[list[str], list[str]]:
    """Known names by position, "" for others."""
    names, ignored = [], []
    for cell in cells:
        text = str(cell or "").strip()
        name = _ALIASES.get(_NOISE.sub("", text.lower()), "")
        if name and name in names:
            raise BadSheet(f"列“{text[:40]}”重复。", f"Two columns are called {text[:40]!r}.")
        if text and not name:
            ignored.append(text[:40])
        names.append(name)
    if "device_id" not in names:
        raise BadSheet(
            "第一行没有设备编号列（id / 设备编号）。",
            "The first row names no column with the device id (id).",
        )
    return names, ignored


def _line(number: int, header: list[str], cells: list[Any]) -> Line:
    values: dict[str, str] = {}
    lost: list[str] = []
    for name, cell in zip(header, cells, strict=False):
        if not name:
            continue
        text = _cell(cell)
        if _is_lost(cell, text):
            lost.append(name)
        values[name] = text
    return Line(number, values, tuple(lost))


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        text = quoted[1]
    elif text[:1] == "'" and text[1:2] in tuple("=+-@"):
        text = text[1:]  # as our own export guards a text from being taken for a formula
    return text[: MOST_CELL + 1]


def _is_lost(cell: Any, text: str) -> bool:
    if isinstance(cell, bool):
        return False
    if isinstance(cell, int | float):
        return abs(cell) >= LARGEST_EXACT
    return _LOST.fullmatch(text) is not None


# --- CSV ------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    for candidate in marked or ("utf-8", "gb18030"):
        try:
            return data.decode(candidate)
        except UnicodeDecodeError:
            continue
    raise BadSheet(
        "文字编码无法识别，请存为 UTF-8 或 GB18030。",
        "The encoding is neither UTF-8 nor GB 18030.",
    )


def _text_rows(text: str) -> Iterator[tuple[int, list[Any]]]:
    if "\0" in text:
        raise BadSheet("这不是表格文件。", "This is no table.")
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            yield number, list(row[:MOST_COLUMNS])
    except csv.Error as error:
        raise BadSheet(
            f"第 {number + 1} 行不是正确的 CSV。", f"Line {number + 1} is no CSV: {error}"
        ) from error


# --- XLSX -----------------------------------------------------------------------------------------


def _workbook(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    _inspect(data)
    openpyxl = importlib.import_module("openpyxl")  # loaded only by who imports a workbook
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS)
        for number, row in enumerate(rows, 1):
            yield number, list(row)
            if number > MOST_SCANNED:
                break
    except BadSheet:
        raise
    except Exception as error:  # whatever a broken workbook makes the library raise
        raise BadSheet("工作簿已损坏。", "The workbook cannot be read.") from error


def _inspect(data: bytes) -> None:
    """Refuse archives that unpack to too much, and XML with a document type of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > MOST_UNPACKED:
                raise BadSheet("工作簿过大。", "The workbook unpacks to too much.")
            for member in members:
                if member.filename.lower().endswith((".xml", ".rels")):
                    with archive.open(member) as file:
                        if b"<!DOCTYPE" in file.read(4096).upper():
                            raise BadSheet("工作簿已损坏。", "The workbook holds a DOCTYPE.")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise BadSheet("工作簿已损坏。", "The workbook is no zip archive.") from error
