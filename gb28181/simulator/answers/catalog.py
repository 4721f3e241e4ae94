"""The catalog of a device: its channels, on some its organisation and alarm inputs, in pages.

GB/T 28181-2022 A.2.1.9, A.2.6.4, annexes J and M; what 2016 has besides is written for its devices.
Asked for a division, a device answers with the division and what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gb28181.manscdp.codec import Node
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.faults import Fault
from gb28181.simulator.plan import ChannelSpec, DeviceSpec
from gb28181.simulator.profiles import Habit, Profile

GROUP, ORGANISATION, ALARM_INPUT = "215", "216", "134"
_DIVISIONS: Final = (2, 4, 6, 8)
_BEYOND: Final = "（镕园）"
"""A place whose first character is not in GB2312, but in GB 18030."""

Item = tuple[str, tuple[Node, ...]]
"""Its id, and its fields behind DeviceID."""


def answer(asked: Asked) -> Reply:
    """The messages of a catalog, in order."""
    if Fault.NO_CATALOG in asked.faults:
        return Reply()
    items = list(_below(asked))
    total = max(0, len(items) + int(asked.faults.get(Fault.WRONG_SUMNUM, 0)))
    pages = []
    for start in range(0, len(items), asked.page_items):
        part = items[start : start + asked.page_items]
        nodes = tuple(Node("Item", (Node("DeviceID", code), *rest)) for code, rest in part)
        holder = Node("DeviceList", nodes, (("Num", str(len(nodes))),))
        pages.append(asked.response("Catalog", Node("SumNum", total), holder))
    if not items:
        pages.append(asked.response("Catalog", Node("SumNum", total)))
    if Fault.LOST_PAGE in asked.faults:
        pages.pop()
    at_once = asked.has(Habit.PAGES_AT_ONCE) or Fault.PAGES_AT_ONCE in asked.faults
    return Reply(pages, at_once=at_once)


def items_of(asked: Asked) -> list[Item]:
    """All the device holds."""
    return [*_organisation(asked), *_inputs(asked), *_channels(asked)]


def item_node(asked: Asked, code: str, *first: Node) -> Node | None:
    """The item of one channel, with `first` behind its id; None when it is not ours."""
    channel = asked.channel(code)
    if channel is None:
        return None
    _, rest = _channel(asked, channel)
    return Node("Item", (Node("DeviceID", code), *first, *rest))


def _below(asked: Asked) -> Iterator[Item]:
    """What belongs to the code that was asked for."""
    code, spec = asked.code, asked.spec
    if code == spec.device_id:
        yield from items_of(asked)
    elif len(code) in _DIVISIONS:
        if spec.civil_code.startswith(code):
            yield code, (Node("Name", spec.address[: len(spec.address) // 2] or code),)
            yield from _channels(asked)
    elif code == organisation_id(spec, GROUP) and asked.has(Habit.ORGANISATION):
        yield from (*_organisation(asked), *_channels(asked))
    elif code == organisation_id(spec, ORGANISATION) and asked.has(Habit.ORGANISATION):
        yield from (*list(_organisation(asked))[1:], *_channels(asked))
    else:
        channel = asked.channel(code)
        if channel is not None:
            yield _channel(asked, channel)


def organisation_id(spec: DeviceSpec, kind: str) -> str:
    """The code of the business group or the organisation of a device."""
    return f"{spec.civil_code}0000{kind}0{spec.device_id[-6:]}"


def alarm_input_id(spec: DeviceSpec) -> str:
    return f"{spec.civil_code}0000{ALARM_INPUT}0{spec.device_id[-6:]}"


def _organisation(asked: Asked) -> Iterator[Item]:
    spec = asked.spec
    if not asked.has(Habit.ORGANISATION):
        return
    group = organisation_id(spec, GROUP)
    civil = Node("CivilCode", spec.civil_code)
    name = spec.name
    yield group, (Node("Name", f"{name}业务分组"), civil, Node("ParentID", spec.device_id))
    yield (
        organisation_id(spec, ORGANISATION),
        (Node("Name", f"{name}组织"), civil, Node("BusinessGroupID", group)),
    )


def _inputs(asked: Asked) -> Iterator[Item]:
    spec = asked.spec
    if asked.has(Habit.NAMELESS_INPUTS):
        rest = (
            Node("Name"),
            Node("Manufacturer", asked.profile.manufacturer),
            Node("Parental", 0),
            Node("ParentID", spec.device_id),
            Node("Status", "OK" if asked.has(Habit.STATUS_WORDS) else "ON"),
        )
        yield alarm_input_id(spec), rest


def _channels(asked: Asked) -> Iterator[Item]:
    for channel in asked.spec.channels:
        yield _channel(asked, channel)


def model_of(profile: Profile, spec: DeviceSpec) -> str:
    return profile.recorder if spec.is_recorder else profile.camera


def _channel(asked: Asked, channel: ChannelSpec) -> Item:
    spec, profile = asked.spec, asked.profile
    older = not profile.of_2022
    name = channel.name + (_BEYOND if asked.has(Habit.BEYOND_GB2312) else "")
    address = f"{spec.address}A&B<1号" if asked.has(Habit.DIRTY_ADDRESS) else spec.address
    nodes = [
        Node("Name", name),
        Node("Manufacturer", profile.manufacturer),
        Node("Model", model_of(profile, spec)),
    ]
    literal = asked.has(Habit.LITERALS)
    if older:
        nodes.append(Node("Owner", "Owner" if literal else spec.civil_code[:4]))
    tail = "0000" if asked.has(Habit.TEN_DIGIT_CIVIL) else ""
    nodes.append(Node("CivilCode", spec.civil_code + tail))
    if literal:
        nodes.append(Node("Block", "Block"))
    nodes += [
        Node("Address", address),
        Node("Parental", 65535 if asked.has(Habit.PARENTAL_65535) else 0),
        Node("ParentID", _parent(asked)),
    ]
    if older:
        nodes.append(Node("SafetyWay", 0))
    nodes += [Node("RegisterWay", 1), Node("Secrecy", 0)]
    if Fault.CATALOG_NO_STATUS not in asked.faults:
        nodes.append(Node("Status", status_word(asked, channel.channel_id)))
    nodes += [Node("Longitude", channel.longitude), Node("Latitude", channel.latitude)]
    if asked.has(Habit.ORGANISATION):
        nodes.append(Node("BusinessGroupID", organisation_id(spec, GROUP)))
    about = _about(asked, channel)
    if asked.has(Habit.INFO_OUTSIDE):
        return channel.channel_id, (*nodes, *about)
    return channel.channel_id, (*nodes, Node("Info", about))


def status_word(asked: Asked, code: str) -> str:
    """Of a channel, as this device spells it."""
    off = code in asked.memory.off_channels
    if asked.has(Habit.STATUS_WORDS):
        return "OFFLINE" if off else "OK"
    return "OFF" if off else "ON"


def _parent(asked: Asked) -> str:
    if asked.has(Habit.PARENT_IS_SERVER):
        return asked.server_id
    device_id = asked.spec.device_id
    if asked.has(Habit.ORGANISATION):
        return f"{device_id}/{organisation_id(asked.spec, ORGANISATION)}"
    return device_id


def _about(asked: Asked, channel: ChannelSpec) -> tuple[Node, ...]:
    """`Info`, in the words of the edition."""
    turns = Node("PTZType", channel.ptz_type)
    if not asked.profile.of_2022:
        return (turns, Node("Resolution", "6/5"), Node("DownloadSpeed", "1/2/4"))
    return (
        turns,
        Node("PhotoelectricImagingType", "1"),
        Node("RoomType", 1),
        Node("SupplyLightType", 2),
        Node("DirectionType", 1),
        Node("Resolution", "6/5"),
        Node("StreamNumberList", "0/1"),
        Node("DownloadSpeed", "1/2/4"),
        Node("GrassrootsCode", "000000"),
        Node("PointType", 2),
        Node("FunctionType", "02/03"),
        Node("EncodeType", "2"),
        Node("RecordSaveDays", 7),
    )
