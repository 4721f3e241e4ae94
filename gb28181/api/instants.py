"""Instants that a call needs: ISO 8601 with zone, UTC inside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator


def _plus(value: Any) -> Any:
    """In a query `+08:00` arrives as a blank where nobody escaped it: the plus is meant."""
    if isinstance(value, str) and len(value) > 6 and value[-6] == " " and value[-3] == ":":
        return f"{value[:-6]}+{value[-5:]}"
    return value


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("the time needs a zone, such as +08:00 or Z")
    return value.astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(_plus), AfterValidator(_zoned)]
"""A time with zone."""
