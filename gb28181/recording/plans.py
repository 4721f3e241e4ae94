"""Plans as operators enter them, and which channels follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gb28181.errors import BadInput, NotFound
from gb28181.store.recordings import PlanRecord

from .options import RecordingOptions
from .service import RecordingService
from .weekly import Days, Week, checked

MOST_PLANS = 1_000


class Book(Protocol):
    """Where plans are kept."""

    async def plans(self) -> list[PlanRecord]: ...
    async def save_plan(self, record: PlanRecord) -> None: ...
    async def delete_plan(self, plan_id: str) -> None: ...


class Plans:
    """One per node."""

    def __init__(
        self,
        book: Book,
        recordings: RecordingService,
        options: RecordingOptions,
        ids: Callable[[], str],
    ) -> None:
        self._book = book
        self._recordings = recordings
        self._zone = options.zone_info
        self._ids = ids
        self._plans: dict[str, PlanRecord] = {}

    async def start(self) -> dict[str, Week | None]:
        """Load them; plan id to its table."""
        self._plans = {plan.plan_id: plan for plan in await self._book.plans()}
        return {plan_id: self._week(plan) for plan_id, plan in self._plans.items()}

    def all(self) -> list[PlanRecord]:
        return list(self._plans.values())

    def get(self, plan_id: str) -> PlanRecord:
        """One plan; raises NotFound."""
        found = self._plans.get(plan_id)
        if found is None:
            raise NotFound("recording_plan", plan_id)
        return found

    def channels(self, plan_id: str) -> list[str]:
        """Who follows it; raises NotFound."""
        return self._recordings.assigned(self.get(plan_id).plan_id)

    async def create(self, name: str, week: Days, enabled: bool = True) -> PlanRecord:
        """Enter a plan; raises BadInput."""
        if len(self._plans) >= MOST_PLANS:
            raise BadInput(f"there are {MOST_PLANS} plans already")
        return await self._save(PlanRecord(self._ids(), name, enabled, _table(week)))

    async def replace(self, plan_id: str, name: str, week: Days, enabled: bool) -> PlanRecord:
        """Another table for the same channels; raises NotFound, BadInput."""
        before = self.get(plan_id)
        return await self._save(PlanRecord(plan_id, name, enabled, _table(week), before.created_at))

    async def delete(self, plan_id: str) -> None:
        """Remove a plan; its channels follow none. Raises NotFound."""
        self.get(plan_id)
        await self._recordings.assign(plan_id, [])
        await self._book.delete_plan(plan_id)
        del self._plans[plan_id]

    async def assign(self, plan_id: str, channel_ids: list[str]) -> list[str]:
        """These channels follow it, and no others; raises NotFound."""
        self.get(plan_id)
        await self._recordings.assign(plan_id, channel_ids)
        return self._recordings.assigned(plan_id)

    async def _save(self, plan: PlanRecord) -> PlanRecord:
        await self._book.save_plan(plan)
        self._plans[plan.plan_id] = plan
        self._recordings.plan_changed(plan.plan_id, self._week(plan))
        return plan

    def _week(self, plan: PlanRecord) -> Week | None:
        return Week(plan.week, self._zone) if plan.enabled else None


def _table(week: Days) -> list[list[list[int]]]:
    try:
        return checked(week)
    except ValueError as error:
        raise BadInput(str(error)) from error
