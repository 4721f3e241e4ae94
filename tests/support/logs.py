"""Reads what was logged: `with captured() as lines: ...; assert lines[0]["event"] == ...`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs


@contextmanager
def captured() -> Iterator[list[dict[str, Any]]]:
    """Every line written meanwhile as a dictionary with `event`, `log_level` and its fields."""
    with capture_logs() as lines:
        yield lines
