"""One catalog `Item`: element -> `catalog.model.CatalogItem` and back. GB/T 28181-2022 A.2.1.9
with the 2016 fields.

Every field stands once in a table: element name, attribute, kind and bound. A value of the wrong
type or out of its range is dropped and told in `problems`; a text that is too long is cut and
told. Only an unusable DeviceID loses the item. A value that repeats its own element name
(`<CivilCode>CivilCode</CivilCode>`, Hikvision) is a template nobody filled in and counts as
empty.

The password of an item is read but never written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from xml.etree.ElementTree import Element

from catalog.ids import is_division
from catalog.model import EMPTY_INFO, CatalogItem, ItemInfo
from gb28181.manscdp import xml
from gb28181.manscdp.codec import Node


@dataclass(frozen=True, slots=True)
class Text:
    """A text, cut at `most` characters."""

    most: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Real:
    """A decimal number within bounds."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Flag:
    """0 is no, any other whole number yes (Hikvision sends 65535)."""


Kind = Text | Whole | Real | Flag
_SMALL: Final = Whole(0, 65535)

ITEM_FIELDS: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("Name", "name", Text(256)),
    ("Manufacturer", "manufacturer", Text(256)),
    ("Model", "model", Text(256)),
    ("Owner", "owner", Text(256)),
    ("CivilCode", "civil_code", Text(64)),
    ("Block", "block", Text(64)),
    ("Address", "address", Text(512)),
    ("Parental", "parental", Flag()),
    ("ParentID", "parent_id", Text(512)),
    ("SafetyWay", "safety_way", _SMALL),
    ("RegisterWay", "register_way", _SMALL),
    ("CertNum", "cert_num", Text(128)),
    ("Certifiable", "certifiable", _SMALL),
    ("ErrCode", "err_code", Whole(-(2**31), 2**31 - 1)),
    ("EndTime", "end_time", Text(64)),
    ("SecurityLevelCode", "security_level_code", Text(8)),
    ("Secrecy", "secrecy", _SMALL),
    ("IPAddress", "ip_address", Text(64)),
    ("Port", "port", _SMALL),
    ("Password", "password", Text(128)),
    ("Longitude", "longitude", Real(-180.0, 180.0)),
    ("Latitude", "latitude", Real(-90.0, 90.0)),
    ("BusinessGroupID", "business_group_id", Text(64)),
)
INFO_FIELDS: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("PTZType", "ptz_type", _SMALL),
    ("PositionType", "position_type", _SMALL),
    ("UseType", "use_type", _SMALL),
    ("PhotoelectricImagingType", "photoelectric_imaging_type", Text(64)),
    ("CapturePositionType", "capture_position_type", Text(64)),
    ("RoomType", "room_type", _SMALL),
    ("SupplyLightType", "supply_light_type", _SMALL),
    ("DirectionType", "direction_type", _SMALL),
    ("Resolution", "resolution", Text(128)),
    ("StreamNumberList", "stream_number_list", Text(64)),
    ("DownloadSpeed", "download_speed", Text(64)),
    ("SVCSpaceSupportMode", "svc_space_support_mode", _SMALL),
    ("SVCTimeSupportMode", "svc_time_support_mode", _SMALL),
    ("SSVCRatioSupportList", "ssvc_ratio_support_list", Text(64)),
    ("MobileDeviceType", "mobile_device_type", _SMALL),
    ("HorizontalFieldAngle", "horizontal_field_angle", Real(-360.0, 360.0)),
    ("VerticalFieldAngle", "vertical_field_angle", Real(-360.0, 360.0)),
    ("MaxViewDistance", "max_view_distance", Real(0.0, 1e6)),
    ("GrassrootsCode", "grassroots_code", Text(64)),
    ("PointType", "point_type", _SMALL),
    ("PointCommonName", "point_common_name", Text(256)),
    ("MAC", "mac", Text(64)),
    ("FunctionType", "function_type", Text(128)),
    ("EncodeType", "encode_type", Text(64)),
    ("InstallTime", "install_time", Text(64)),
    ("ManagementUnit", "management_unit", Text(256)),
    ("ContactInfo", "contact_info", Text(256)),
    ("RecordSaveDays", "record_save_days", Whole(0, 1_000_000)),
    ("IndustrialClassification", "industrial_classification", Text(64)),
)
_ITEM: Final = {element.lower(): (element, name, kind) for element, name, kind in ITEM_FIELDS}
_INFO: Final = {element.lower(): (element, name, kind) for element, name, kind in INFO_FIELDS}
_INFO["photoelectricimagingtyp"] = _INFO["photoelectricimagingtype"]  # spelling of some platforms
_OWN: Final = frozenset({"deviceid", "status", "info"})
_OFF: Final = frozenset({"OFF", "OFFLINE"})
_ON: Final = frozenset({"ON", "OK", "ONLINE", ""})
_USABLE_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,32}")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,12}")
_REAL: Final = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})")
_MOST_EXTRA: Final = 32
_MOST_EXTRA_TEXT: Final = 256
_MOST_PROBLEMS: Final = 32

T = TypeVar("T")


