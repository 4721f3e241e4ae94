"""ConfigDownload (Query, Response) and DeviceConfig (Control, Response): settings of a device.
GB/T 28181-2022 A.2.3.2, A.2.4.7, A.2.6.9, A.2.6.10.

The blocks are in `blocks.py`. A device may answer with one message per asked type, all with the SN
of the question. Elements that are no known block are kept in `others`: some devices name a block
otherwise than it was asked for, and only who asked can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.blocks import Block, BlockType, blocks_in, type_named, write_block
from gb28181.manscdp.codec import Decoded, Node
from gb28181.manscdp.command import Command, Message

_MOST_TYPES: Final = 32


@dataclass(frozen=True, slots=True)
class ConfigQuery(Message):
    """Asks for blocks."""

    types: tuple[BlockType, ...] = ()
    unknown: tuple[str, ...] = ()
    """Asked types nobody knows, as written."""


@dataclass(frozen=True, slots=True)
class ConfigResponse(Message):
    """Some or all of the asked blocks."""

    ok: bool = True
    """Result; missing counts as OK."""
    blocks: tuple[Block, ...] = ()
    problems: tuple[str, ...] = ()
    others: tuple[tuple[str, Element], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class DeviceConfig(Message):
    """Sets blocks."""

    blocks: tuple[Block, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceConfigResponse(Message):
    """Whether that was done; `said` is False when there was no Result."""

    ok: bool = True
    said: bool = True


def _read_query(decoded: Decoded) -> ConfigQuery:
    types: list[BlockType] = []
    unknown: list[str] = []
    for name in xml.child_text(decoded.tree, "ConfigType").split("/")[:_MOST_TYPES]:
        kind = type_named(name.strip())
        if kind is not None:
            types.append(kind)
        elif name.strip():
            unknown.append(name.strip()[:64])
    return ConfigQuery(decoded.sn, decoded.device_id, tuple(types), tuple(unknown))


def _write_query(message: ConfigQuery) -> tuple[Node, ...]:
    names = [kind.value for kind in message.types] + list(message.unknown)
    return (Node("ConfigType", "/".join(names)),)


def _result(decoded: Decoded) -> str:
    return xml.child_text(decoded.tree, "Result").upper()


def _read_response(decoded: Decoded) -> ConfigResponse:
    problems: list[str] = []
    blocks, others = blocks_in(decoded.tree, problems)
    return ConfigResponse(
        decoded.sn,
        decoded.device_id,
        _result(decoded) != "ERROR",
        blocks,
        tuple(problems),
        others,
    )


def _write_response(message: ConfigResponse) -> tuple[Node, ...]:
    blocks = tuple(write_block(block) for block in message.blocks)
    return (Node("Result", "OK" if message.ok else "ERROR"), *blocks)


def _read_config(decoded: Decoded) -> DeviceConfig:
    problems: list[str] = []
    blocks, _ = blocks_in(decoded.tree, problems)
    return DeviceConfig(decoded.sn, decoded.device_id, blocks, tuple(problems))


def _write_config(message: DeviceConfig) -> tuple[Node, ...]:
    return tuple(write_block(block) for block in message.blocks)


def _read_done(decoded: Decoded) -> DeviceConfigResponse:
    result = _result(decoded)
    return DeviceConfigResponse(decoded.sn, decoded.device_id, result != "ERROR", bool(result))


def _write_done(message: DeviceConfigResponse) -> tuple[Node, ...]:
    return (Node("Result", "OK" if message.ok else "ERROR"),) if message.said else ()


COMMANDS: Final = (
    Command("Query", "ConfigDownload", ConfigQuery, _read_query, _write_query),
    Command("Response", "ConfigDownload", ConfigResponse, _read_response, _write_response),
    Command("Control", "DeviceConfig", DeviceConfig, _read_config, _write_config),
    Command("Response", "DeviceConfig", DeviceConfigResponse, _read_done, _write_done),
)
