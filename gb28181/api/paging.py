"""Lists as ``{items, total}`` with ``limit`` and ``offset``; ``total`` ignores both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=1000, description="at most this many items")]
Offset = Annotated[int, Query(ge=0, description="skip so many items")]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    total: int


def page_of(items: Sequence[Item], limit: int, offset: int) -> Page[Item]:
    """Cut a page out of the whole list."""
    return Page[Item](items=list(items[offset : offset + limit]), total=len(items))
