"""Devices in bulk: a table in, all devices as a table out."""

from __future__ import annotations

import asyncio
import csv
import importlib
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from gb28181.device.bulk import HEADER, Report
from gb28181.device.sheet import MOST_BYTES, BadSheet
from gb28181.errors import BadInput, PlatformError

from .guard import Admin, Viewer
from .platform import Here

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])

IMPORT_PATH: Final = "/api/v1/devices/import"
MOST_BODY: Final = MOST_BYTES + 65_536
MOST_PROBLEMS: Final = 1000
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            XLSX: {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


class ProblemOut(BaseModel):
    """What is wrong in a line; the header is line 1."""

    line: int
    column: str
    zh: str
    en: str


class ImportOut(BaseModel):
    """What the table did (`applied`), or would do. One problem, and nothing is applied."""

    rows: int
    created: int
    updated: int
    unchanged: int
    columns: list[str]
    ignored_columns: list[str]
    problems: list[ProblemOut]
    problems_total: int
    applied: bool


@router.post("/import", openapi_extra=_BODY)
async def import_devices(
    platform: Here,
    _: Admin,
    request: Request,
    dry_run: Annotated[bool, Query(description="only judge the table")] = False,
) -> ImportOut:
    """Enter many devices from CSV (UTF-8, GB 18030) or XLSX with the columns id, name, password,
    city, transport (Chinese headers are known, too). All lines or none; empty cells change
    nothing; ids that exist are updated."""
    try:
        report = await platform.devices.bulk.enter(await _file(request), dry_run=dry_run)
    except BadSheet as error:
        raise BadInput(error.en, zh=error.zh) from error
    shown = _shown(report)
    if report.plan.problems and not dry_run:
        raise PlatformError(
            "bad_input",
            f"{shown.problems_total} problems; nothing was entered",
            422,
            detail=shown.model_dump(),
        )
    return shown


async def _file(request: Request) -> bytes:
    """The table: the whole body, or the part `file` of a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return await request.body()
    async with request.form(max_files=1, max_fields=10) as form:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise BadInput("the form has no part named file")
        return await part.read()


def _shown(report: Report) -> ImportOut:
    found = report.plan
    return ImportOut(
        rows=report.rows,
        created=len(found.created),
        updated=len(found.updated),
        unchanged=found.unchanged,
        columns=report.columns,
        ignored_columns=report.ignored,
        problems=[
            ProblemOut(line=p.line, column=p.column, zh=p.zh, en=p.en)
            for p in found.problems[:MOST_PROBLEMS]
        ],
        problems_total=len(found.problems),
        applied=report.applied,
    )


@router.get("/export", response_class=Response)
async def export_devices(
    platform: Here, _: Viewer, format: Literal["csv", "xlsx"] = "csv"
) -> Response:
    """All devices without passwords. The table can be imported again; XLSX keeps 20-digit ids
    whole where a spreadsheet opens it."""
    portions = platform.devices.bulk.rows()
    name = f"devices.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if format == "csv":
        return StreamingResponse(_csv(portions), media_type="text/csv", headers=headers)
    rows = [row async for portion in portions for row in portion]
    return Response(await asyncio.to_thread(_xlsx, rows), media_type=XLSX, headers=headers)


async def _csv(portions: AsyncIterator[Sequence[tuple[Any, ...]]]) -> AsyncIterator[bytes]:
    yield "\ufeff".encode() + _lines([HEADER])
    async for portion in portions:
        yield _lines([tuple(_guarded(cell) for cell in row) for row in portion])


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _guarded(cell: Any) -> Any:
    """A device names itself; its name must not become a formula in somebody's spreadsheet."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell


def _xlsx(rows: list[tuple[Any, ...]]) -> bytes:
    openpyxl = importlib.import_module("openpyxl")
    illegal = importlib.import_module("openpyxl.cell.cell").ILLEGAL_CHARACTERS_RE
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("devices")
    sheet.append(list(HEADER))
    for row in rows:
        sheet.append(
            [_guarded(illegal.sub("", cell)) if isinstance(cell, str) else cell for cell in row]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
