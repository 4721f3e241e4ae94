"""Questions about the device: catalog (A), device information and status (D). Clause 9.5."""

from __future__ import annotations

from typing import Final

from gb28181.conformance import fields
from gb28181.conformance.checks import counted, plain_200, question, reported, result_ok
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import Finding, Grade, Item, Text, failed
from gb28181.manscdp import xml
from gb28181.manscdp.commands.device_status import DeviceStatusQuery


async def _catalog(desk: Desk) -> None:
    await desk.catalog()


async def _info(desk: Desk) -> None:
    await desk.info()


async def _status(desk: Desk) -> None:
    await desk.ask("DeviceStatus", DeviceStatusQuery("", desk.device_id))


def _each_once(evidence: Evidence) -> Finding | None:
    pages = evidence.bodies("Response", "Catalog")
    last = [page for page in pages if page.sn == pages[-1].sn]
    codes = [xml.child_text(item, "DeviceID") for page in last for item in fields.items(page)]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        return failed(f"编码重复:{twice[:4]}", f"ids that come twice: {twice[:4]}")
    return None


def _own_id(evidence: Evidence) -> Finding | None:
    """The answer names what was asked about (A.2.6.4)."""
    for page in evidence.bodies("Response", "Catalog"):
        if page.device_id != evidence.device_id:
            return failed(
                f"应答的 DeviceID 是 {page.device_id[:24]}",
                f"DeviceID of the answer is {page.device_id[:24]}",
            )
    return None


ITEMS: Final = (
    Item(
        "catalog.query",
        Grade.A,
        Text("目录查询", "catalog query"),
        ("9.5.3.1", "9.5.3.1"),
        _catalog,
        question("Catalog", counted("Catalog"), _each_once, _own_id),
    ),
    Item(
        "device.info",
        Grade.D,
        Text("设备信息查询", "device information"),
        ("9.5.3.2", "9.5.3.2"),
        _info,
        (*question("DeviceInfo"), result_ok("DeviceInfo")),
    ),
    Item(
        "device.status",
        Grade.D,
        Text("设备状态查询", "device status"),
        ("9.5.3.3", "9.5.3.3"),
        _status,
        (*question("DeviceStatus"), reported("DeviceStatus"), plain_200),
    ),
)
