"""Recordings: control, search, playback and its control (B), download (D). Clauses 9.3, 9.7-9.9."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from gb28181.conformance.checks import (
    counted,
    done,
    fields_of,
    holds,
    needs,
    plain_200,
    question,
    reported,
    result_ok,
)
from gb28181.conformance.desk import Desk, Word
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import Check, Finding, Grade, Item, Text, Verdict, failed
from gb28181.manscdp import RecordInfoQuery, RecordItem
from gb28181.manscdp.actions import RecordCmd
from gb28181.manscdp.times import format_time

from .live import decoded, flow, program_stream, sdp, ssrc_rule

LONGEST: Final = timedelta(minutes=5)
"""Of a segment that is played."""
SHORTEST: Final = timedelta(seconds=10)
TAIL: Final = timedelta(seconds=4)
"""Of a segment whose end is waited for."""
DOWNLOADED: Final = timedelta(seconds=10)
BACK: Final = timedelta(hours=24)
LONG_AGO: Final = datetime(2001, 1, 1, tzinfo=UTC)
FASTER, SLOWER = 1.4, 0.75
"""Pictures per second against normal speed, from which on the other speed is seen."""
END_S: Final = 12.0
MEDIA_END: Final = "121"
NO_RECORD: Final = needs("record", "设备没有录像可用", "the device holds no recording to use")
SEEN: Final = Text("请在画面上核对播放速度", "look at the picture: is the speed right")


async def _record(desk: Desk) -> None:
    begun = desk.civil()
    if not await desk.tell("Record", RecordCmd(True)):
        return
    await desk.pause(desk.patience.watch_s)
    await desk.tell("StopRecord", RecordCmd(False))
    found = await desk.records(begun - timedelta(minutes=1), desk.civil() + timedelta(minutes=1))
    desk.note("found", bool(found))


def _not_found(evidence: Evidence) -> Finding | None:
    if evidence.facts.get("found"):
        return Finding(Verdict.PASSED)
    return None


def _key(item: Any) -> Hashable:
    assert isinstance(item, RecordItem)
    return item.device_id, item.start_time, item.end_time, item.stream_number, item.file_path


async def _search(desk: Desk) -> None:
    now = desk.civil()
    question_ = RecordInfoQuery("", desk.code, format_time(now - BACK), format_time(now))
    await desk.ask("RecordInfo", question_, key=_key)
    usable = await desk.records(now - BACK, now)
    longest = max(usable, key=lambda r: min(r[1] - r[0], LONGEST), default=None)
    if longest is not None and longest[1] - longest[0] >= SHORTEST:
        desk.remember("record", (longest[0], min(longest[1], longest[0] + LONGEST)))


async def _search_empty(desk: Desk) -> None:
    first, last = format_time(LONG_AGO), format_time(LONG_AGO + timedelta(hours=1))
    await desk.ask("RecordInfo", RecordInfoQuery("", desk.code, first, last), key=_key)


def _nothing(evidence: Evidence) -> Finding | None:
    """SumNum 0 and no list (annex M)."""
    for page in evidence.bodies("Response", "RecordInfo"):
        if page.text("SumNum") != "0":
            return failed(
                f"没有录像的时间段,SumNum 为 {page.text('SumNum')[:8]}",
                f"SumNum is {page.text('SumNum')[:8]} for a time without recordings",
            )
    return None


async def _records(desk: Desk) -> tuple[datetime, datetime] | None:
    """The recording that is played, looked for when no item did before."""
    if desk.known("record") is None:
        await _search(desk)
    record: tuple[datetime, datetime] | None = desk.known("record")
    desk.note("record", record)
    return record


async def _play(desk: Desk) -> None:
    record = await _records(desk)
    if record is not None:
        desk.remember("session", await desk.play(*record))


async def _session(desk: Desk) -> str | None:
    """The running playback, begun anew where it is over."""
    record = await _records(desk)
    if record is None:
        return None
    session: str | None = desk.known("session")
    if session is None or not await _runs(desk, session):
        session = await desk.play(*record)
        desk.remember("session", session)
    return session


async def _runs(desk: Desk, session: str) -> bool:
    return await desk.ended(session, 0.0) == ""


async def _pause(desk: Desk) -> None:
    session = await _session(desk)
    if session is not None and await desk.steer("PAUSE", session, "pause"):
        await desk.pause(1.0)  # what is on its way still arrives
        desk.note("frames", await desk.frames(session, desk.patience.move_s))
        await desk.steer("PLAY", session, "resume")
        desk.note("again", await desk.frames(session, desk.patience.move_s))


def _stands(evidence: Evidence) -> Finding | None:
    frames, again = evidence.facts.get("frames"), evidence.facts.get("again")
    if frames:
        return failed(f"暂停后仍收到 {frames} 帧", f"{frames} pictures came while it was paused")
    if again is not None and not again:
        return failed("恢复播放后没有图像", "no pictures came after it was resumed")
    return None


async def _other(desk: Desk, what: str, word: Word, value: float) -> None:
    """Another speed or place: pictures before and after are counted."""
    session = await _session(desk)
    if session is None:
        return
    desk.note("before", await desk.frames(session, desk.patience.move_s))
    if await desk.steer(what, session, word, value):
        await desk.pause(0.5)
        desk.note("after", await desk.frames(session, desk.patience.move_s))
        if word == "speed":
            await desk.steer("normal", session, "speed", 1.0)


def _goes_on(evidence: Evidence) -> Finding | None:
    if evidence.facts.get("after") == 0:
        return failed("之后没有图像", "no pictures came afterwards")
    return None


def _rate(least: float, most: float) -> Check:
    """Passed when the pictures per second tell; otherwise somebody has to look."""

    def check(evidence: Evidence) -> Finding | None:
        before, after = evidence.facts.get("before"), evidence.facts.get("after")
        if before and after and least <= after / before <= most:
            return Finding(Verdict.PASSED)
        return None

    return check


async def _end(desk: Desk) -> None:
    """The last seconds of a recording, to their end."""
    session = desk.known("session")
    if session is not None:
        await desk.stop(session)
        desk.remember("session", None)
    record = await _records(desk)
    if record is None:
        return
    session = await desk.play(record[1] - TAIL, record[1])
    if session is not None:
        desk.note("reason", await desk.ended(session, TAIL.total_seconds() + END_S))


def _announced(evidence: Evidence) -> Finding | None:
    """MediaStatus 121, then our BYE (9.8.2)."""
    for message in evidence.bodies("Notify", "MediaStatus"):
        if message.text("NotifyType") != MEDIA_END:
            said = message.text("NotifyType")[:8]
            return failed(f"NotifyType 为 {said}", f"NotifyType is {said}")
    return None


async def _download(desk: Desk) -> None:
    record = await _records(desk)
    if record is not None:
        await desk.download(record[0], min(record[1], record[0] + DOWNLOADED), 1)


_PLAYED: Final[tuple[Check, ...]] = (NO_RECORD, done("playback"), flow, sdp, ssrc_rule, decoded)


ITEMS: Final = (
    Item(
        "record.control",
        Grade.B,
        Text("录像控制", "recording by command"),
        ("9.3.2.2", "9.3.2"),
        _record,
        (done("Record", "StopRecord"), plain_200, result_ok("DeviceControl"), _not_found),
        person=Text(
            "检索中尚未看到所录的文件,请稍后核对",
            "the search does not show the new file yet: look again later",
        ),
    ),
    Item(
        "record.search",
        Grade.B,
        Text("录像检索", "search of recordings"),
        ("9.7", "9.7"),
        _search,
        question("RecordInfo", counted("RecordInfo")),
    ),
    Item(
        "record.search_empty",
        Grade.B,
        Text("录像检索(无结果)", "search without a result"),
        ("9.7", "附录M"),
        _search_empty,
        question("RecordInfo", _nothing),
    ),
    Item(
        "playback.play",
        Grade.B,
        Text("历史视音频回放", "playback"),
        ("9.8", "9.8"),
        _play,
        (*_PLAYED, program_stream),
    ),
    Item(
        "playback.pause",
        Grade.B,
        Text("回放暂停与恢复", "playback: pause and go on"),
        ("9.8", "附录B"),
        _pause,
        (NO_RECORD, done("PAUSE", "PLAY"), _stands),
    ),
    Item(
        "playback.fast",
        Grade.B,
        Text("回放快放(2 倍)", "playback: twice as fast"),
        ("9.8", "附录B"),
        partial(_other, what="Scale 2.0", word="speed", value=2.0),
        (NO_RECORD, done("Scale 2.0"), _goes_on, _rate(FASTER, 10.0)),
        person=SEEN,
    ),
    Item(
        "playback.slow",
        Grade.B,
        Text("回放慢放(0.5 倍)", "playback: half as fast"),
        ("9.8", "附录B"),
        partial(_other, what="Scale 0.5", word="speed", value=0.5),
        (NO_RECORD, done("Scale 0.5"), _goes_on, _rate(0.1, SLOWER)),
        person=SEEN,
    ),
    Item(
        "playback.seek",
        Grade.B,
        Text("回放拖动", "playback: another place"),
        ("9.8", "附录B"),
        partial(_other, what="Range", word="seek", value=3.0),
        (NO_RECORD, done("Range"), _goes_on),
    ),
    Item(
        "playback.reverse",
        Grade.F,
        Text("倒放", "playback: backwards"),
        ("", "附录B"),
        partial(_other, what="Scale -1.0", word="speed", value=-1.0),
        (NO_RECORD, done("Scale -1.0", optional=True), _goes_on),
        person=Text("请在画面上核对是否倒放", "look at the picture: does it run backwards"),
    ),
    Item(
        "playback.end",
        Grade.B,
        Text("回放结束通知(MediaStatus 121)", "end of playback announced"),
        ("9.8", "9.8.2"),
        _end,
        (
            NO_RECORD,
            done("playback"),
            reported("MediaStatus", "Notify"),
            fields_of("MediaStatus", "Notify"),
            _announced,
        ),
    ),
    Item(
        "download",
        Grade.D,
        Text("历史视音频下载", "download"),
        ("9.9", "9.9"),
        _download,
        (
            NO_RECORD,
            done("download"),
            reported("MediaStatus", "Notify"),
            holds("file_plays", "下载的文件不能播放", "the downloaded file does not play"),
        ),
    ),
)
