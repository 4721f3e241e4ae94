"""Channels and places for tests of the tree."""

from __future__ import annotations

from catalog.derive import place
from catalog.model import CatalogItem, Channel

NVR = "64010400001180000001"
OTHER = "64030200001180000001"
PLATFORM = "64000000002000000001"


def channel(
    number: int,
    county: str = "640104",
    device: str = NVR,
    on: bool = True,
    hidden: bool = False,
    name: str = "",
) -> Channel:
    """The channel of a number; `county` is its CivilCode."""
    code = f"{(county + '00000000')[:8]}00132{number:07d}"
    item = CatalogItem(code, name=name or f"球机{number}", civil_code=county, status_on=on)
    return Channel(code, code, device, item, place(county, "", (), "", "64"), hidden)
