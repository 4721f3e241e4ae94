"""Making it follow: actions of rules, done by a few workers from a bounded queue.

An action is a name and a function the application brings; what cannot be done here cannot be
entered either. A full queue drops the newest and counts it: an alarm is never held up by what
follows from it.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gb28181.alarms.rules import Rules
from gb28181.alarms.service import AlarmService, as_dict
from gb28181.alarms.webhook import WebhookFailed, post, target_of
from gb28181.errors import BadInput, NotFound, PlatformError
from gb28181.store.records import AlarmRecord, AlarmRuleRecord
from gb28181.store.store import Store
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from gb28181.telemetry.rate import RateLimited

QUEUE = 2_000
WORKERS = 4
ATTEMPTS = 4
PAUSE_S = 1.0
"""Before the second attempt; doubled each time."""
MOST_RULES = 1_000
MOST_ACTIONS = 8
WEBHOOK = "webhook"

log = get_logger("alarms")

Do = Callable[[AlarmRecord, Mapping[str, Any], AlarmRuleRecord], Awaitable[None]]
"""Does an action; raises `PlatformError` or `ActionFailed` when it did not come about."""
Check = Callable[[Mapping[str, Any]], None]
"""Looks at what an operator entered; raises ValueError with a reason for people."""


class ActionFailed(Exception):
    """The reason is its text; `again`: another attempt makes sense."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can follow from an alarm."""

    do: Do
    check: Check


@dataclass(slots=True)
class LinkageCounters:
    """Since the start."""

    done: int = 0
    failed: int = 0
    dropped: int = 0
    """Actions that found the queue full."""


class Linkage:
    """One per node."""

    def __init__(self, alarms: AlarmService, store: Store, pause_s: float = PAUSE_S) -> None:
        self._store = store
        self._pause = pause_s
        self._rules = Rules()
        self._actions: dict[str, Action] = {WEBHOOK: Action(self._webhook, _check_webhook)}
        self._queue: asyncio.Queue[tuple[AlarmRuleRecord, Mapping[str, Any], AlarmRecord]] = (
            asyncio.Queue(QUEUE)
        )
        self._workers: list[asyncio.Task[None]] = []
        self._rate = RateLimited(log, time.monotonic)
        self.counters = LinkageCounters()
        alarms.on_alarm.append(self._on_alarm)

    async def start(self) -> None:
        """Load the rules and begin to work."""
        for rule in await self._store.alarms.rules():
            self._rules.put(rule)
        self._workers = [
            asyncio.create_task(self._work(), name=f"alarm actions {n}") for n in range(WORKERS)
        ]

    async def aclose(self) -> None:
        """Stop at once; what waits is not done."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()

    def drain(self) -> None:
        """Write what floods held back; called about once a second."""
        self._rate.drain()

    def offer(self, name: str, action: Action) -> None:
        """The application can do this, too."""
        self._actions[name] = action

    @property
    def actions(self) -> list[str]:
        """What rules may do."""
        return sorted(self._actions)

    # --- doing ------------------------------------------------------------------------------

    def _on_alarm(self, alarm: AlarmRecord) -> None:
        if not len(self._rules):
            return
        for rule in self._rules.fire(alarm, time.monotonic()):
            for action in rule.actions:
                try:
                    self._queue.put_nowait((rule, action, alarm))
                except asyncio.QueueFull:
                    self.counters.dropped += 1
                    self._failed(rule, action, alarm, "too many actions wait")

    async def _work(self) -> None:
        while True:
            rule, action, alarm = await self._queue.get()
            try:
                await self._do(rule, action, alarm)
                self.counters.done += 1
            except (ActionFailed, PlatformError) as error:
                self.counters.failed += 1
                self._failed(rule, action, alarm, str(error))
            except Exception as error:  # a defect in one action must not end the worker
                self.counters.failed += 1
                log.event(
                    ev.APP_FAILED,
                    component=f"alarms.{action.get('action')}",
                    reason=str(error),
                    exc_info=error,
                )

    async def _do(
        self, rule: AlarmRuleRecord, action: Mapping[str, Any], alarm: AlarmRecord
    ) -> None:
        known = self._actions.get(str(action.get("action")))
        if known is None:
            raise ActionFailed("this release cannot do that")
        for attempt in range(ATTEMPTS):
            try:
                return await known.do(alarm, action, rule)
            except ActionFailed as error:
                if not error.again or attempt == ATTEMPTS - 1:
                    raise
            await asyncio.sleep(self._pause * 2**attempt)

    def _failed(
        self, rule: AlarmRuleRecord, action: Mapping[str, Any], alarm: AlarmRecord, reason: str
    ) -> None:
        self._rate.event(
            ev.ALARM_ACTION_FAILED,
            rule.rule_id,
            rule_id=rule.rule_id,
            alarm_id=alarm.alarm_id,
            action=action.get("action"),
            reason=reason[:200],
        )

    async def _webhook(
        self, alarm: AlarmRecord, action: Mapping[str, Any], rule: AlarmRuleRecord
    ) -> None:
        content = {
            "event": "alarm.raised",
            "rule_id": rule.rule_id,
            "rule": rule.name,
            "alarm": as_dict(alarm),
        }
        body = json.dumps(content, ensure_ascii=False).encode()
        delivery = f"{alarm.alarm_id}-{rule.rule_id}"
        try:
            await post(str(action["url"]), body, rule.secret or "", delivery, time.time)
        except WebhookFailed as error:
            raise ActionFailed(str(error), again=error.again) from error

    # --- rules ------------------------------------------------------------------------------

    def rules(self) -> list[AlarmRuleRecord]:
        return self._rules.all()

    def rule(self, rule_id: str) -> AlarmRuleRecord:
        """One rule; raises NotFound."""
        found = self._rules.get(rule_id)
        if found is None:
            raise NotFound("alarm_rule", rule_id)
        return found

    async def save(self, rule: AlarmRuleRecord) -> AlarmRuleRecord:
        """Enter or replace a rule; raises BadInput. A rule without an id gets one."""
        self._check(rule)
        if not rule.rule_id:
            if len(self._rules) >= MOST_RULES:
                raise BadInput(f"there are {MOST_RULES} rules already")
            rule.rule_id = uuid.uuid4().hex
        await self._store.alarms.save_rule(rule)
        self._rules.put(rule)
        return rule

    async def delete(self, rule_id: str) -> None:
        """Remove a rule; raises NotFound."""
        self.rule(rule_id)
        await self._store.alarms.delete_rule(rule_id)
        self._rules.remove(rule_id)

    def _check(self, rule: AlarmRuleRecord) -> None:
        if not 1 <= len(rule.actions) <= MOST_ACTIONS:
            raise BadInput(f"a rule has 1 to {MOST_ACTIONS} actions")
        for action in rule.actions:
            known = self._actions.get(str(action.get("action")))
            if known is None:
                raise BadInput(f"an action is one of {', '.join(self.actions)}")
            try:
                known.check(action)
            except ValueError as error:
                raise BadInput(f"{action['action']}: {error}") from error


def _check_webhook(action: Mapping[str, Any]) -> None:
    url = action.get("url")
    if not isinstance(url, str):
        raise ValueError("url is missing")
    try:
        target_of(url)
    except ValueError as error:
        raise ValueError(f"url {error}") from error
