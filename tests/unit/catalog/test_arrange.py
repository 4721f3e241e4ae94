"""Which items are channels and where they stand, with parents of every kind."""

from __future__ import annotations

import random

import pytest

from catalog.arrange import arrange, parent_ids
from catalog.model import CatalogItem

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex J")

SERVER = "64010000002000000001"
NVR = "64030200001180000007"
CAMERA = "34020000001320000001"
OTHER = "34020000001320000002"


def item(code: str, parent: str = "", civil: str = "", **fields: object) -> CatalogItem:
    return CatalogItem(code, parent_id=parent, civil_code=civil, **fields)  # type: ignore[arg-type]


def channels(*items: CatalogItem, device: str = NVR, complete: bool = True) -> dict[str, str]:
    """Code -> the most exact place code."""
    found = arrange(device, items, region="64", complete=complete, server_id=SERVER)
    return {one.item.device_id: one.place.code for one in found}


PARENTS = [
    *("", " ", NVR, SERVER, f"{SERVER}/{NVR}", CAMERA, "ParentID", "x" * 300, "1/2/3", "//", "/"),
    *("34020000002000000001", f"{SERVER}/64030000002160000004", "65535", "\u0000", f"{CAMERA}/"),
]


@pytest.mark.parametrize("parent", PARENTS)
def test_a_camera_is_filed_with_its_recorder_whatever_its_parent_id_holds(parent: str) -> None:
    assert channels(item(CAMERA, parent, "CivilCode")) == {CAMERA: "640302"}


def test_the_servers_own_id_as_parent_tells_nothing_about_the_place() -> None:
    assert channels(item(CAMERA, SERVER)) == {CAMERA: "640302"}
    unknown_server = arrange(NVR, [item(CAMERA, SERVER)], region="64", complete=True)
    assert unknown_server[0].place.code == "640302"


def test_a_parent_in_the_catalog_speaks_before_the_device() -> None:
    dvr = item("64050200001110000001", NVR)
    assert channels(dvr, item(CAMERA, dvr.device_id)) == {CAMERA: "640502"}
    assert channels(dvr, item(CAMERA, f"{SERVER}/{dvr.device_id}")) == {CAMERA: "640502"}


def test_a_parents_civil_code_speaks_before_its_id_and_grandparents_count() -> None:
    dvr = item("64050200001110000001", civil="640402")
    assert channels(dvr, item(CAMERA, dvr.device_id)) == {CAMERA: "640402"}
    group = item("34020000002150000001", civil="640205")
    lower = item("34020000002160000001", group.device_id)
    assert channels(group, lower, item(CAMERA, lower.device_id)) == {CAMERA: "640205"}


def test_a_parent_that_is_a_division_or_an_unlisted_device_is_a_hint() -> None:
    assert channels(item(CAMERA, "640521")) == {CAMERA: "640521"}
    assert channels(item(CAMERA, "64052100001110000001")) == {CAMERA: "640521"}


def test_organisations_reach_their_group_by_business_group_id() -> None:
    group = item("34020000002150000001", civil="640425")
    organisation = item("34020000002160000001", business_group_id=group.device_id)
    camera = item(CAMERA, f"{SERVER}/{organisation.device_id}")
    assert channels(group, organisation, camera) == {CAMERA: "640425"}


def test_cycles_hide_nothing() -> None:
    assert channels(item(CAMERA, OTHER), item(OTHER, CAMERA)).keys() == {CAMERA, OTHER}
    boxes = [f"6403020000111000000{n}" for n in range(3)]
    ring = [item(boxes[n], boxes[(n + 1) % 3]) for n in range(3)]
    assert channels(*ring, item(CAMERA, boxes[0])).keys() == {CAMERA, *boxes} - {boxes[0]}
    assert channels(item(boxes[0], boxes[0])) == {boxes[0]: "640302"}


def test_a_very_long_chain_ends() -> None:
    chain = [item(f"640302000011100{n:05d}", f"640302000011100{n + 1:05d}") for n in range(500)]
    assert channels(*chain) == {chain[0].device_id: "640302"}


def test_a_recorder_that_lists_itself_is_no_channel_while_it_has_cameras() -> None:
    assert channels(item(NVR), item(CAMERA)) == {CAMERA: "640302"}
    assert channels(item(NVR), item(CAMERA, SERVER)) == {CAMERA: "640302"}


def test_a_device_is_its_own_channel_only_if_listed_or_if_its_complete_catalog_is_empty() -> None:
    assert channels() == {NVR: "640302"}
    assert channels(complete=False) == {}
    assert channels(item(NVR)) == {NVR: "640302"}
    alarm = item("64030200001340000001")
    assert channels(alarm) == {}
    named = arrange(NVR, [], region="64", complete=True, device_name="西门")
    assert named[0].item.name == "西门"


def test_a_camera_that_lists_itself_is_a_channel_beside_its_alarm_input() -> None:
    camera = "64030200001320000001"
    alarm = item("64030200001340000001", camera)
    assert channels(item(camera), alarm, device=camera) == {camera: "640302"}


def test_a_platforms_catalog() -> None:
    platform = "64030000002000000001"
    listed = [
        item(platform, civil="6403"),
        item("640324"),
        item("64030000002150000001", platform),
        item("64030000002160000001", business_group_id="64030000002150000001"),
        item("64032400001180000001", platform, parental=True),
        item("64032400001320000001", "64032400001180000001"),
        item("64030000001320000002", f"{platform}/64030000002160000001", "640324"),
        item("64032400001370000001", platform),
    ]
    expected = {"64032400001320000001": "640324", "64030000001320000002": "640324"}
    assert channels(*listed, device=platform) == expected
    random.Random(5).shuffle(listed)
    assert channels(*listed, device=platform) == expected


@pytest.mark.parametrize(
    ("parent", "parents"),
    [
        ("", []),
        ("a", ["a"]),
        (" a / b /c ", ["a / b /c", "c", "b", "a"]),
        (CAMERA, []),
        (f"{CAMERA}/b", [f"{CAMERA}/b", "b"]),
    ],
)
def test_parent_ids(parent: str, parents: list[str]) -> None:
    assert parent_ids(item(CAMERA, parent)) == parents
