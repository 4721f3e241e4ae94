"""Times as MANSCDP writes them: `YYYY-MM-DDTHH:MM:SS[.sss]`, Beijing time, no zone.

GB/T 28181-2022 9.10 and A.2.1. A blank instead of `T` is accepted, a trailing `Z` or offset is
believed, and years nobody can mean (a camera without a clock writes 1970) count as no time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
_FORM: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[T ]+([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})"
    r"(?:[.,]([0-9]{1,9}))?\s*(Z|z|[+-][0-9]{2}:?[0-9]{2})?"
)
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100


def parse_time(text: str) -> datetime | None:
    """The instant in UTC, or None for anything that is no time."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    fraction = int(((found.group(7) or "") + "000000")[:6])
    try:
        moment = datetime(
            year, month, day, hour, minute, second, fraction, _zone(found.group(8) or "")
        )
    except ValueError:
        return None
    return moment.astimezone(UTC)


def _zone(text: str) -> timezone:
    if not text:
        return BEIJING
    if text in "Zz":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def format_time(moment: datetime) -> str:
    """As devices expect it; fractions only where there are some."""
    local = moment.astimezone(BEIJING)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")[:-6]
