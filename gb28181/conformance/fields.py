"""Mandatory fields of what devices send: there, and well-formed. GB/T 28181-2022 annex A.

Stricter than the parsers of `manscdp`, on purpose: those take what can be used, this names what is
wrong. Names of elements are compared without case, as in all of the product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from gb28181.manscdp import xml
from gb28181.manscdp.times import parse_time

from .evidence import Seen
from .model import Edition

_ID: Final = re.compile(r"\d{20}")
_ANY_ID: Final = re.compile(r"\d{2}|\d{4}|\d{6}|\d{8}|\d{10}|\d{20}")
_NUMBER: Final = re.compile(r"-?\d{1,10}(\.\d{1,10})?")
MOST_FLAWS: Final = 20


def _some(text: str) -> bool:
    return True


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text.upper() in words


def _time(text: str) -> bool:
    return parse_time(text) is not None


def _decimal(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _result(text: str) -> bool:
    return text.upper() in ("OK", "ERROR")


@dataclass(frozen=True, slots=True)
class Rule:
    """An element that has to be there; `lists` names where its items are."""

    name: str
    right: Callable[[str], bool] = _some
    editions: tuple[Edition, ...] = tuple(Edition)


@dataclass(frozen=True, slots=True)
class Form:
    """What a message must hold."""

    rules: tuple[Rule, ...] = ()
    holder: str = ""
    """Of the list."""
    item: str = "Item"
    items: tuple[Rule, ...] = ()
    """In each item."""


_SUM: Final = Rule("SumNum", _whole)
_SUM_2022: Final = Rule("SumNum", _whole, (Edition.OF_2022,))
_RESULT: Final = Rule("Result", _result)

FORMS: Final[dict[tuple[str, str], Form]] = {
    ("Notify", "keepalive"): Form((Rule("Status", _result),)),
    ("Notify", "mediastatus"): Form((Rule("NotifyType", _whole),)),
    ("Notify", "alarm"): Form(
        (
            Rule("AlarmPriority", _whole),
            Rule("AlarmMethod", _some),
            Rule("AlarmTime", _time),
        )
    ),
    ("Response", "deviceinfo"): Form((_RESULT,)),
    ("Response", "devicestatus"): Form(
        (_RESULT, Rule("Online", _one_of("ONLINE", "OFFLINE")), Rule("Status", _result))
    ),
    ("Response", "devicecontrol"): Form((_RESULT,)),
    ("Response", "deviceconfig"): Form((_RESULT,)),
    ("Response", "configdownload"): Form((_RESULT,)),
    ("Response", "catalog"): Form((_SUM,), "DeviceList", "Item", (Rule("DeviceID"), Rule("Name"))),
    ("Response", "recordinfo"): Form(
        (_SUM,),
        "RecordList",
        "Item",
        (Rule("DeviceID"), Rule("StartTime", _time), Rule("EndTime", _time)),
    ),
    ("Response", "presetquery"): Form((_SUM_2022,), "PresetList", "Item", (Rule("PresetID"),)),
    ("Response", "homepositionquery"): Form((Rule("HomePosition"),)),
    ("Response", "cruisetracklistquery"): Form(
        (_SUM,), "CruiseTrackList", "CruiseTrack", (Rule("Number", _whole), Rule("Name"))
    ),
    ("Response", "cruisetrackquery"): Form(
        (Rule("Number", _whole), _SUM),
        "CruisePointList",
        "CruisePoint",
        (Rule("PresetIndex", _whole),),
    ),
    ("Response", "sdcardstatus"): Form(
        (_SUM,), "SDCardStatusInfo", "Item", (Rule("ID", _whole), Rule("Status"))
    ),
    ("Notify", "uploadsnapshotfinished"): Form((Rule("SessionID"), Rule("SnapShotList"))),
    ("Notify", "deviceupgraderesult"): Form((Rule("SessionID"), Rule("UpgradeResult", _result))),
}

DEVICE_FIELDS: Final = (
    Rule("Manufacturer"),
    Rule("Model"),
    Rule("Owner", _some, (Edition.OF_2016,)),
    Rule("CivilCode"),
    Rule("Address"),
    Rule("Parental", _whole),
    Rule("ParentID"),
    Rule("RegisterWay", _whole),
    Rule("Secrecy", _whole),
    Rule("Status", _one_of("ON", "OFF")),
)
"""Of a catalog item that is a device (A.2.1.9)."""
_NO_DEVICE: Final = ("200", "215", "216")


def flaws(message: Seen, edition: Edition) -> list[str]:
    """What is wrong with a message of a device, as short English sentences; empty: nothing."""
    if message.problem:
        return [message.problem]
    if message.tree is None:
        return []
    found = list(_frame(message))
    form = FORMS.get((message.root, message.command.lower()))
    if form is not None:
        found += _missing(message.tree, form.rules, edition, message.command)
        for number, item in enumerate(items(message), 1):
            rules = form.items
            if message.command.lower() == "catalog" and _is_device(item):
                rules = (*rules, *DEVICE_FIELDS)
            found += _missing(item, rules, edition, f"{message.command} item {number}")
    return found[:MOST_FLAWS]


def items(message: Seen) -> list[Element]:
    """The items of a list, where they belong."""
    form = FORMS.get((message.root, message.command.lower()))
    if form is None or not form.holder or message.tree is None:
        return []
    holder = xml.child(message.tree, form.holder)
    return [] if holder is None else list(xml.children(holder, form.item))


def _frame(message: Seen) -> Iterator[str]:
    if not message.sn or not message.sn.isdigit() or int(message.sn) < 1:
        yield f"SN of {message.command} is {message.sn!r}, not a number from 1 on"
    named = message.command.lower() != "broadcast" or message.root != "Notify"
    if named and not _ANY_ID.fullmatch(message.device_id):
        yield f"DeviceID of {message.command} is {message.device_id[:24]!r}"


def _missing(
    element: Element, rules: tuple[Rule, ...], edition: Edition, where: str
) -> Iterator[str]:
    for rule in rules:
        if edition not in rule.editions:
            continue
        child = xml.child(element, rule.name)
        if child is None:
            yield f"{where} has no {rule.name}"
        elif not rule.right(xml.text_of(child)):
            yield f"{rule.name} of {where} is {xml.text_of(child)[:24]!r}"


def _is_device(item: Element) -> bool:
    code = xml.child_text(item, "DeviceID")
    return _ID.fullmatch(code) is not None and code[10:13] not in _NO_DEVICE