class _Pool:
    """One object for equal values: thousands of items repeat maker, model, parent and civil code.

    Bounded and simply emptied when full, because the values come from outside; sharing is a
    saving, not a promise.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._seen: dict[Any, Any] = {}

    def share(self, value: T) -> T:
        if len(self._seen) >= self._most:
            self._seen.clear()
        shared: T = self._seen.setdefault(value, value)
        return shared


_POOL: Final = _Pool()


def read_item(element: Element) -> tuple[CatalogItem | None, list[str]]:
    """The item, or None when its id is unusable; and what was wrong with it."""
    problems: list[str] = []
    device_id = xml.child_text(element, "DeviceID")
    if _USABLE_ID.fullmatch(device_id) is None:
        return None, [f"DeviceID unusable: {device_id[:40]!r}"]
    own: dict[str, Any] = {}
    about: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    status_on = True
    for inner in element:
        key = xml.name_of(inner).lower()
        if key == "status":
            status_on = _status(xml.text_of(inner), problems)
        elif key == "info":
            _read_info(inner, own, about, extra, problems)
        elif not (
            _take(_ITEM, key, inner, own, problems) or _take(_INFO, key, inner, about, problems)
        ):
            _keep(inner, key, extra)
    own["name"] = own.get("name") or device_id  # alarm inputs often have none
    info = _POOL.share(ItemInfo(**about)) if about else EMPTY_INFO
    item = CatalogItem(
        device_id=device_id, status_on=status_on, info=info, extra=tuple(extra), **own
    )
    return item, [f"{device_id} {problem}" for problem in problems[:_MOST_PROBLEMS]]


def _read_info(
    info: Element,
    own: dict[str, Any],
    about: dict[str, Any],
    extra: list[tuple[str, str]],
    problems: list[str],
) -> None:
    """`Info`: its own fields, and BusinessGroupID where 2016 has it; a value here beats one
    beside `Info`.
    """
    inside: dict[str, Any] = {}
    for inner in info:
        key = xml.name_of(inner).lower()
        if key == "businessgroupid":
            _take(_ITEM, key, inner, own, problems)
        elif not _take(_INFO, key, inner, inside, problems):
            _keep(inner, key, extra)
    about.update(inside)


def _take(
    table: Mapping[str, tuple[str, str, Kind]],
    key: str,
    element: Element,
    into: dict[str, Any],
    problems: list[str],
) -> bool:
    """Read a field of the table; True when the table knows it. The first value that says
    something counts.
    """
    known = table.get(key)
    if known is None:
        return False
    name, attribute, kind = known
    text = xml.text_of(element)
    if not text or text.lower() == key or attribute in into:
        return True
    value, problem = convert(kind, text)
    if problem:
        problems.append(f"{name} {problem}")
    if value is not None:
        into[attribute] = _POOL.share(value) if isinstance(value, str) else value
    return True


def convert(kind: Kind, text: str) -> tuple[str | int | float | bool | None, str]:
    """The value of a text, or None; and what was wrong."""
    match kind:
        case Text(most):
            return (text, "") if len(text) <= most else (text[:most].rstrip(), f"cut to {most}")
        case Flag():
            if _WHOLE.fullmatch(text) is None:
                return None, f"not a number: {text[:20]!r}"
            return int(text) != 0, ""
        case Whole(least, most):
            if _WHOLE.fullmatch(text) is None:
                return None, f"not a number: {text[:20]!r}"
            return _within(int(text), least, most)
        case Real(lowest, highest):
            if _REAL.fullmatch(text) is None:
                return None, f"not a number: {text[:20]!r}"
            return _within(float(text), lowest, highest)


N = TypeVar("N", int, float)


def _within(value: N, least: float, most: float) -> tuple[N | None, str]:
    return (value, "") if least <= value <= most else (None, f"out of range: {value}")


def _status(text: str, problems: list[str]) -> bool:
    word = text.upper()
    if word not in _OFF and word not in _ON:
        problems.append(f"Status unknown: {text[:20]!r}")
    return word not in _OFF


def _keep(element: Element, key: str, extra: list[tuple[str, str]]) -> None:
    text = xml.text_of(element)
    if text and key not in _OWN and len(extra) < _MOST_EXTRA:
        name = _POOL.share(xml.name_of(element)[:64])
        extra.append((name, _POOL.share(text[:_MOST_EXTRA_TEXT])))


def write_item(item: CatalogItem) -> Node:
    """The `Item` element: every reported field, no password; a division has DeviceID and Name
    only (annex J).
    """
    nodes = [Node("DeviceID", item.device_id), Node("Name", item.name)]
    if is_division(item.device_id):
        return Node("Item", tuple(nodes))
    for element, attribute, kind in ITEM_FIELDS:
        if attribute not in {"name", "password", "longitude", "latitude"}:
            _append(nodes, element, getattr(item, attribute), kind)
    nodes.append(Node("Status", "ON" if item.status_on else "OFF"))
    for element, attribute, kind in ITEM_FIELDS:
        if attribute in {"longitude", "latitude"}:
            _append(nodes, element, getattr(item, attribute), kind)
    about: list[Node] = []
    for element, attribute, kind in INFO_FIELDS:
        _append(about, element, getattr(item.info, attribute), kind)
    if about:
        nodes.append(Node("Info", tuple(about)))
    nodes.extend(Node(name, value) for name, value in item.extra)
    return Node("Item", tuple(nodes))


def _append(nodes: list[Node], element: str, value: Any, kind: Kind) -> None:
    if value is None or value == "":
        return
    match kind:
        case Flag():
            nodes.append(Node(element, 1 if value else 0))
        case Real():
            nodes.append(Node(element, f"{value:.10f}".rstrip("0").rstrip(".")))
        case Text() | Whole():
            nodes.append(Node(element, value))
