"""ConfigDownload and DeviceConfig: the settings of a device, told and really changed.

GB/T 28181-2022 A.2.3.2, A.2.6.9, A.2.6.10. A device of 2016 knows four blocks, one of 2022 all.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from gb28181.manscdp.blocks import (
    OF_2016,
    READ_ONLY,
    BasicParam,
    Block,
    BlockType,
    SnapShotConfig,
    type_of,
    write_block,
)
from gb28181.manscdp.codec import Node
from gb28181.manscdp.commands.device_config import ConfigQuery, DeviceConfig
from gb28181.simulator.answers.asked import Asked, Register, Reply, Retime, TakePictures
from gb28181.simulator.faults import Fault
from gb28181.simulator.profiles import Habit

TOLD_PASSWORD = "not-the-real-one"


def download(asked: Asked) -> Reply:
    """One message for each block, or all in one; an ERROR for what is not known."""
    query = asked.message
    assert isinstance(query, ConfigQuery)
    known = [kind for kind in query.types if asked.profile.of_2022 or kind in OF_2016]
    if not known:
        return Reply([asked.response("ConfigDownload", Node("Result", "ERROR"))])
    blocks = [_told(asked, kind) for kind in known]
    ok = Node("Result", "OK")
    if asked.has(Habit.CONFIG_TOGETHER):
        return Reply([asked.response("ConfigDownload", ok, *blocks)])
    return Reply([asked.response("ConfigDownload", ok, block) for block in blocks])


def _told(asked: Asked, kind: BlockType) -> Node:
    node = write_block(asked.memory.block(_holder(asked, kind), kind))
    if kind is BlockType.SNAPSHOT_CONFIG:
        node = replace(node, name="SnapShot")  # the name in the answer of the 2022 schema
    if kind is BlockType.BASIC_PARAM and asked.has(Habit.TELLS_PASSWORD):
        assert isinstance(node.value, tuple)
        node = replace(node, value=(*node.value, Node("Password", TOLD_PASSWORD)))
    if asked.has(Habit.CONFIG_RENAMED) and kind is BlockType.VIDEO_PARAM_ATTRIBUTE:
        node = replace(node, name="VideoParamConfig")
    return node


def _holder(asked: Asked, kind: BlockType) -> str:
    """Whose block it is: BasicParam belongs to the device, the others to a channel."""
    return asked.spec.device_id if kind is BlockType.BASIC_PARAM else asked.camera


def configure(asked: Asked) -> Reply:
    """Take what can be taken; one block that cannot makes it an ERROR."""
    order = asked.message
    assert isinstance(order, DeviceConfig)
    reply = Reply()
    good = bool(order.blocks)
    silent = Fault.CONFIG_NO_RESPONSE in asked.faults
    for block in order.blocks:
        kind = type_of(block)
        if kind is BlockType.BASIC_PARAM and asked.has(Habit.CONFIG_UNANSWERED):
            silent = True
            reply.deeds.append(Register())
        good = _take(asked, kind, block, reply) and good
    if not silent:
        result = Node("Result", "OK" if good else "ERROR")
        reply.bodies.append(asked.response("DeviceConfig", result))
    return reply


def _take(asked: Asked, kind: BlockType, block: Block, reply: Reply) -> bool:
    """Whether a block was taken."""
    if kind in READ_ONLY or not (asked.profile.of_2022 or kind in OF_2016):
        return False
    if isinstance(block, SnapShotConfig):
        reply.deeds.append(TakePictures(asked.camera, block))
        return bool(block.upload_url)
    wrong_address = asked.code != asked.spec.device_id
    if kind is BlockType.BASIC_PARAM and asked.has(Habit.CONFIG_BY_DEVICE) and wrong_address:
        return False
    if Fault.CONFIG_NOT_KEPT in asked.faults:
        return True
    holder = _holder(asked, kind)
    asked.memory.blocks[holder, kind] = _merged(asked.memory.block(holder, kind), block)
    if isinstance(block, BasicParam) and block.heart_beat_interval:
        reply.deeds.append(Retime(float(block.heart_beat_interval)))
    return True


def _merged(old: Any, new: Any) -> Any:
    """What is said replaces, what is not said stays; lists are replaced whole."""
    values = {}
    for one in fields(new):
        value = getattr(new, one.name)
        if value in (None, "", ()):
            continue
        before = getattr(old, one.name)
        nested = is_dataclass(value) and before is not None
        values[one.name] = _merged(before, value) if nested else value
    return replace(old, **values)
