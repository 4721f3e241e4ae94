"""RecordInfo: the files of a channel in pages. GB/T 28181-2022 A.2.4.5, A.2.6.7, annex M."""

from __future__ import annotations

from gb28181.manscdp.commands.record_info import RecordInfoQuery, RecordInfoResponse, RecordItem
from gb28181.manscdp.times import format_time, parse_time
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.archive import DAY_S, Recorded
from gb28181.simulator.faults import Fault, dice_of
from gb28181.simulator.memory import wall_clock
from gb28181.simulator.profiles import Habit

OVERLAP_S = 5
LONGEST_S = 31 * DAY_S


def answer(asked: Asked) -> Reply:
    """The pages; one without a list when there is nothing."""
    query = asked.message
    if not isinstance(query, RecordInfoQuery) or Fault.NO_RECORDS in asked.faults:
        return Reply()
    if asked.has(Habit.NEEDS_TYPE) and not query.type:
        return Reply()
    items = [_item(asked, one) for one in _found(asked, query)]
    if asked.has(Habit.RECORDS_UNSORTED):
        dice_of(1, "records", asked.code, query.start_time).shuffle(items)
    total = max(0, len(items) + int(asked.faults.get(Fault.RECORD_COUNT_WRONG, 0)))
    name = _name(asked)
    step = asked.profile.record_items
    pages = [
        RecordInfoResponse(query.sn, asked.code, name, total, tuple(items[at : at + step]))
        for at in range(0, len(items), step)
    ] or [RecordInfoResponse(query.sn, asked.code, name, total)]
    at_once = asked.has(Habit.PAGES_AT_ONCE) or Fault.PAGES_AT_ONCE in asked.faults
    return Reply([asked.written(page) for page in pages], at_once=at_once)


def _found(asked: Asked, query: RecordInfoQuery) -> list[Recorded]:
    start, end = parse_time(query.start_time), parse_time(query.end_time)
    if start is None or end is None:
        return []
    low, high = start.timestamp(), end.timestamp()
    if Fault.RECORD_TIME_IGNORED in asked.faults:
        low, high = low - DAY_S, high + DAY_S
    high = min(high, low + LONGEST_S)
    archive = asked.memory.archive(asked.camera)
    kind = query.type.lower() or "all"
    files = archive.files(low, high, asked.wall.timestamp(), kind)
    if Fault.RECORD_NOT_KEPT in asked.faults:
        files = [one for one in files if one.type != "manual"]
    return files


def _item(asked: Asked, one: Recorded) -> RecordItem:
    late = OVERLAP_S if asked.has(Habit.RECORDS_OVERLAP) else 0
    return RecordItem(
        device_id=asked.code,
        start_time=format_time(wall_clock(one.start)),
        end_time=format_time(wall_clock(one.end + late)),
        type=one.type,
        name=_name(asked),
        file_path=f"/record/{asked.camera}/{one.start}.ps",
        address=asked.spec.address,
        secrecy="0",
        recorder_id=asked.spec.device_id if one.type == "manual" else "",
        size=one.size,
        stream_number="0" if asked.profile.of_2022 else "",
    )


def _name(asked: Asked) -> str:
    channel = asked.channel(asked.camera)
    return asked.spec.name if channel is None else channel.name
