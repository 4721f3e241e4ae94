"""Tables of devices through the API: in, out, and in again."""

from __future__ import annotations

import csv
import io
import urllib.request
import uuid

import openpyxl
import pytest

from .kit import MakeCamera, new_id
from .server import Answer, Server

pytestmark = pytest.mark.e2e


def send(server: Server, data: bytes, query: str = "") -> Answer:
    return server.call("POST", f"/api/v1/devices/import{query}", raw=data)


def test_a_table_is_judged_entered_and_lets_cameras_in(
    platform: Server, make_camera: MakeCamera
) -> None:
    first, second = new_id(), new_id()
    table = f"设备编号,设备名称,密码,城市\n{first},一号机,pw-first,吴忠市\n{second},,,\n".encode(
        "gb18030"
    )
    judged = send(platform, table, "?dry_run=true")
    assert judged.status == 200, judged
    assert (judged.body["created"], judged.body["applied"]) == (2, False)
    assert platform.device(first) is None
    entered = send(platform, table)
    assert entered.status == 200, entered
    assert entered.body["applied"] is True
    assert "pw-first" not in str(entered.body)
    camera = make_camera(first)
    assert camera.register().status == 403
    camera.password = "pw-first"
    assert camera.register().status == 200
    (channel,) = platform.wait_channels(first, 1)
    assert channel["city"] == "6403"
    device = platform.device(first)
    assert device is not None
    assert (device["name"], device["has_password"]) == ("一号机", True)
    again = send(platform, table)
    assert (again.body["unchanged"], again.body["updated"]) == (2, 0)


def test_a_bad_line_is_named_and_nothing_is_entered(platform: Server) -> None:
    good = new_id()
    answer = send(platform, f"id,password\n{good},secret-1\n12,secret-2\n".encode())
    assert answer.status == 422
    (problem,) = answer.error["detail"]["problems"]
    assert (problem["line"], problem["column"]) == (3, "device_id")
    assert problem["zh"]
    assert "secret" not in str(answer.body)
    assert platform.device(good) is None
    judged = send(platform, b"id\n12\n", "?dry_run=true")
    assert judged.status == 200
    assert judged.body["problems_total"] == 1
    assert send(platform, b"nothing here").status == 422
    assert send(platform, b"x" * (34 * 1024 * 1024)).status == 413


def test_a_form_with_a_workbook(platform: Server) -> None:
    device_id = new_id()
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append([device_id, "from a form"])
    out = io.BytesIO()
    book.save(out)
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode() + out.getvalue()
    request = urllib.request.Request(
        f"{platform.url}/api/v1/devices/import",
        body + f"\r\n--{boundary}--\r\n".encode(),
        {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Authorization": f"Bearer {platform.token()}",
        },
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.status == 200
    device = platform.device(device_id)
    assert device is not None
    assert device["name"] == "from a form"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_export_has_no_passwords_and_can_be_imported(platform: Server, form: str) -> None:
    device_id = new_id()
    name = "=HYPERLINK(1)"
    table = io.StringIO()
    csv.writer(table).writerows([["id", "name", "password"], [device_id, name, "pw-export"]])
    assert send(platform, table.getvalue().encode()).status == 200
    answer = platform.call("GET", f"/api/v1/devices/export?format={form}")
    assert answer.status == 200
    assert isinstance(answer.body, bytes)
    assert b"pw-export" not in answer.body
    if form == "csv":
        rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
        (row,) = [row for row in rows if row[0] == device_id]
        assert row[1] == f"'{name}"
    again = send(platform, answer.body, "?dry_run=true")
    assert again.status == 200, again
    assert again.body["problems"] == []
    assert (again.body["created"], again.body["updated"]) == (0, 0)
    assert again.body["unchanged"] >= 1


def test_only_an_admin_may_enter_tables(platform: Server) -> None:
    assert platform.call("POST", "/api/v1/devices/import", raw=b"id\n", token=False).status == 401
    assert platform.call("GET", "/api/v1/devices/export", token=False).status == 401
