"""A run as a Word document: the device, the table of items, and the evidence of what failed.

Made from the JSON of a run, so that a kept one can be printed any time. Both languages stand side
by side; the laboratory's reports are in Chinese.
"""

from __future__ import annotations

import io
from typing import Any, Final

from docx import Document
from docx.document import Document as DocumentObject
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

VERDICTS: Final[dict[str, tuple[str, str, RGBColor]]] = {
    "passed": ("通过", "passed", RGBColor(0x1A, 0x7F, 0x37)),
    "failed": ("不通过", "failed", RGBColor(0xC0, 0x1C, 0x28)),
    "not_offered": ("不具备", "not offered", RGBColor(0x66, 0x66, 0x66)),
    "person": ("待人工核对", "to be looked at", RGBColor(0x9A, 0x67, 0x00)),
    "skipped": ("未检测", "not tried", RGBColor(0x66, 0x66, 0x66)),
}
COLUMNS: Final = (
    "级别 Grade",
    "检测项 Item",
    "条款 Clause",
    "结论 Verdict",
    "说明 Reason",
    "用时 s",
)
WIDTHS: Final = (15, 62, 24, 30, 104, 15)
"""Millimetres."""
FONT, FONT_ASIA = "Calibri", "SimSun"
MOST_MESSAGES: Final = 24
"""Of an item that failed, in print; all that were kept are in the JSON."""
MOST_LINES: Final = 40
ILLEGAL: Final = dict.fromkeys(n for n in range(32) if n not in (9, 10, 13))
"""Characters XML cannot carry."""


def document(run: dict[str, Any]) -> bytes:
    """The .docx of a run."""
    paper = Document()
    _page(paper)
    edition = f"GB/T 28181-{run['edition']}"
    paper.add_heading("设备符合性检测报告 Conformance report", level=0)
    _facts(paper, run, edition)
    paper.add_heading("结论 Result", level=1)
    paper.add_paragraph(_sentence(run))
    paper.add_heading("检测项 Items", level=1)
    _table(paper, run["items"])
    bad = [item for item in run["items"] if item["verdict"] == "failed"]
    if bad:
        paper.add_heading("不通过项的证据 Evidence of what failed", level=1)
    for item in bad:
        _evidence(paper, item)
    held = io.BytesIO()
    paper.save(held)
    return held.getvalue()


def _page(paper: DocumentObject) -> None:
    section = paper.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Mm(20))
    for name in ("Normal", "Title", "Heading 1", "Heading 2"):
        style = paper.styles[name]
        style.font.name = FONT
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT_ASIA)
    paper.styles["Normal"].font.size = Pt(9)


def _facts(paper: DocumentObject, run: dict[str, Any], edition: str) -> None:
    device = run["device"]
    rows = (
        ("设备编码 Device", run["device_id"]),
        ("检测通道 Channel", run["channel_id"] or "-"),
        ("名称 Name", device.get("name", "")),
        ("厂商、型号 Make", f"{device.get('manufacturer', '')} {device.get('model', '')}".strip()),
        ("固件 Firmware", device.get("firmware", "")),
        ("接入 Access", f"{device.get('transport', '')} {device.get('remote', '')}".strip()),
        ("标准 Standard", edition),
        ("检测编号 Run", run["run_id"]),
        ("时间 Time", f"{run['started_at'][:19]} - {(run['ended_at'] or '')[:19]}"),
    )
    grid = paper.add_table(rows=0, cols=2, style="Light Grid Accent 1")
    for name, value in rows:
        cells = grid.add_row().cells
        cells[0].text, cells[1].text = name, _clean(str(value))


def _sentence(run: dict[str, Any]) -> str:
    counts = run["counts"]
    words = [f"{zh} {en}: {counts.get(key, 0)}" for key, (zh, en, _) in VERDICTS.items()]
    return f"状态 State: {run['state']}。 " + "; ".join(words)


def _table(paper: DocumentObject, items: list[dict[str, Any]]) -> None:
    grid = paper.add_table(rows=1, cols=len(COLUMNS), style="Light Grid Accent 1")
    for cell, title in zip(grid.rows[0].cells, COLUMNS, strict=True):
        cell.text = title
    for item in items:
        zh, en, colour = VERDICTS[item["verdict"]]
        reason = " / ".join(text for text in (item["reason_zh"], item["reason_en"]) if text)
        texts = (
            item["grade"],
            f"{item['title_zh']} {item['title_en']}\n{item['name']}",
            item["clause"],
            f"{zh} {en}",
            reason,
            f"{item['duration_s']:.1f}",
        )
        cells = grid.add_row().cells
        for cell, text in zip(cells, texts, strict=True):
            cell.text = _clean(text)
        for part in cells[3].paragraphs[0].runs:
            part.font.color.rgb = colour
            part.font.bold = item["verdict"] == "failed"
    for row in grid.rows:
        for cell, width in zip(row.cells, WIDTHS, strict=True):
            cell.width = Mm(width)


def _evidence(paper: DocumentObject, item: dict[str, Any]) -> None:
    paper.add_heading(f"{item['name']}  {item['title_zh']} {item['title_en']}", level=2)
    paper.add_paragraph(_clean(f"{item['reason_zh']} / {item['reason_en']}"))
    for message in item["messages"][:MOST_MESSAGES]:
        arrow = "设备 -> 平台" if message["direction"] == "in" else "平台 -> 设备"
        head = paper.add_paragraph()
        told = head.add_run(f"{message['at'][11:23]}  {arrow}  {_clean(message['summary'])}")
        told.bold = True
        lines = _clean(message["text"]).splitlines()[:MOST_LINES]
        text = paper.add_paragraph().add_run("\n".join(lines))
        text.font.size, text.font.name = Pt(7), "Consolas"
    left = item["messages_total"] - len(item["messages"][:MOST_MESSAGES])
    if left > 0:
        paper.add_paragraph(f"另有 {left} 条报文 / {left} more messages")


def _clean(text: str) -> str:
    return text.translate(ILLEGAL)
