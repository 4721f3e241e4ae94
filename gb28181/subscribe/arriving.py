"""NOTIFY as it comes: what its Subscription-State says, and what package it is of. Pure.

Devices leave the header out, write it in other cases or forget the `expires`; what is missing
counts as active.
"""

from __future__ import annotations

from sip.message import Request
from sip.subscription import Notified

_MOST_SECONDS = 10 * 86_400


def notified(request: Request) -> Notified:
    """The Subscription-State of a NOTIFY."""
    value = request.headers.get("Subscription-State") or "active"
    word, *parameters = (part.strip() for part in value.split(";"))
    found: dict[str, str] = {}
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        found.setdefault(name.strip().lower(), text.strip().strip('"'))
    return Notified(
        terminated=word.lower() == "terminated",
        expires=_seconds(found.get("expires")),
        reason=found.get("reason", "").lower()[:32],
        after=_seconds(found.get("retry-after")),
    )


def _seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return min(int(text), _MOST_SECONDS)


def seconds_of(value: str | None) -> int | None:
    """Expires, Min-Expires or Retry-After of an answer; comments and parameters are cut off."""
    if value is None:
        return None
    return _seconds(value.split(";")[0].split("(")[0].strip())
