"""Gathers the evidence about a device or channel, on request by really trying, for the judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from catalog.ids import is_gb_id
from gb28181.device.service import DeviceService
from gb28181.device.state import LIVE, DeviceState
from gb28181.device.views import DeviceView
from gb28181.diagnosis.checks import of_channel, of_device
from gb28181.diagnosis.model import (
    CallEvidence,
    ChannelEvidence,
    Check,
    DeviceEvidence,
    MediaEvidence,
    Verdict,
)
from gb28181.diagnosis.words import say
from gb28181.errors import DeviceRefused, LegFailed, NotFound
from gb28181.session.ledger import Ledger, Session
from gb28181.session.model import SessionKind, StreamKey
from gb28181.session.service import SessionService
from media.node import MediaNode, StreamStatistics
from sip.flow import host_port

DAY: Final = timedelta(days=1)
MOST_INTERVALS: Final = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """The whole chain for a device, or for a channel of it."""

    device_id: str
    channel_id: str | None
    at: datetime
    tried: bool
    checks: list[Check]

    @property
    def failed(self) -> Check | None:
        """The link that broke."""
        return next((c for c in self.checks if c.verdict is Verdict.FAILED), None)

    @property
    def summary(self) -> dict[str, str]:
        """The failed check in words, else the first warning, else that all is well."""
        warned = next((c for c in self.checks if c.verdict is Verdict.WARNING), None)
        told = self.failed or warned
        return say("all_good", {}) if told is None else say(told.words, told.evidence)


class Diagnosis:
    """One per node; keeps nothing."""

    def __init__(
        self, devices: DeviceService, sessions: SessionService, ledger: Ledger, node: MediaNode
    ) -> None:
        self._devices = devices
        self._sessions = sessions
        self._ledger = ledger
        self._node = node

    async def device(self, device_id: str, *, tried: bool = False) -> Finding:
        """Why a device does not come, or what is wrong with it. `tried`: ask it something now.

        Raises NotFound for what is no device and never tried to be one.
        """
        if self._devices.device(device_id) is None:
            attempt = self._devices.attempt(device_id)
            if attempt is None and not is_gb_id(device_id):
                raise NotFound("device", device_id)
        asked = await self._ask(device_id) if tried else ""
        evidence = await self._of_device(device_id, asked)
        return Finding(device_id, None, evidence.now, tried, of_device(evidence))

    async def channel(self, channel_id: str, *, tried: bool = False) -> Finding:
        """Why a channel has no picture. `tried`: really pull it now (or join the running pull)."""
        view = self._devices.channel(channel_id)
        if view is None:
            raise NotFound("channel", channel_id)
        failed: LegFailed | None = None
        if tried:
            try:
                await self._sessions.live(channel_id)
            except LegFailed as error:
                failed = error
        device = await self._of_device(view.device_id, "")
        call = self._call(channel_id, failed)
        item = self._devices.tree.channel(channel_id)
        evidence = ChannelEvidence(
            channel_id,
            view.reported_id,
            item is not None and item.item.status_on,
            view.hidden,
            call,
            self._media(self._node.statistics(StreamKey(channel_id).stream_id)),
        )
        return Finding(view.device_id, channel_id, device.now, tried, of_channel(device, evidence))

    async def _ask(self, device_id: str) -> str:
        """Whether a question gets through: its SIP answer counts, not what it says."""
        device = self._devices.device(device_id)
        if device is None or device.flow is None or device.state not in LIVE:
            return ""
        before = device.facts.unanswered
        try:
            answer = await self._devices.query_device_info(device_id)
        except DeviceRefused:
            return "answered"
        silent = answer is None and device.facts.unanswered > before
        return "silent" if silent else "answered"

    # --- evidence ---------------------------------------------------------------------------

    async def _of_device(self, device_id: str, asked: str) -> DeviceEvidence:
        now = datetime.now(UTC)
        tries: dict[str, Any] = {}
        attempt = self._devices.attempt(device_id)
        if attempt is not None:
            tries = {
                "attempt_reason": attempt.reason,
                "attempt_remote": attempt.remote,
                "attempt_at": attempt.at,
                "attempt_tries": attempt.tries,
            }
        device = self._devices.device(device_id)
        if device is None:
            return DeviceEvidence(device_id, known=False, now=now, **tries)
        view = self._devices.view(device_id)
        return DeviceEvidence(
            device_id,
            known=True,
            now=now,
            approved=view.approved,
            state=view.state,
            cause=view.cause,
            remote=view.remote,
            transport=view.transport,
            registered_at=view.registered_at,
            last_keepalive_at=view.last_keepalive_at,
            interval_s=device.policy.keepalive_interval,
            misses=device.policy.keepalive_count,
            outages=await self._outages(device_id, now),
            asked=asked,
            **tries,
            **_shown(view),
        )

    async def _outages(self, device_id: str, now: datetime) -> int:
        rows, _ = await self._devices.intervals(device_id, now - DAY, now, limit=MOST_INTERVALS)
        return sum(
            row.state == DeviceState.OFFLINE.value and row.start >= now - DAY for row in rows
        )

    def _call(self, channel_id: str, failed: LegFailed | None) -> CallEvidence | None:
        """The live call under way, else the last one that ended."""
        sessions = (*reversed(self._ledger.open()), *self._ledger.ended())
        session = next((one for one in sessions if _is_live(one, channel_id)), None)
        if session is not None:
            return _told(session)
        if failed is None:
            return None
        return CallEvidence(
            "", "ended", failed.code, failed.message, failed.sip_status, "", "", datetime.now(UTC)
        )

    def _media(self, found: StreamStatistics | None) -> MediaEvidence | None:
        if found is None:
            return None
        video = found.video
        size = f"{video.width}x{video.height}" if video is not None else ""
        return MediaEvidence(
            packets=found.packets,
            lost=found.lost,
            frames=found.frames,
            key_frames=found.key_frames,
            video="" if video is None else str(video.codec.value),
            size=size,
            unsupported=found.unsupported or "",
            source=host_port(found.source) if found.source else "",
            foreign=found.foreign,
            foreign_source=host_port(found.foreign_source) if found.foreign_source else "",
        )


def _is_live(session: Session, channel_id: str) -> bool:
    return session.key.channel_id == channel_id and session.kind is SessionKind.LIVE


def _told(session: Session) -> CallEvidence:
    failure = session.call.failure
    return CallEvidence(
        session_id=session.session_id,
        state=session.call.state.value,
        reason="" if failure is None else failure.reason.value,
        message="" if failure is None else failure.message,
        sip_status=None if failure is None else failure.sip_status,
        transport=session.transport,
        local=host_port(session.local) if session.local else "",
        at=session.started_at,
    )


def _shown(view: DeviceView) -> dict[str, Any]:
    clock, nat = view.clock, view.nat
    return {
        "behind_nat": nat.behind,
        "contact": nat.contact,
        "unanswered": nat.unanswered,
        "round_trip_ms": nat.round_trip_ms,
        "catalog_at": view.catalog_at,
        "channels": view.channel_count,
        "healthy": view.healthy,
        "faulty": view.faulty,
        "clock_error_s": None if clock is None else clock.error_s,
        "clock_source": "" if clock is None else clock.source,
    }
