"""Tables of devices: what is read, what is refused and in which words; no store, no socket."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import dataclass, field
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb28181.device import sheet as module
from gb28181.device.importing import Plan, codes_of, plan
from gb28181.device.sheet import BadSheet, read

SERVER = "64010000002000000001"
A, B = "64010400001320000011", "64010400001320000012"


@dataclass
class Known:
    name: str = ""
    password: str | None = None
    policy: dict[str, object] = field(default_factory=dict)
    approved: bool = True


def judged(data: bytes | str, known: dict[str, Known] | None = None) -> Plan:
    raw = data.encode() if isinstance(data, str) else data
    return plan(read(raw), "64", SERVER, (known or {}).get)


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CHINESE = f"设备编号,名称,密码,城市,传输方式\n{A},新华街萳机,pass-1,银川市,TCP被动\n{B},,,,\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_tables_in_every_encoding(encoding: str) -> None:
    found = judged(CHINESE.encode(encoding))
    assert found.problems == []
    first, second = found.created
    assert (first.device_id, first.name, first.password) == (A, "新华街萳机", "pass-1")
    assert (first.place, first.transport) == ("6401", "tcp-passive")
    assert (second.name, second.password, second.place, second.transport) == (None,) * 4


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_line_ends(delimiter: str, end: str) -> None:
    text = end.join(
        delimiter.join(row)
        for row in (["ID", "Name", "Password"], [A, '"a, b"', "x"], ["", "", ""])
    )
    (entry,) = judged(text).created
    assert (entry.device_id, entry.password) == (A, "x")


def test_a_workbook() -> None:
    data = workbook([["国标编号", "设备名称", "密码", "备注"], [A, "门口", 12345678, "x"], [], [B]])
    sheet = read(data)
    assert sheet.ignored == ["备注"]
    found = plan(sheet, "64", SERVER, lambda _: None)
    assert [(e.line, e.device_id) for e in found.created] == [(2, A), (4, B)]
    assert found.created[0].password == "12345678"


@pytest.mark.parametrize("cell", [64010400001320000011, 6.401e19, "6.40104E+19"])
def test_ids_that_a_spreadsheet_rounded_are_told_as_such(cell: Any) -> None:
    (problem,) = judged(workbook([["id"], [cell]])).problems
    assert (problem.line, problem.column) == (2, "device_id")
    assert "文本" in problem.zh
    assert "text" in problem.en


def test_every_problem_with_its_line_and_no_password() -> None:
    secret = "hunter2" * 40
    found = judged(
        "id,name,password,city,transport\n"
        f"123,,,,\n{SERVER},,,,\n{A},{'n' * 300},{secret},Atlantis,pigeon\n{A},,,,\n"
    )
    assert (found.created, found.updated, found.unchanged) == ([], [], 0)
    assert [(p.line, p.column) for p in found.problems] == [
        (2, "device_id"),
        (3, "device_id"),
        (4, "name"),
        (4, "password"),
        (4, "city"),
        (4, "transport"),
        (5, "device_id"),
    ]
    assert "hunter2" not in str(found.problems)


def test_existing_devices_are_updated_only_where_something_differs() -> None:
    known = {
        A: Known("old", "pw", {"place": "6401", "transport": "udp"}),
        B: Known("same", "pw", {}, approved=True),
    }
    found = judged(f"id,name,password,city,transport\n{A},new,,,\n{B},same,pw,,\n", known)
    assert [e.device_id for e in found.updated] == [A]
    assert found.unchanged == 1
    assert judged(f"id\n{A}\n", known).unchanged == 1
    for line in (f"{A},,other,,", f"{A},,,6402,", f"{A},,,,tcp-active"):
        assert len(judged(f"id,name,password,city,transport\n{line}\n", known).updated) == 1
    waiting = {A: Known(approved=False)}
    assert len(judged(f"id\n{A}\n", waiting).updated) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [("6401", "6401"), ("640100", "6401"), ("640104", "640104"), ("银川市", "6401"),
     ("银川", "6401"), ("兴庆区", "640104"), ("中卫", "6405"), ("长沙", "4301")],
)  # fmt: skip
def test_places_by_code_and_by_name(text: str, code: str) -> None:
    assert codes_of(text, "64") == [code]


@pytest.mark.parametrize("text", ["64", "9999", "6401040", "Atlantis", "", "市"])
def test_places_that_are_none(text: str) -> None:
    assert codes_of(text, "64") == []


def test_a_name_of_several_places_is_a_problem() -> None:
    assert len(codes_of("鼓楼区", "64")) > 1
    (problem,) = judged(f"id,city\n{A},鼓楼区\n").problems
    assert problem.column == "city"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"name,password\nx,y\n",
        b"id,id\n1,2\n",
        b"\xff\xfe\x00",
        b"\x81\x82\xff\xff,\xff",
        b"id\x00,name\n",
        b"\xd0\xcf\x11\xe0 old",
        b"PK\x03\x04 not a zip",
        b'id,name\n1,"' + b"x" * 200_000,
    ],
)
def test_what_is_no_table_is_refused_in_both_languages(data: bytes) -> None:
    with pytest.raises(BadSheet) as caught:
        judged(data)
    assert caught.value.zh
    assert caught.value.en


def test_a_table_without_lines_is_a_problem() -> None:
    (problem,) = judged("id,name\n").problems
    assert problem.line == 1


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_zip_bombs_and_entities_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNPACKED", 10_000_000)
    for members in (
        {"xl/workbook.xml": bytes(20_000_000)},
        {f"m{n}": b"" for n in range(module.MOST_MEMBERS + 1)},
        {"xl/workbook.xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'},
    ):
        with pytest.raises(BadSheet):
            read(zipped(members))


def test_rows_and_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    assert len(read(b"id\n" + b"1\n" * 10).lines) == 10
    with pytest.raises(BadSheet):
        read(b"id\n" + b"1\n" * 11)
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(BadSheet):
        read(b"id\n" + b"1\n" * 5)


def test_fifteen_thousand_lines_take_no_time() -> None:
    lines = [f"6401040000132{n:07d},camera {n},pw-{n},银川,udp" for n in range(15_000)]
    began = time.process_time()
    found = judged("id,name,password,city,transport\n" + "\n".join(lines))
    assert len(found.created) == 15_000
    assert time.process_time() - began < 3


def test_cells_guarded_against_formulas_come_back_as_they_were() -> None:
    (entry,) = judged(f'id,name\n="{A}",\'=1+1\n').created
    assert (entry.device_id, entry.name) == (A, "=1+1")


@given(st.binary(max_size=200))
def test_it_takes_anything(data: bytes) -> None:
    for raw in (data, b"id,name\n" + data, b"PK\x03\x04" + data):
        try:
            judged(raw)
        except BadSheet:
            continue
