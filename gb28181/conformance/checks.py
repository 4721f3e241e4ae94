"""Checks: small pure readers of evidence, put together by the items.

Each makes a `Check`: evidence in, a finding out where there is something to say. Words are in both
languages; what stands in quotes is the device's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gb28181.manscdp import xml

from . import fields
from .evidence import Act, Evidence, Seen
from .model import Check, Edition, Finding, failed, not_offered

SLOW_S: Final = 2.0
"""The longest delay between device and centre (2022 5.3)."""


# --- what was done --------------------------------------------------------------------------------


def done(*names: str, optional: bool = False) -> Check:
    """These worked. What a device may leave out it may refuse; it may not be silent."""

    def check(evidence: Evidence) -> Finding | None:
        for name in names:
            act = evidence.act(name)
            if act is None:
                return failed(f"没有执行 {name}", f"{name} was not done")
            if act.error:
                return _why(act, optional)
        return None

    return check


def _why(act: Act, optional: bool) -> Finding:
    status = f" {act.sip_status}" if act.sip_status else ""
    if act.error == "not_supported":
        return not_offered("该版本没有此项", "the edition does not have this")
    if act.refused and optional:
        return not_offered(
            f"设备不支持 {act.what}(应答{status or ' ERROR'})",
            f"the device does not support {act.what} (answered{status or ' ERROR'})",
        )
    if act.refused:
        return failed(
            f"设备拒绝 {act.what}:{act.message}", f"the device refuses {act.what}: {act.message}"
        )
    if act.error in ("device_timeout", "invite_timeout"):
        return failed(
            f"{act.what} 没有应答:{act.message}", f"no answer to {act.what}: {act.message}"
        )
    return failed(f"{act.what}:{act.message}", f"{act.what}: {act.message}")


def needs(fact: str, zh: str, en: str) -> Check:
    """Without this the item does not apply."""

    def check(evidence: Evidence) -> Finding | None:
        return None if evidence.facts.get(fact) else not_offered(zh, en)

    return check


def holds(fact: str, zh: str, en: str) -> Check:
    """What the item measured is true."""

    def check(evidence: Evidence) -> Finding | None:
        return None if evidence.facts.get(fact) else failed(zh, en)

    return check


# --- what was on the wire -------------------------------------------------------------------------


def plain_200(evidence: Evidence) -> Finding | None:
    """Every MESSAGE of ours is answered 200 at once and without a body (2022 9.3.3, 9.5.3)."""
    for request in evidence.requests("MESSAGE", incoming=False):
        answer = evidence.answer(request)
        if answer is None:
            return failed(f"{request.command} 没有 SIP 应答", f"no SIP answer to {request.command}")
        if answer.status == 200 and answer.body:
            return failed(
                f"{request.command} 的 200 带有消息体", f"the 200 of {request.command} has a body"
            )
    return None


def reported(command: str, root: str = "Response") -> Check:
    """The device sent this."""

    def check(evidence: Evidence) -> Finding | None:
        if evidence.bodies(root, command):
            return None
        return failed(f"没有收到 {command}", f"no {command} came")

    return check


def fields_of(command: str, root: str = "Response") -> Check:
    """Every one of these has its mandatory fields, well-formed."""

    def check(evidence: Evidence) -> Finding | None:
        return flawless(evidence, evidence.bodies(root, command))

    return check


def flawless(evidence: Evidence, messages: list[Seen]) -> Finding | None:
    for message in messages:
        found = fields.flaws(message, evidence.edition)
        if found:
            shown = "; ".join(found[:4])
            return failed(f"字段错误:{shown}", f"fields: {shown}")
    return None


def addressed_back(evidence: Evidence) -> Finding | None:
    """In a MANSCDP answer the id in To is the id in From of the request (2022 A.1)."""
    for message in evidence.seen:
        if not (message.incoming and message.request and message.root == "Response"):
            continue
        if message.user("To") != evidence.server_id:
            return failed(
                f"{message.command} 应答的 To 是 {message.user('To')},应为 {evidence.server_id}",
                f"To of the answer {message.command} names {message.user('To')[:24]}, "
                f"not {evidence.server_id}",
            )
    return None


def counted(command: str) -> Check:
    """As many items came as SumNum says; each page says how many it holds (2022 annex M)."""

    def check(evidence: Evidence) -> Finding | None:
        pages = evidence.bodies("Response", command)
        if not pages:
            return failed(f"没有收到 {command}", f"no {command} came")
        last = pages[-1].sn
        pages = [page for page in pages if page.sn == last]
        sums = {page.text("SumNum") for page in pages}
        if len(sums) != 1:
            return failed(
                f"SumNum 前后不一:{sorted(sums)}", f"SumNum differs between pages: {sorted(sums)}"
            )
        total, got = sums.pop(), sum(len(fields.items(page)) for page in pages)
        if not total.isdigit() or int(total) != got:
            return failed(
                f"SumNum 为 {total or '空'},实际收到 {got} 条",
                f"SumNum says {total or 'nothing'}, {got} items came",
            )
        return None

    return check


def numbered(command: str) -> Check:
    """The answer has the SN of the question."""

    def check(evidence: Evidence) -> Finding | None:
        asked = {
            message.sn
            for message in evidence.seen
            if not message.incoming and message.command.lower() == command.lower()
        }
        for page in evidence.bodies("Response", command):
            if asked and page.sn not in asked:
                return failed(
                    f"{command} 应答的 SN 是 {page.sn},没有这样的请求",
                    f"the SN of {command} is {page.sn}: nobody asked that",
                )
        return None

    return check


def quick(*names: str) -> Check:
    """These did not take longer than the standard allows."""

    def check(evidence: Evidence) -> Finding | None:
        for act in evidence.acts:
            if act.what in names and act.ok and act.seconds > SLOW_S:
                return failed(
                    f"{act.what} 用时 {act.seconds:.1f} s,超过 {SLOW_S:.0f} s",
                    f"{act.what} took {act.seconds:.1f} s, more than {SLOW_S:.0f} s",
                )
        return None

    return check


def question(
    command: str, *more: Check, optional: bool = False, what: str = ""
) -> tuple[Check, ...]:
    """What every answered question has to stand: flow, fields, SN, To, count where there is one."""
    return (
        done(what or command, optional=optional),
        plain_200,
        reported(command),
        numbered(command),
        fields_of(command),
        addressed_back,
        *more,
    )


def result_ok(command: str) -> Check:
    """Result is OK."""

    def check(evidence: Evidence) -> Finding | None:
        for page in evidence.bodies("Response", command):
            if page.text("Result").upper() != "OK":
                said = page.text("Result")[:20]
                return failed(
                    f"{command} 的 Result 为 {said!r}", f"Result of {command} is {said!r}"
                )
        return None

    return check


def only_if(test: Callable[[Evidence], bool], check: Check) -> Check:
    """Ask a check only where it applies."""
    return lambda evidence: check(evidence) if test(evidence) else None


def of_2022(evidence: Evidence) -> bool:
    return evidence.edition is Edition.OF_2022


def child(message: Seen, holder: str, name: str) -> str:
    """Text of an element inside another."""
    inner = None if message.tree is None else xml.child(message.tree, holder)
    return "" if inner is None else xml.child_text(inner, name)
