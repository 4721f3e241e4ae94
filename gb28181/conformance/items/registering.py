"""Registration, heartbeat and the logic of being online: grades A and E. Clauses 9.1, 9.6, 9.10."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gb28181.conformance.checks import (
    addressed_back,
    done,
    fields_of,
    plain_200,
    reported,
)
from gb28181.conformance.desk import Desk
from gb28181.conformance.evidence import Evidence, Seen
from gb28181.conformance.model import Check, Finding, Grade, Item, Text, Verdict, failed
from gb28181.manscdp.commands.device_status import DeviceStatusQuery, DeviceStatusResponse
from gb28181.manscdp.times import parse_time

LEAST_EXPIRES_S: Final = 3600
CLOCK_S: Final = 3.0
"""A clock that was set by the last registration is not further off."""
SLACK_S: Final = 10.0
RETRY_STATUS: Final = 503
GIVEN_UP_S: Final = 33.0
"""From then on every request is unanswered: 64*T1 and a little (RFC 3261 17.1.2.2)."""


def is_register(message: Seen) -> bool:
    return message.incoming and message.request and message.method == "REGISTER"


def is_registered(message: Seen) -> bool:
    """Our 200."""
    return not message.incoming and message.method == "REGISTER" and message.status == 200


def is_keepalive(message: Seen) -> bool:
    return message.is_("Notify", "Keepalive")


# --- what is done ---------------------------------------------------------------------------------


async def _register_again(desk: Desk) -> None:
    """Its next heartbeat is refused, as after a restart of the platform without memory."""
    patience = 2 * desk.heartbeat_s + desk.patience.retry_s + SLACK_S
    async with desk.treat(heartbeat="refused"):
        await desk.wait("REGISTER", is_registered, patience)


async def _refresh(desk: Desk) -> None:
    """It registers with a short time and must come back before that is over."""
    granted = desk.patience.grant_s
    desk.note("granted", granted)
    patience = 2 * desk.heartbeat_s + desk.patience.retry_s + SLACK_S
    async with desk.treat(heartbeat="refused", grant_s=granted):
        if not await desk.wait("REGISTER", is_registered, patience):
            return
    async with desk.treat(grant_s=granted):
        await desk.wait("refresh", is_register, granted + 1.0)
        await desk.wait("refreshed", is_registered, desk.patience.answer_s)


async def _retry(desk: Desk) -> None:
    """Its registration fails once; it must try again, and not at once."""
    patience = 2 * desk.heartbeat_s + desk.patience.retry_s + SLACK_S
    async with desk.treat(heartbeat="refused", register=RETRY_STATUS):
        if not await desk.wait("failure", _is_failure, patience):
            return
        await desk.wait("REGISTER", is_register, 3 * desk.patience.retry_s + SLACK_S)
    async with desk.treat(heartbeat="refused"):  # some wait for that before they try once more
        await desk.wait("registered", is_registered, 3 * desk.patience.retry_s + SLACK_S)


def _is_failure(message: Seen) -> bool:
    return not message.incoming and message.method == "REGISTER" and message.status == RETRY_STATUS


async def _time(desk: Desk) -> None:
    found = await desk.ask("DeviceStatus", DeviceStatusQuery("", desk.device_id))
    if found is not None and isinstance(found.first, DeviceStatusResponse):
        said = parse_time(found.first.device_time)
        desk.note("clock", None if said is None else (said - _now(desk)).total_seconds())


def _now(desk: Desk) -> datetime:
    return desk.civil()


async def _heartbeats(desk: Desk) -> None:
    desk.note("interval", desk.heartbeat_s)
    await desk.wait("Keepalive", is_keepalive, 4 * desk.heartbeat_s + SLACK_S, count=3)


async def _silence(desk: Desk) -> None:
    """Its heartbeats get no answer; after the agreed number it must register anew."""
    desk.note("count", desk.heartbeats)
    patience = (desk.heartbeats + 2) * (desk.heartbeat_s + 32) + desk.patience.retry_s
    async with desk.treat(heartbeat="unanswered"):
        await desk.wait("REGISTER", is_register, patience)
    await desk.wait("registered", is_registered, desk.patience.retry_s + SLACK_S)


# --- what it must look like -----------------------------------------------------------------------


def _registers(evidence: Evidence) -> Finding | None:
    requests = evidence.requests("REGISTER", incoming=True)
    if not requests:
        return failed("设备没有重新注册", "the device did not register again")
    for request in requests:
        if request.user("From") != evidence.device_id or request.user("To") != evidence.device_id:
            return failed(
                "REGISTER 的 From、To 不是设备自己的编码",
                "From and To of REGISTER are not the device's own id",
            )
        if not request.header("Contact"):
            return failed("REGISTER 没有 Contact", "REGISTER has no Contact")
    with_proof = [r for r in requests if r.header("Authorization")]
    if not with_proof:
        return failed("收到 401 后没有带认证再注册", "no credentials after the 401")
    answered = evidence.answer(with_proof[-1])
    if answered is None or answered.status != 200:
        return failed("注册没有成功", "the registration did not succeed")
    return _one_dialog(requests)


def _one_dialog(requests: list[Seen]) -> Finding | None:
    first, last = requests[0], requests[-1]
    if first.call_id != last.call_id:
        return None  # another registration: its numbers begin anew
    numbers = [r.sip.cseq.number for r in requests if r.sip is not None]
    if numbers != sorted(set(numbers)):
        return failed(f"CSeq 没有递增:{numbers}", f"CSeq does not grow: {numbers}")
    return None


def _long_enough(evidence: Evidence) -> Finding | None:
    for request in evidence.requests("REGISTER", incoming=True):
        expires = _expires(request)
        if expires is None:
            return failed("REGISTER 没有有效期", "REGISTER names no time")
        if 0 < expires < LEAST_EXPIRES_S:
            return failed(
                f"注册有效期 {expires} s,短于 {LEAST_EXPIRES_S} s",
                f"it registers for {expires} s, less than {LEAST_EXPIRES_S} s",
            )
    return None


def _expires(request: Seen) -> int | None:
    for text in (*request.header("Contact").split(";"), "expires=" + request.header("Expires")):
        name, _, value = text.strip().partition("=")
        if name.lower() == "expires" and value.strip().isdigit():
            return int(value)
    return None


def _in_time(evidence: Evidence) -> Finding | None:
    good = [m.at for m in evidence.where(is_registered)]
    if not good:
        return failed("设备没有注册", "the device did not register")
    end = good[0] + evidence.facts["granted"]
    if not any(good[0] < r.at < end for r in evidence.requests("REGISTER", incoming=True)):
        return failed(
            "有效期将到时没有刷新注册", "it did not refresh its registration before its end"
        )
    return None


def _not_at_once(evidence: Evidence) -> Finding | None:
    failures = [m.at for m in evidence.where(_is_failure)]
    if not failures:
        return failed("设备没有注册", "the device did not register")
    later = [r.at for r in evidence.requests("REGISTER", incoming=True) if r.at > failures[0]]
    if not later:
        return failed("注册失败后没有重试", "it did not try again after the failure")
    least, gap = evidence.facts["retry"], later[0] - failures[0]
    if gap < 0.95 * least:
        return failed(
            f"注册失败后 {gap:.0f} s 就重试,应不少于 {least:.0f} s",
            f"it tried again after {gap:.0f} s; not before {least:.0f} s",
        )
    return None


def _own_clock(evidence: Evidence) -> Finding | None:
    error = evidence.facts.get("clock")
    if error is None:
        return Finding(
            Verdict.PERSON,
            Text(
                "设备不报告自己的时间:请在画面的时间上核对",
                "the device does not tell its time: look at the time in the picture",
            ),
        )
    if abs(error) > CLOCK_S:
        return failed(f"设备时钟相差 {error:+.0f} s", f"its clock is {error:+.0f} s off")
    return None


def _rhythm(evidence: Evidence) -> Finding | None:
    beats = [message.at for message in evidence.bodies("Notify", "Keepalive")]
    if len(beats) < 3:
        return failed("没有按时收到心跳", "heartbeats did not come in time")
    # The first may be the one that follows a registration at once.
    wanted, got = evidence.facts["interval"], beats[-1] - beats[-2]
    if not 0.5 * wanted <= got <= 1.5 * wanted + 1.0:
        return failed(
            f"心跳间隔 {got:.1f} s,设定为 {wanted:.0f} s",
            f"heartbeats are {got:.1f} s apart, {wanted:.0f} s are set",
        )
    return None


def _counts_misses(evidence: Evidence) -> Finding | None:
    requests = evidence.requests("REGISTER", incoming=True)
    if not requests:
        return failed(
            "心跳一直没有应答,设备没有重新注册",
            "its heartbeats got no answer, and it did not register again",
        )
    first = requests[0].at
    beats = [m.at for m in evidence.bodies("Notify", "Keepalive")]
    missed = sum(at < first for at in beats)
    given_up = sum(at <= first - GIVEN_UP_S for at in beats)
    wanted = evidence.facts["count"]
    # The last ones may still have waited for their answer when it decided.
    if missed < wanted or given_up > wanted:
        return failed(
            f"{missed} 次心跳没有应答后重新注册,应为 {wanted} 次",
            f"it registered again after {missed} unanswered heartbeats, not after {wanted}",
        )
    return None


_KEEPALIVE: Final[tuple[Check, ...]] = (
    _rhythm,
    reported("Keepalive", "Notify"),
    fields_of("Keepalive", "Notify"),
)

ITEMS: Final = (
    Item(
        "register.challenge",
        Grade.A,
        Text("注册与认证", "registration with a password"),
        ("9.1.2.1", "9.1.2.1"),
        _register_again,
        (_registers, _long_enough),
    ),
    Item(
        "register.refresh",
        Grade.A,
        Text("到期前刷新注册", "refresh before expiry"),
        ("9.1.1", "9.1.1"),
        _refresh,
        (_in_time,),
        disruptive=True,
    ),
    Item(
        "time.sync",
        Grade.A,
        Text("校时", "time by the Date of the registration"),
        ("9.10", "9.10"),
        _time,
        (done("DeviceStatus"), plain_200, addressed_back, _own_clock),
    ),
    Item(
        "heartbeat.interval",
        Grade.A,
        Text("心跳", "heartbeat"),
        ("9.6", "9.6.1"),
        _heartbeats,
        _KEEPALIVE,
    ),
    Item(
        "online.retry",
        Grade.E,
        Text("注册失败后间隔重试", "tries again after a failed registration"),
        ("9.1.1", "7.1"),
        _retry,
        (_not_at_once,),
        disruptive=True,
    ),
    Item(
        "online.missed",
        Grade.E,
        Text("心跳无应答后重新注册", "registers anew when its heartbeats get no answer"),
        ("9.6", "9.6.1"),
        _silence,
        (_counts_misses,),
        disruptive=True,
    ),
)
