"""The reference page of log events, from `gb28181/telemetry/events.py`."""

from __future__ import annotations

from gb28181.telemetry.catalogue import by_section
from gb28181.telemetry.events import COMMON

HEAD = """\
# Log events

<!-- Made by `make reference` from gb28181/telemetry/events.py; edit the catalogue there. -->

Every line the platform logs is one of these events. In JSON a line is one object with `time`
(ISO 8601 with zone), `level`, `event`, `component` and the fields of the event. Names and fields
are stable: they are part of the product's outward surface.

A field that does not apply is left out. These may stand in any line: {common}. `count` says how
many equal events of one source a line stands for: a warning of one kind and source is written at
most once a second.

Levels: `debug` wire traffic, `info` life cycle, `warning` the outside misbehaved, `error` a defect
of our own or lost data.
"""


def page() -> str:
    parts = [HEAD.format(common=", ".join(f"`{name}`" for name in COMMON))]
    for section, events in by_section().items():
        parts.append(f"## {section}\n")
        parts.append("| Event | Level | Fields | Meaning |")
        parts.append("|---|---|---|---|")
        for event in events:
            fields = " ".join(f"`{name}`" for name in event.fields)
            parts.append(f"| `{event.name}` | {event.level} | {fields} | {event.meaning} |")
        parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"
