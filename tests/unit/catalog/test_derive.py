"""City and county, whatever CivilCode and ParentID hold."""

from __future__ import annotations

import pytest

from catalog.derive import UNASSIGNED, Step, known_code, place
from catalog.divisions import Divisions
from catalog.model import Place

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex E")

IN_640104 = "64010400001320000011"
FACTORY = "34020000001320000001"
SERVER = "64010000002000000001"


def found(
    civil: str = "",
    item: str = FACTORY,
    parents: tuple[str, ...] = (),
    device: str = FACTORY,
    region: str = "64",
) -> tuple[str, str, str, str]:
    where = place(civil, item, parents, device, region)
    return where.city, where.county, where.unit, where.step


@pytest.mark.parametrize(
    ("civil", "expected"),
    [
        ("640302", ("6403", "640302", "", Step.CIVIL_CODE)),
        (" 640302\n", ("6403", "640302", "", Step.CIVIL_CODE)),
        ("64030201", ("6403", "640302", "64030201", Step.CIVIL_CODE)),
        ("64030200", ("6403", "640302", "", Step.CIVIL_CODE)),
        ("640300", ("6403", "", "", Step.CIVIL_CODE)),
        ("6403", ("6403", "", "", Step.CIVIL_CODE)),
        ("640399", ("6403", "", "", Step.CIVIL_CODE)),
        ("64039901", ("6403", "", "", Step.CIVIL_CODE)),
        ("6403000000", ("6403", "", "", Step.CIVIL_PREFIX)),
        ("6403020000", ("6403", "640302", "", Step.CIVIL_PREFIX)),
        ("640302000000", ("6403", "640302", "", Step.CIVIL_PREFIX)),
        ("64030201001180000001", ("6403", "640302", "64030201", Step.CIVIL_PREFIX)),
    ],
)
def test_a_good_civil_code_decides(civil: str, expected: tuple[str, str, str, str]) -> None:
    assert found(civil, IN_640104) == expected


NONSENSE = [
    *(
        "",
        " ",
        "CivilCode",
        "civilcode",
        "null",
        "宁夏",
        "64010x",
        "６４０１０４",
        "-1",
        "0",
        "0" * 10,
    ),
    *(
        "6",
        "640",
        "64010",
        "6401040",
        "640104000",
        "000000",
        "999999",
        "9999999999",
        "64",
        "640000",
    ),
    *("340200", "3402", "34020000", "3402000000", "340202", "34020000002000000001", "649999"),
]


@pytest.mark.parametrize("civil", NONSENSE)
def test_nonsense_in_the_civil_code_leaves_it_to_the_id(civil: str) -> None:
    assert found(civil, IN_640104) == ("6401", "640104", "", Step.ITEM_ID)


@pytest.mark.parametrize("civil", NONSENSE)
@pytest.mark.parametrize("item", [FACTORY, "camera-1", "", "0" * 20, "6401040000132000"[:9]])
def test_then_to_the_parents_and_then_to_the_device(item: str, civil: str) -> None:
    nvr = "64050200001180000001"
    assert found(civil, item, ("x", "3402", nvr), IN_640104)[:2] == ("6405", "640502")
    assert found(civil, item, ("x", "3402"), IN_640104)[:2] == ("6401", "640104")
    assert found(civil, item, (), IN_640104)[3] == Step.DEVICE_ID


def test_an_id_of_eighteen_digits_still_begins_with_its_division() -> None:
    assert found("", IN_640104[:18]) == ("6401", "640104", "", Step.ITEM_ID)


def test_the_unit_comes_from_digits_seven_and_eight_of_the_id() -> None:
    assert found("", "64010417001320000001") == ("6401", "640104", "64010417", Step.ITEM_ID)


def test_a_city_is_completed_by_the_next_candidate_in_the_same_city() -> None:
    assert found("6401", IN_640104) == ("6401", "640104", "", "civil_code+item_id")
    assert found("6401000000", IN_640104) == ("6401", "640104", "", "civil_prefix+item_id")
    assert found("6401", device=IN_640104) == ("6401", "640104", "", "civil_code+device_id")
    assert found("", FACTORY, ("6401", "640205", "640106"), IN_640104)[3] == "parent+parent"
    assert found("6402", IN_640104) == ("6402", "", "", Step.CIVIL_CODE)
    assert found("6402", IN_640104, ("340202",)) == ("6402", "", "", Step.CIVIL_CODE)


def test_a_county_is_completed_with_the_unit_of_the_next_candidate_in_the_same_county() -> None:
    unit = "64010417001320000001"
    assert found("640104", unit) == ("6401", "640104", "64010417", "civil_code+item_id")
    assert found("6401", unit) == ("6401", "640104", "64010417", "civil_code+item_id")
    assert found("640106", unit) == ("6401", "640106", "", Step.CIVIL_CODE)


def test_the_region_comes_first_even_when_the_civil_code_is_valid_elsewhere() -> None:
    assert found("340202", FACTORY, ("640502",))[:2] == ("6405", "640502")


def test_abroad_counts_when_nothing_is_at_home() -> None:
    assert found("340202") == ("3402", "340202", "", Step.CIVIL_CODE)
    assert found("") == ("3402", "", "", Step.ITEM_ID)
    assert found("", "x", (), FACTORY) == ("3402", "", "", Step.DEVICE_ID)


def test_the_province_alone_names_no_city_but_keeps_factory_defaults_from_carrying_away() -> None:
    assert place("64", FACTORY, (), FACTORY, "64") == UNASSIGNED
    assert place("640000", "x", (), "y", "64") == UNASSIGNED


def test_nothing_known_is_unassigned() -> None:
    assert place("x", "y", ("z", ""), "w", "64") == UNASSIGNED
    assert UNASSIGNED.code == ""


def test_a_region_of_one_city() -> None:
    assert found("640302", IN_640104, region="6401")[:2] == ("6401", "640104")
    assert found("640302", FACTORY, region="6401")[:2] == ("6403", "640302")


def test_places_are_shared_and_know_their_code() -> None:
    first, second = (place("", IN_640104, (), "", "64") for _ in range(2))
    assert first is second
    assert first.code == "640104"
    assert Place("6401", "", "", "x").code == "6401"


@pytest.mark.parametrize(
    ("text", "code"), [("640104", "640104"), (SERVER, "6401"), ("64010", ""), ("x", "")]
)
def test_known_code(text: str, code: str) -> None:
    assert known_code(text, Divisions.load()) == code
