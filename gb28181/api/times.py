"""Times in queries: ISO 8601 with a zone, and start before end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query

from gb28181.errors import BadInput

from .instants import Instant

Start = Annotated[Instant | None, Query(description="from here on; absent: from the beginning")]
End = Annotated[Instant | None, Query(description="up to, but not at; absent: no limit")]


def span(start: datetime | None, end: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Both, checked; raises BadInput."""
    if start is not None and end is not None and start >= end:
        raise BadInput("start must be before end")
    return start, end
