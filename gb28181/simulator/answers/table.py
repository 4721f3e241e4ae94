"""Which question is answered by whom, and from which edition on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gb28181.simulator.answers import (
    about,
    cards,
    catalog,
    config,
    control,
    records,
    reports,
    views,
    voice,
)
from gb28181.simulator.answers.asked import Asked, Reply

Answer = Callable[[Asked], Reply]

ANSWERS: Final[dict[tuple[str, str], tuple[Answer, int]]] = {
    ("query", "catalog"): (catalog.answer, 2011),
    ("query", "deviceinfo"): (about.info, 2011),
    ("query", "devicestatus"): (about.status, 2011),
    ("query", "recordinfo"): (records.answer, 2011),
    ("query", "presetquery"): (views.presets, 2011),
    ("query", "alarm"): (reports.alarm, 2011),
    ("query", "mobileposition"): (reports.position, 2016),
    ("query", "configdownload"): (config.download, 2016),
    ("query", "homepositionquery"): (views.home, 2022),
    ("query", "cruisetracklistquery"): (views.tracks, 2022),
    ("query", "cruisetrackquery"): (views.track, 2022),
    ("query", "ptzposition"): (views.position, 2022),
    ("query", "sdcardstatus"): (cards.answer, 2022),
    ("notify", "broadcast"): (voice.answer, 2011),
    ("control", "devicecontrol"): (control.answer, 2011),
    ("control", "deviceconfig"): (config.configure, 2016),
}
"""(root, CmdType) in lower case -> the answer, and the edition that brought it."""


def answer(root: str, command: str, asked: Asked) -> Reply:
    """What comes of a question; nothing for one the device does not know."""
    known = ANSWERS.get((root.lower(), command.lower()))
    if known is None or asked.profile.edition < known[1]:
        return Reply()
    return known[0](asked)
