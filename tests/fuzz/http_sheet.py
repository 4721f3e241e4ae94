"""A table of devices as an operator sends it: lines and problems, or BadSheet."""

from __future__ import annotations

from gb28181.device.sheet import MOST_CELL, BadSheet, read


def seeds() -> list[bytes]:
    text = "国标编号,名称,密码,城市,传输\r\n34020000001320000001,门口,abc,6401,UDP\r\n,,,,\r\n"
    return [text.encode(), text.encode("gb18030"), text.encode("utf-16"), b"id;name\n1;2\n"]


def check(data: bytes) -> None:
    try:
        sheet = read(data)
    except BadSheet as error:
        assert error.zh
        assert error.en
        return
    assert all(len(cell) <= MOST_CELL for line in sheet.lines for cell in line.values.values())
