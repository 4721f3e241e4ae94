"""Guard, alarms and subscriptions: grades C and F. Clauses 9.3, 9.4, 9.11."""

from __future__ import annotations

from functools import partial
from typing import Final

from gb28181.conformance.checks import done, flawless, plain_200, question, result_ok
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence
from gb28181.conformance.model import Check, Finding, Grade, Item, Text, Verdict, failed
from gb28181.manscdp.actions import AlarmReset, GuardCmd


async def _guard(desk: Desk) -> None:
    await desk.tell("SetGuard", GuardCmd(True), whole=True)
    await desk.tell("ResetGuard", GuardCmd(False), whole=True)


async def _reset(desk: Desk) -> None:
    await desk.tell("ResetAlarm", AlarmReset(), whole=True)


async def _subscribe(desk: Desk, kind: str) -> None:
    await desk.subscribe(kind)


async def _nothing(desk: Desk) -> None:
    """Judged by what came during the whole run."""


def _alarms(evidence: Evidence) -> Finding | None:
    """Those that came: fields, and answered by us (9.4.3)."""
    came = evidence.bodies("Notify", "Alarm")
    if not came:
        return None
    return flawless(evidence, came) or Finding(Verdict.PASSED)


def _dialog(evidence: Evidence) -> Finding | None:
    """Agreed with a time and a Contact; refreshed and ended in the same dialog."""
    requests = evidence.requests("SUBSCRIBE", incoming=False)
    for request in requests:
        answer = evidence.answer(request)
        if answer is None or answer.status != 200:
            status = "没有" if answer is None else answer.status
            return failed(f"SUBSCRIBE 的应答:{status}", "a SUBSCRIBE was not answered 200")
        if not answer.header("Expires"):
            return failed("SUBSCRIBE 的 200 没有 Expires", "the 200 of SUBSCRIBE has no Expires")
    if requests and not (evidence.answer(requests[0]) or requests[0]).header("Contact"):
        return failed("SUBSCRIBE 的 200 没有 Contact", "the 200 of SUBSCRIBE has no Contact")
    return None


def _notifies(evidence: Evidence) -> Finding | None:
    """NOTIFY that came names the state of its subscription (RFC 6665)."""
    for notify in evidence.requests("NOTIFY", incoming=True):
        if not notify.header("Subscription-State"):
            return failed("NOTIFY 没有 Subscription-State", "NOTIFY has no Subscription-State")
        if not notify.header("Event"):
            return failed("NOTIFY 没有 Event", "NOTIFY has no Event")
    return None


def _subscribed(kind: str, *, optional: bool) -> tuple[Check, ...]:
    names = (f"SUBSCRIBE {kind}", f"refresh {kind}", f"end {kind}")
    return (done(*names, optional=optional), _dialog, _notifies)


def _subscription(kind: str, grade: Grade, title: Text, clauses: tuple[str, str]) -> Item:
    return Item(
        f"subscribe.{kind}",
        grade,
        title,
        clauses,
        partial(_subscribe, kind=kind),
        _subscribed(kind, optional=True),
    )


ITEMS: Final = (
    Item(
        "guard",
        Grade.C,
        Text("布防与撤防", "guard and unguard"),
        ("9.3", "9.3"),
        _guard,
        (
            done("SetGuard", "ResetGuard"),
            plain_200,
            *question("DeviceControl", what="SetGuard"),
            result_ok("DeviceControl"),
        ),
    ),
    Item(
        "alarm.reset",
        Grade.C,
        Text("报警复位", "alarm reset"),
        ("9.3", "9.3"),
        _reset,
        (*question("DeviceControl", what="ResetAlarm"), result_ok("DeviceControl")),
    ),
    Item(
        "alarm.notify",
        Grade.C,
        Text("报警通知", "alarm notification"),
        ("9.4", "9.4"),
        _nothing,
        (_alarms,),
        person=Text(
            "检测期间没有报警:请触发一次后再检",
            "no alarm came during the run: raise one and run again",
        ),
    ),
    _subscription("alarm", Grade.C, Text("报警订阅", "alarm subscription"), ("9.11", "9.11")),
    _subscription("catalog", Grade.F, Text("目录订阅", "catalog subscription"), ("附录P", "附录N")),
    _subscription(
        "position", Grade.F, Text("移动位置订阅", "position subscription"), ("9.11", "9.11")
    ),
    _subscription(
        "ptz_position",
        Grade.F,
        Text("PTZ 精准状态订阅", "exact position: subscription"),
        ("", "9.11"),
    ),
)
