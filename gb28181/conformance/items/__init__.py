"""All items, in the order they are tried: what needs another one's result comes after it, and what
is judged over the whole run comes last. Disruptive ones go at the end of what is done."""

from __future__ import annotations

from typing import Final

from gb28181.conformance.model import Item

from . import alarms, asking, live, moving, overall, recording, registering, settings

_LAST: Final = frozenset(
    {
        "alarm.notify",
        "port.clean",
        "message.fields",
        "message.to",
        "message.charset",
        "register.version",
        "unregister",
        "delay",
    }
)
_TRIED: Final = (
    *registering.ITEMS,
    *asking.ITEMS,
    *live.ITEMS,
    *moving.ITEMS,
    *recording.ITEMS,
    *alarms.ITEMS,
    *settings.ITEMS,
    *overall.ITEMS,
)

ITEMS: Final[tuple[Item, ...]] = (
    *(item for item in _TRIED if item.name not in _LAST and not item.disruptive),
    *(item for item in _TRIED if item.name not in _LAST and item.disruptive),
    *(item for item in _TRIED if item.name in _LAST),
)
OVERALL: Final = _LAST
"""Judged by the messages of the whole run."""
