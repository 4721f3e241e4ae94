"""A run and what it found, as data: for the API, for the file it is kept in, for the pages.

Everything here is plain JSON already, so that a kept run and a running one are shown alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gb28181.trace.frame import Frame
from gb28181.trace.ladder import rungs

from .evidence import Evidence
from .model import Edition, Finding, Item, Verdict

SHOWN_FAILED: Final = 60
"""Messages kept with an item that failed."""
SHOWN: Final = 16
"""And with any other."""
MOST_TEXT: Final = 4_000
"""Characters of a message that are kept."""
RUNNING, DONE, CANCELLED, INTERRUPTED, FAILED = (
    "running",
    "done",
    "cancelled",
    "interrupted",
    "failed",
)
"""States of a run; `interrupted`: the platform stopped meanwhile; `failed`: a defect of ours."""


@dataclass(slots=True)
class Run:
    """One examination of a device."""

    run_id: str
    device_id: str
    channel_id: str
    edition: Edition
    device: dict[str, Any]
    """Name, manufacturer, model, firmware, transport, address, as they were at the start."""
    started_at: datetime
    allow_disruptive: bool = False
    state: str = RUNNING
    current: str = ""
    """The item under way."""
    ended_at: datetime | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    """Items that were chosen."""


def counts(items: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many items have each verdict."""
    found = dict.fromkeys((verdict.value for verdict in Verdict), 0)
    for item in items:
        found[item["verdict"]] = found.get(item["verdict"], 0) + 1
    return found


def summary(run: Run) -> dict[str, Any]:
    """A run without its items."""
    return {
        "run_id": run.run_id,
        "device_id": run.device_id,
        "channel_id": run.channel_id,
        "edition": run.edition.value,
        "device": run.device,
        "allow_disruptive": run.allow_disruptive,
        "state": run.state,
        "current": run.current,
        "started_at": run.started_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "total": run.total,
        "counts": counts(run.items),
    }


def whole(run: Run) -> dict[str, Any]:
    """All of it."""
    return {**summary(run), "items": run.items}


def result(
    item: Item, edition: Edition, finding: Finding, evidence: Evidence, seconds: float
) -> dict[str, Any]:
    """One item with its finding and evidence."""
    most = SHOWN_FAILED if finding.verdict is Verdict.FAILED else SHOWN
    return {
        **described(item, edition),
        "verdict": finding.verdict.value,
        "reason_zh": finding.reason.zh,
        "reason_en": finding.reason.en,
        "duration_s": round(seconds, 2),
        "acts": [
            {
                "what": act.what,
                "error": act.error,
                "message": act.message,
                "sip_status": act.sip_status,
                "seconds": round(act.seconds, 3),
            }
            for act in evidence.acts
        ],
        "messages": shown([message.frame for message in evidence.seen][:most]),
        "messages_total": len(evidence.seen) + evidence.dropped,
    }


def described(item: Item, edition: Edition) -> dict[str, Any]:
    """What an item is."""
    return {
        "name": item.name,
        "grade": item.grade.value,
        "title_zh": item.title.zh,
        "title_en": item.title.en,
        "clause": item.clause(edition),
        "disruptive": item.disruptive,
    }


def shown(frames: list[Frame]) -> list[dict[str, Any]]:
    """Messages as rungs of a ladder; long ones are cut."""
    found = rungs(frames)
    for rung in found:
        rung["at"] = rung["at"].isoformat()
        rung["text"] = rung["text"][:MOST_TEXT]
    return found
