"""What travels over `/api/v1/events`.

The types are found in the source; one without a text here is shown with the fields it is published
with, and a test looks for texts without an event.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.tools.tables import table

DEVICE = "`device_id` `name` `state` `online`"
CHANNEL = "`channel_id` `device_id` `name` `city` `county` `online`"

EVENTS: dict[str, tuple[str, str]] = {
    "device.added": (DEVICE, "An operator entered a device."),
    "device.pending": (f"{DEVICE} `remote`", "An unknown device waits for approval."),
    "device.online": (f"{DEVICE} `cause` `remote`", "It registered, or is heard again."),
    "device.offline": (
        f"{DEVICE} `cause`",
        "It is offline or, with `state` `unreachable`, its connection is lost and its"
        " registration still runs.",
    ),
    "device.updated": (
        f"{DEVICE}, after a move `remote` `previous`",
        "Name, settings, approval, DeviceInfo or address changed.",
    ),
    "device.duplicate": (
        f"{DEVICE} `remote` `previous` `result`",
        "The same id registers from two addresses while both are alive; `result` is"
        " `newest_wins` or `refused`.",
    ),
    "device.removed": ("`device_id`", "An operator removed it."),
    "device.upgrade": (
        "`session_id` `device_id` `firmware` `file_url` `state` `failure` `running_firmware`"
        " `started_at` `ended_at`",
        "A firmware upgrade ended: `state` is `done` or `failed`.",
    ),
    "snapshot.taken": (
        "`snapshot_id` `channel_id` `device_id` `taken_at` `source` `file_id` `width` `height`"
        " `size`",
        "A picture was taken and is kept.",
    ),
    "channel.added": (CHANNEL, "A channel is new."),
    "channel.updated": (CHANNEL, "Its facts or its place changed."),
    "channel.status": ("`channel_id` `device_id` `online`", "Its own Status changed."),
    "channel.removed": ("`channel_id` `device_id`", "A complete catalog does not list it."),
    "tree.changed": (
        "`nodes`: list of `id` `kind` `name` `total` `online`",
        "Nodes with new counts or names, at most ten events a second.",
    ),
    "session.changed": (
        "`session_id` `stream_id` `channel_id` `device_id` `state` `reason` `viewers`",
        "A session changed its state.",
    ),
    "recording.changed": (
        "`channel_id` `state` `cause` `wanted_by`",
        "The recording of a channel on the platform began, paused, broke or ended.",
    ),
    "push.changed": (
        "`push_id` `channel_id` `stream` `target` `state` `waits_for` `reason`",
        "A stream that is brought to another server changed its state; `target` without secrets.",
    ),
    "export.changed": (
        "`export_id` `channel_id` `state`",
        "An export of recorded time is done, or failed.",
    ),
    "conformance.changed": (
        "as `GET /api/v1/conformance` shows a run",
        "An examination began, finished an item, or is over.",
    ),
    "talk.changed": (
        "`talk_id` `state` `reason` `speaking` `target`: null, or `target_id` `device_id` `state`"
        " `reason` `message` `message_zh` `session_id`",
        "A talk, or one of its targets, changed its state.",
    ),
    "events.lost": (
        "`count`",
        "The subscriber was too slow and the oldest events are gone: read the state anew.",
    ),
}

WORDS = """\
## Events

`GET /api/v1/events` as a WebSocket, with `Authorization: Bearer`, `X-API-Key` or `?ticket=` from
`POST /api/v1/auth/ticket` (browsers cannot set headers there). `?types=device,session` keeps only
events whose type begins with one of these words. Each message is one JSON text:

```json
{"type": "device.offline", "time": "2026-01-31T08:00:00.123456+00:00",
 "data": {"device_id": "64010400001320000011", "name": "NX-2", "state": "offline",
          "online": false, "cause": "heartbeat_missed"}}
```

Events begin with the moment of subscribing, in the order in which things happened; nothing is
stored. Whoever needs the whole state reads it after subscribing. `cause` is one of `registered`
`reconnected` `unregistered` `heartbeat_missed` `registration_expired` `tcp_lost` `removed`.

"""


SOURCE = Path(__file__).resolve().parents[2] / "gb28181"
TYPE = re.compile(r"[a-z]+\.[a-z_]+")
OF_DEVICES = (".device", "._channel", "._once")
"""Functions that publish, besides `Event(...)`; their first argument is the type."""


def section() -> str:
    found = found_events()
    rows = ((f"`{name}`", *EVENTS.get(name, (found[name], ""))) for name in _ordered(found))
    return WORDS + table(("Type", "Data", "When"), rows)


def _ordered(found: dict[str, str]) -> list[str]:
    return [*EVENTS, *sorted(found.keys() - EVENTS.keys())]


def found_events() -> dict[str, str]:
    """Type and fields of every event the source publishes."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if not {"static", "telemetry"} & set(path.parts):
            for name, fields in _published(ast.parse(path.read_text("utf-8"))):
                found[name] = found.get(name) or fields
    return found


def _published(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called, first = ast.unparse(node.func), node.args[0]
        publishes = called == "Event" or called.endswith(OF_DEVICES)
        if publishes and isinstance(first, ast.Constant) and TYPE.fullmatch(str(first.value)):
            yield str(first.value), _fields(node)


def _fields(call: ast.Call) -> str:
    data = call.args[1] if len(call.args) > 1 else None
    keys = data.keys if isinstance(data, ast.Dict) else []
    return " ".join(f"`{key.value}`" for key in keys if isinstance(key, ast.Constant))
