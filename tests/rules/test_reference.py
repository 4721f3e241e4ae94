"""The pages of reference name everything there is: limits, errors, events, calls."""

from __future__ import annotations

import re

import pytest

from config.keys import all_keys
from docs.tools import behaviour, bus_events, error_codes, http_api, state_machines
from gb28181.errors import LEG_STATUS, Leg
from tests.rules.source import ROOT, Module, modules


def time_constants(module: Module) -> set[str]:
    """Names like `CLOSING_S` that stand for a number at the top of a module."""
    names = re.findall(r"^([A-Z][A-Z0-9_]*_S)(?:: \w+)? = [\d.]", module.text, re.MULTILINE)
    return {f"{module.name}.{name}" for name in names}


def test_every_time_constant_stands_on_the_page_of_figures() -> None:
    page = behaviour.page()
    found = {
        name
        for module in modules().values()
        if module.package != "config" and not module.name.startswith("gb28181.simulator")
        for name in time_constants(module)
    }
    assert "gb28181.session.call.CLOSING_S" in found
    assert [name for name in found - behaviour.INTERNAL if f"`{name}`" not in page] == []
    assert behaviour.INTERNAL - found == set(), "take these out of INTERNAL"


def test_every_setting_that_is_a_figure_stands_on_the_page_of_figures() -> None:
    page = behaviour.page()
    figures = [key.name for key in all_keys().values() if behaviour.is_figure(key)]
    assert "sessions.linger" in figures
    assert [name for name in figures if f"setting `{name}`" not in page] == []


def test_figures_are_those_of_the_code() -> None:
    values = {row.source: row.value for row in behaviour.rows()}
    assert values["sessions.linger"] == "30s"
    assert values["gb28181.session.call.CLOSING_S"] == "4s"
    assert values["gb28181.device.policy.DevicePolicy.silence_s"] == "185s"
    assert values["media.ports"] == "30000-30999 (1,000 ports)"
    with pytest.raises(AttributeError):
        behaviour.constant("gb28181.session.call.GONE_S")


def test_every_error_is_on_its_page_and_no_text_is_left_over() -> None:
    found = error_codes.found_codes()
    assert found.keys() >= {"bad_input", "channel_unknown", "too_many_logins", "viewers_exhausted"}
    assert error_codes.STATUS_OF_CODE.keys() <= found.keys(), "texts without a code"
    wrong = {
        code: (status, found[code][0])
        for code, (status, _) in error_codes.STATUS_OF_CODE.items()
        if found[code][0] != status
    }
    assert not wrong, f"another status in the source: {wrong}"
    assert set(error_codes.LEGS) == set(Leg) == set(LEG_STATUS)


def test_every_event_of_the_bus_is_on_its_page_and_no_text_is_left_over() -> None:
    found = bus_events.found_events()
    section = bus_events.section()
    assert [name for name in found if f"| `{name}` |" not in section] == []
    assert bus_events.EVENTS.keys() <= found.keys(), "texts without an event"


def test_every_call_of_the_api_is_on_its_page_with_its_role() -> None:
    page = http_api.page()
    assert "### POST /api/v1/channels/{channel_id}/live" in page
    section = page.split("### DELETE /api/v1/devices/{device_id}\n")[1].split("###")[0]
    assert "Role: admin. Status 204." in section
    section = page.split("### GET /live/{channel_id}.flv\n")[1].split("###")[0]
    assert "A ticket or any role." in section


def test_diagrams_show_what_machines_do() -> None:
    page = state_machines.page()
    assert "unreachable --> online: HEARD, REGISTER" in page
    assert "waiting --> running: MediaBegan" in page
    assert "paused --> closed: CallFailed, Close, Tick, Viewers" in page
    assert "proceeding --> accepted: SUCCESS" in page


NAMED_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def test_every_test_that_a_page_names_exists() -> None:
    """A page may claim only what a test proves."""
    pages = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {found for page in pages for found in NAMED_TEST.findall(page.read_text("utf-8"))}
    assert len(named) > 60
    missing = []
    for path, name in sorted(named):
        source = ROOT / path
        text = source.read_text("utf-8") if source.is_file() else ""
        if not source.is_file() or (name and not re.search(rf"\bdef {name}\(", text)):
            missing.append(f"{path}::{name}")
    assert not missing, "\n".join(missing)


def test_numbers_of_leniencies_are_those_the_source_refers_to() -> None:
    page = (ROOT / "docs/conformance/leniencies.md").read_text("utf-8")
    numbers = [n for row in re.findall(r"^\| ([\d, ]+) \|", page, re.M) for n in row.split(", ")]
    assert len(numbers) == len(set(numbers))
    text = "\n".join(module.text for module in modules().values())
    used = set(re.findall(r"\bquirks? (\d+)", text))
    assert used
    assert used <= set(numbers), "a quirk of the source stands on no line of leniencies.md"
