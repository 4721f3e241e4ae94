"""The division table: complete for Ningxia, consistent for the rest, and part of the package."""

from __future__ import annotations

from importlib.resources import files

import pytest

from catalog.divisions import Divisions, parse_csv

NINGXIA = {
    "6401": ["640104", "640105", "640106", "640121", "640122", "640181"],
    "6402": ["640202", "640205", "640221"],
    "6403": ["640302", "640303", "640323", "640324", "640381"],
    "6404": ["640402", "640422", "640423", "640424", "640425"],
    "6405": ["640502", "640521", "640522"],
}


def test_all_cities_and_counties_of_ningxia() -> None:
    table = Divisions.load()
    assert table.name("64") == "宁夏回族自治区"
    assert {city: table.children(city) for city in table.children("64")} == NINGXIA


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("6401", "银川市"),
        ("6405", "中卫市"),
        ("640104", "兴庆区"),
        ("640303", "红寺堡区"),
        ("640522", "海原县"),
        ("340202", "镜湖区"),
        ("4290", "省直辖县级行政区划"),
        ("429004", "仙桃市"),
        ("999999", ""),
    ],
)
def test_names(code: str, name: str) -> None:
    assert Divisions.load().name(code) == name
    assert Divisions.load().exists(code) is bool(name)


def test_every_code_has_its_parents_and_a_name() -> None:
    table = Divisions.load()
    waiting, seen = table.children(""), 0
    while waiting:
        code = waiting.pop()
        seen += 1
        assert table.name(code)
        waiting.extend(table.children(code))
    assert seen == len(table) > 3000
    assert len(table.children("")) == 34


@pytest.mark.parametrize(
    ("code", "known"),
    [("640104", "640104"), ("640199", "6401"), ("649999", "64"), ("64010417", "640104"), ("9", "")],
)
def test_the_longest_known_prefix(code: str, known: str) -> None:
    assert Divisions.load().longest(code) == known


def test_the_file_ships_with_the_package_and_names_source_and_date() -> None:
    text = (files("catalog") / "data" / "divisions.csv").read_text("utf-8")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert any("Source:" in line for line in head)
    assert any("2025-12-31" in line for line in head)
    codes = [code for code, _ in parse_csv(text)]
    assert codes == sorted(set(codes))


def test_it_is_read_once() -> None:
    assert Divisions.load() is Divisions.load()
