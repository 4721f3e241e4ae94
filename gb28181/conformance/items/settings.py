"""Settings, restart, memory cards, pictures: grades D and F. Clauses 9.3, 9.5, 9.14."""

from __future__ import annotations

from dataclasses import fields as fields_of_table
from typing import Any, Final

from gb28181.conformance.checks import (
    counted,
    done,
    fields_of,
    needs,
    plain_200,
    question,
    reported,
    result_ok,
)
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import Edition, Finding, Grade, Item, Text, failed
from gb28181.manscdp.actions import FormatSdCard, TeleBoot
from gb28181.manscdp.blocks import OF_2016, READ_ONLY, BlockType
from gb28181.manscdp.commands.sd_card import SdCardQuery

from .registering import is_keepalive, is_registered

SNAPSHOTS: Final = 1
LEAST_HEARTBEAT_S: Final = 5


async def _read(desk: Desk) -> None:
    kinds = tuple(kind for kind in BlockType if desk.edition is Edition.OF_2022 or kind in OF_2016)
    told = await desk.read_config(kinds)
    desk.remember("blocks", told)
    desk.note("told", sorted(kind.value for kind in told))


def _basic(evidence: Evidence) -> Finding | None:
    if BlockType.BASIC_PARAM.value not in evidence.facts.get("told", ()):
        return failed("没有 BasicParam", "no BasicParam came")
    return None


async def _write(desk: Desk) -> None:
    """Each block the device told gets back a value it has: nothing changes."""
    if desk.known("blocks") is None:
        await _read(desk)
    told = desk.known("blocks") or {}
    tried = []
    for kind, block in told.items():
        same = None if kind in READ_ONLY else _a_value(block)
        if same is not None and kind is not BlockType.SNAPSHOT_CONFIG:
            tried.append(kind.value)
            await desk.change_config(kind, same)
    desk.note("tried", tried)


def _a_value(block: Any) -> dict[str, Any] | None:
    for column in fields_of_table(block):
        value = getattr(block, column.name)
        plain = isinstance(value, int | str) and value != ""
        if plain and column.metadata and not _told_only(column.metadata):
            return {column.name: value}
    return None


def _told_only(metadata: Any) -> bool:
    spec = metadata.get("xml")
    return bool(getattr(spec, "told", False) or getattr(spec, "secret", False))


def _every_block(evidence: Evidence) -> Finding | None:
    for act in evidence.acts:
        if act.what.startswith("DeviceConfig") and act.error and act.error != "not_supported":
            return failed(f"{act.what}:{act.message}", f"{act.what}: {act.message}")
    return None


async def _heartbeat(desk: Desk) -> None:
    """Another interval, and back."""
    before = desk.heartbeat_s
    other = max(LEAST_HEARTBEAT_S, int(before) + 1 if before < 30 else int(before) // 2)
    desk.note("wanted", other)
    if await desk.change_config(BlockType.BASIC_PARAM, {"heart_beat_interval": other}):
        await desk.wait("Keepalive", is_keepalive, before + 3 * other + 10.0, count=3)
    await desk.change_config(BlockType.BASIC_PARAM, {"heart_beat_interval": int(before)})


def _new_rhythm(evidence: Evidence) -> Finding | None:
    beats = [message.at for message in evidence.bodies("Notify", "Keepalive")]
    wanted = evidence.facts["wanted"]
    if len(beats) < 3:
        return failed("没有按新间隔收到心跳", "heartbeats did not come at the new interval")
    got = beats[-1] - beats[-2]
    if not 0.5 * wanted <= got <= 1.5 * wanted + 1.0:
        return failed(
            f"心跳间隔 {got:.1f} s,设定为 {wanted} s",
            f"heartbeats are {got:.1f} s apart, not {wanted}",
        )
    return None


async def _boot(desk: Desk) -> None:
    if await desk.tell("TeleBoot", TeleBoot(), whole=True):
        # A quick one is back before its own answer was looked at.
        await desk.wait("REGISTER", is_registered, desk.patience.boot_s, since_begin=True)


async def _cards(desk: Desk) -> None:
    found = await desk.ask("SDCardStatus", SdCardQuery("", desk.device_id))
    if found is not None:
        desk.remember("cards", [card.id for card in found.items])


async def _format(desk: Desk) -> None:
    if desk.known("cards") is None:
        await _cards(desk)
    cards = desk.known("cards")
    desk.note("card", bool(cards))
    if cards:
        await desk.tell("FormatSDCard", FormatSdCard(cards[0] or 1), whole=True)


async def _snapshot(desk: Desk) -> None:
    await desk.snapshot(SNAPSHOTS)


ITEMS: Final = (
    Item(
        "config.query",
        Grade.F,
        Text("设备配置查询", "settings: query"),
        ("9.5.3.4", "9.5.3.4"),
        _read,
        (
            done("ConfigDownload", optional=True),
            plain_200,
            reported("ConfigDownload"),
            fields_of("ConfigDownload"),
            _basic,
        ),
    ),
    Item(
        "config.set",
        Grade.F,
        Text("设备配置(逐块)", "settings: every block"),
        ("9.3", "9.3"),
        _write,
        (
            needs("tried", "没有可以改写的配置", "no block of settings to write"),
            _every_block,
            plain_200,
            reported("DeviceConfig"),
            result_ok("DeviceConfig"),
        ),
    ),
    Item(
        "config.heartbeat",
        Grade.F,
        Text("修改心跳间隔", "settings: heartbeat"),
        ("9.3", "9.3"),
        _heartbeat,
        (done("DeviceConfig BasicParam", optional=True), _new_rhythm),
        disruptive=True,
    ),
    Item(
        "remote.boot",
        Grade.D,
        Text("远程启动", "remote boot"),
        ("9.3.2", "9.3.2"),
        _boot,
        (done("TeleBoot", "REGISTER"), plain_200),
        disruptive=True,
    ),
    Item(
        "card.status",
        Grade.F,
        Text("存储卡状态查询", "memory cards: status"),
        ("", "9.5"),
        _cards,
        question("SDCardStatus", counted("SDCardStatus"), optional=True),
    ),
    Item(
        "card.format",
        Grade.F,
        Text("存储卡格式化", "memory cards: format"),
        ("", "9.3"),
        _format,
        (
            needs("card", "设备没有存储卡", "the device has no memory card"),
            done("FormatSDCard", optional=True),
            plain_200,
        ),
        disruptive=True,
    ),
    Item(
        "snapshot",
        Grade.F,
        Text("图像抓拍", "pictures on demand"),
        ("", "9.14"),
        _snapshot,
        (
            done("snapshot", optional=True),
            reported("UploadSnapShotFinished", "Notify"),
            fields_of("UploadSnapShotFinished", "Notify"),
        ),
    ),
)
