"""The soak in short, so that it cannot rot unseen: a few rounds, and that it notices a leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from .server import Server
from .soak import MARGIN_BYTES, MARGIN_FILES, WARM_ROUNDS, Soak, run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_few_rounds_leak_nothing_and_a_leak_is_noticed(tmp_path: Path) -> None:
    soak = Soak(Server(tmp_path / "platform"))
    try:
        soak.server.start()
        lines: list[str] = []
        run(soak, lambda: False, lines.append)
        assert len(lines) == soak.rounds == WARM_ROUNDS + 1
        good = soak.samples[-1]
        for leak in (
            replace(good, files=good.files + 2 * MARGIN_FILES + 1),
            replace(good, tasks=good.tasks + 100),
            replace(good, rss=good.rss + 2 * MARGIN_BYTES),
        ):
            soak.samples[-1] = leak
            with pytest.raises(AssertionError, match="then"):
                soak.judge()
    finally:
        soak.close()
