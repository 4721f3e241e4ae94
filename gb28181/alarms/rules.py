"""Which alarm makes what follow: rules as operators enter them. Pure.

A rule holds conditions (every list that is not empty has to contain the alarm's value) and actions
that are done in their order. After it fired for a source it rests for its cooldown, so that a
flapping input does not fire a thousand times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gb28181.store.records import AlarmRecord, AlarmRuleRecord

MOST_RESTING = 50_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """Empty means any."""

    device_ids: frozenset[str] = frozenset()
    channel_ids: frozenset[str] = frozenset()
    priorities: frozenset[int] = frozenset()
    methods: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Conditions:
        return cls(**{name: frozenset(stored.get(name) or ()) for name in cls.__dataclass_fields__})

    def match(self, alarm: AlarmRecord) -> bool:
        pairs: tuple[tuple[frozenset[Any], Any], ...] = (
            (self.device_ids, alarm.device_id),
            (self.channel_ids, alarm.channel_id),
            (self.priorities, alarm.priority),
            (self.methods, alarm.method),
            (self.types, alarm.type),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)


class Rules:
    """All rules, and which of them rest."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[AlarmRuleRecord, Conditions]] = {}
        self._resting: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rules)

    def put(self, rule: AlarmRuleRecord) -> None:
        self._rules[rule.rule_id] = (rule, Conditions.of(rule.matching))

    def remove(self, rule_id: str) -> None:
        self._rules.pop(rule_id, None)

    def get(self, rule_id: str) -> AlarmRuleRecord | None:
        found = self._rules.get(rule_id)
        return None if found is None else found[0]

    def all(self) -> list[AlarmRuleRecord]:
        return [rule for rule, _ in self._rules.values()]

    def fire(self, alarm: AlarmRecord, now: float) -> list[AlarmRuleRecord]:
        """The rules an alarm sets off; they rest from now on."""
        fired = []
        for rule, conditions in self._rules.values():
            if not rule.enabled or not conditions.match(alarm):
                continue
            key = (rule.rule_id, alarm.channel_id or alarm.device_id)
            if rule.cooldown_s > 0:
                if now < self._resting.get(key, now):
                    continue
                self._resting[key] = now + rule.cooldown_s
                self._resting.move_to_end(key)
                if len(self._resting) > MOST_RESTING:
                    self._resting.popitem(last=False)
            fired.append(rule)
        return fired
