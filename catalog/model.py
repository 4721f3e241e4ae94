"""What the catalog is made of: items as devices report them, places, and channels.

`CatalogItem` and `ItemInfo` hold the fields of GB/T 28181-2016 and -2022 together (A.2.1.9 in
2022): a field of one edition is simply empty for devices of the other. They hold values, *no*
XML: reading and writing that is `gb28181.manscdp`. Empty text or None means "not reported".

A tree of 100,000 channels keeps one of each per channel, hence slots, and one shared empty
`ItemInfo`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """The `Info` block of a catalog item (some devices write these fields beside it)."""

    ptz_type: int | None = None
    """1 dome, 2 half dome, 3 fixed bullet, 4 controllable bullet, 5 controllable half dome, 6
    panorama, 7 split.
    """
    position_type: int | None = None
    """2016 only: kind of place, 1-10."""
    use_type: int | None = None
    """2016 only: 1 security, 2 traffic, 3 key site."""
    photoelectric_imaging_type: str = ""
    """2022: `/`-list of 1 visible, 2 thermal, 3 radar, 4 X-ray, 5 depth, 9 other."""
    capture_position_type: str = ""
    """2022: code of annex O."""
    room_type: int | None = None
    """1 outdoor, 2 indoor."""
    supply_light_type: int | None = None
    """1 none, 2 infrared, 3 white, 4 laser, 9 other."""
    direction_type: int | None = None
    """1 E, 2 W, 3 S, 4 N, 5 SE, 6 NE, 7 SW, 8 NW."""
    resolution: str = ""
    """`/`-list with the values of the f field."""
    stream_number_list: str = ""
    """2022: for example `0/1/2`."""
    download_speed: str = ""
    """`/`-list, for example `1/2/4`."""
    svc_space_support_mode: int | None = None
    svc_time_support_mode: int | None = None
    ssvc_ratio_support_list: str = ""
    mobile_device_type: int | None = None
    """2022: 1 robot, 2 body camera, 3 soldier unit, 4 vehicle, 5 drone, 9 other."""
    horizontal_field_angle: float | None = None
    vertical_field_angle: float | None = None
    max_view_distance: float | None = None
    grassroots_code: str = ""
    """2022: 3 digits township, 3 digits village; 000000 when not grassroots."""
    point_type: int | None = None
    """2022: class 1, 2, 3 of the monitored point, 9 other."""
    point_common_name: str = ""
    mac: str = ""
    function_type: str = ""
    """2022: `/`-list of 01 face, 02 person, 03 vehicle, 04 non-motor, 05 object, 99 other."""
    encode_type: str = ""
    install_time: str = ""
    management_unit: str = ""
    contact_info: str = ""
    record_save_days: int | None = None
    industrial_classification: str = ""


EMPTY_INFO: Final = ItemInfo()


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One `Item` of a catalog as the device reported it, values bounded and typed."""

    device_id: str
    """The code the device uses; not always 20 digits, unique only within the device."""
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    """2016 only."""
    civil_code: str = ""
    """As reported, however wrong; `derive.place` reads it."""
    block: str = ""
    address: str = ""
    parental: bool | None = None
    """Whether it says it has children; any number but 0 is yes."""
    parent_id: str = ""
    """As reported, `a/b` included."""
    safety_way: int | None = None
    register_way: int | None = None
    cert_num: str = ""
    certifiable: int | None = None
    err_code: int | None = None
    end_time: str = ""
    security_level_code: str = ""
    """2022: A, B or C of GB 35114."""
    secrecy: int | None = None
    ip_address: str = ""
    port: int | None = None
    password: str = field(default="", repr=False)
    """Never stored, logged or passed on."""
    status_on: bool = True
    """False only for OFF and OFFLINE; a missing status is ON."""
    longitude: float | None = None
    latitude: float | None = None
    business_group_id: str = ""
    info: ItemInfo = EMPTY_INFO
    extra: tuple[tuple[str, str], ...] = ()
    """Elements of no edition, in their order, bounded."""

    @property
    def ptz_type(self) -> int | None:
        """Shortcut to `info.ptz_type`."""
        return self.info.ptz_type

    def to_dict(self) -> dict[str, Any]:
        """Every field that differs from its default, ready for JSON; the password stays out."""
        found: dict[str, Any] = {"device_id": self.device_id}
        for name, default in _ITEM_DEFAULTS.items():
            value = getattr(self, name)
            if value != default:
                found[name] = value
        if self.info != EMPTY_INFO:
            found["info"] = {
                name: getattr(self.info, name)
                for name, default in _INFO_DEFAULTS.items()
                if getattr(self.info, name) != default
            }
        if self.extra:
            found["extra"] = [list(pair) for pair in self.extra]
        return found

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> CatalogItem:
        """The reverse of `to_dict`; keys of other versions are ignored."""
        info = stored.get("info")
        return cls(
            device_id=stored["device_id"],
            info=ItemInfo(**{k: v for k, v in info.items() if k in _INFO_DEFAULTS})
            if info
            else EMPTY_INFO,
            extra=tuple((name, value) for name, value in stored.get("extra", ())),
            **{k: v for k, v in stored.items() if k in _ITEM_DEFAULTS},
        )


_INFO_DEFAULTS: Final = {f.name: f.default for f in fields(ItemInfo)}
_ITEM_DEFAULTS: Final = {
    f.name: f.default
    for f in fields(CatalogItem)
    if f.name not in {"device_id", "password", "info", "extra"}
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel belongs, and how that was found out."""

    city: str
    """4 digits, or empty."""
    county: str
    """6 digits, or empty when only the city is known."""
    unit: str
    """8 digits (basic access unit), or empty."""
    step: str
    """The step of the derivation that decided; see `derive.Step`."""

    @property
    def code(self) -> str:
        """The most exact code known: unit, county, city or an empty text."""
        return self.unit or self.county or self.city


@dataclass(frozen=True, slots=True)
class Channel:
    """Something that can send video, under the platform's own id."""

    channel_id: str
    """The platform's public 20-digit id."""
    reported_id: str
    """The device's code; SIP uses this one."""
    device_id: str
    """The registered device it belongs to."""
    item: CatalogItem
    place: Place
    hidden: bool = False
    """Hidden by an operator: known, but neither listed nor counted."""
