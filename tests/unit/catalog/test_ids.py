"""Ids: reading, types, and what counts as a channel."""

from __future__ import annotations

import pytest

from catalog.errors import BadId
from catalog.ids import GbId, is_channel_item, is_division, parse_id, require_id, type_code
from catalog.model import CatalogItem

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex E")

CAMERA = "64010400011320700012"


def of_type(code: str) -> CatalogItem:
    return CatalogItem(f"6401040000{code}0000001")


def test_the_parts_of_an_id() -> None:
    found = parse_id(f" {CAMERA}\n")
    assert found == GbId(CAMERA)
    assert found is not None
    assert (found.civil, found.domain, found.industry) == ("64010400", "6401040001", "01")
    assert (found.type, found.network, found.serial) == ("132", "0", "700012")


@pytest.mark.parametrize(
    "text",
    ["", "6401", CAMERA[:19], CAMERA + "0", CAMERA[:19] + "x", CAMERA[:19] + "９", "一" * 20],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert parse_id(text) is None
    assert type_code(text) == ""
    with pytest.raises(BadId):
        require_id(text)


def test_where_an_id_is_required_a_right_one_passes() -> None:
    assert require_id(CAMERA).text == CAMERA


@pytest.mark.parametrize(
    ("text", "division"),
    [("64", True), ("6401", True), ("640104", True), ("64010401", True)]
    + [(text, False) for text in ("", "6", "640", "6401040", "6401000000", CAMERA, "64x1", "６４")],
)
def test_divisions(text: str, division: bool) -> None:
    assert is_division(text) is division


@pytest.mark.parametrize("children", [False, True])
@pytest.mark.parametrize("code", ["131", "132"])
def test_cameras_are_always_channels(code: str, children: bool) -> None:
    assert is_channel_item(of_type(code), children)


@pytest.mark.parametrize("code", ["134", "135", "136", "137", "200", "215", "216"])
def test_what_sends_no_video_is_never_a_channel(code: str) -> None:
    assert not is_channel_item(of_type(code), False)


@pytest.mark.parametrize("code", ["111", "118", "121", "122", "130", "133", "138", "139", "700"])
def test_any_other_device_is_a_channel_unless_it_has_children(code: str) -> None:
    assert is_channel_item(of_type(code), False)
    assert not is_channel_item(of_type(code), True)
    assert not is_channel_item(CatalogItem(of_type(code).device_id, parental=True), False)


@pytest.mark.parametrize("code", ["64010400001320001", "ipc-entrance", "640104000013200012"])
def test_an_odd_code_is_a_channel_like_any_other_device(code: str) -> None:
    assert is_channel_item(CatalogItem(code), False)
    assert not is_channel_item(CatalogItem(code), True)


@pytest.mark.parametrize("code", ["64", "6401", "640104", "64010401"])
def test_a_division_is_no_channel(code: str) -> None:
    assert not is_channel_item(CatalogItem(code), False)
