"""No setting without an effect: each key is read by the application or says that it is not."""

from __future__ import annotations

import re

import pytest

from config.keys import Key, all_keys
from tests.rules.source import modules

NOT_YET = "no effect yet"


def reads(pattern: str) -> bool:
    """True when a line of the application matches."""
    search = re.compile(pattern).search
    return any(search(m.text) for m in modules().values() if m.package == "gb28181")


@pytest.mark.parametrize("key", all_keys().values(), ids=lambda key: key.name)
def test_a_key_has_an_effect_or_says_that_it_has_none(key: Key) -> None:
    if NOT_YET in key.meaning:
        read = reads(rf"\b{re.escape(key.name)}\b")
        assert not read, f"{key.name} is read now: take `{NOT_YET}` out of its text"
    else:
        assert reads(rf"\.{key.path[-1]}\b"), f"{key.name} is read nowhere"
