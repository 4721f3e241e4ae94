"""The console the tests look at is the one in `web/`, checked for types before it was built."""

from __future__ import annotations

import json
import types

import pytest

from tests.packaging.test_build_hook import hook  # noqa: F401  (fixtures are found by name)
from tests.rules.source import ROOT

pytestmark = pytest.mark.browser


def test_the_console_is_built_from_its_sources(hook: types.ModuleType) -> None:  # noqa: F811
    """`make test` sees to it; a checkout worked on by hand is told."""
    assert not hook.is_stale(ROOT), "web/ has changed since it was built: pip install -e ."


def test_types_are_checked_before_anything_is_built() -> None:
    scripts = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))["scripts"]
    assert scripts["check"] == "vue-tsc --noEmit"
    assert scripts["build"].startswith(scripts["check"] + " && ")
