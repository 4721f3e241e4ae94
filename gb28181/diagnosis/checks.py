"""The chain, decided: evidence in, one check per link out. Pure.

Each function judges one link. A link after the first failed one is skipped, because it would only
show the consequences; warnings do not break the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from gb28181.diagnosis.model import (
    CallEvidence,
    ChannelEvidence,
    Check,
    DeviceEvidence,
    MediaEvidence,
    Name,
    Verdict,
)
from gb28181.diagnosis.words import WORDS

FLAPPING: Final = 5
"""Times offline within a day that are worth a warning."""
CLOCK_OFF_S: Final = 5.0
SILENT_REQUESTS: Final = 2

_BUSY: Final = (480, 486, 500, 503, 600, 603)
_UNKNOWN: Final = (404, 604)
_MEDIA: Final = (415, 488, 606)


def of_device(found: DeviceEvidence) -> list[Check]:
    """From the registration to the catalog."""
    judges = (_registered, _heartbeat, _reachable, _catalog, _health, _clock)
    return chain(partial(judge, found) for judge in judges)


def of_channel(device: DeviceEvidence, found: ChannelEvidence) -> list[Check]:
    """The device's chain without the count of its channels, and on to the decoder."""
    on_device = (_registered, _heartbeat, _reachable, _health, _clock)
    on_channel = (_channel, _invite, _media, _decodable)
    return chain(
        [
            *(partial(judge, device) for judge in on_device),
            *(partial(judge, found) for judge in on_channel),
        ]
    )


def chain(judges: Iterable[Callable[[], Check]]) -> list[Check]:
    """All checks, those behind the first failed one marked as skipped."""
    checks: list[Check] = []
    broken = False
    for judge in judges:
        check = judge()
        if broken:
            check = Check(check.name, Verdict.SKIPPED, "skipped")
        broken = broken or check.verdict is Verdict.FAILED
        checks.append(check)
    return checks


# --- the device ---------------------------------------------------------------------------------


def _registered(found: DeviceEvidence) -> Check:
    evidence = _pick(
        found,
        *("device_id", "state", "cause", "remote", "transport", "registered_at"),
        *("misses", "interval_s"),
    )
    if found.state == "online":
        return Check(Name.REGISTERED, Verdict.PASSED, "registered", evidence)
    if found.state == "unreachable":
        return Check(Name.REGISTERED, Verdict.FAILED, "unreachable", evidence)
    if found.attempt_reason:
        evidence |= _pick(found, "attempt_reason", "attempt_remote", "attempt_at", "attempt_tries")
        known = found.attempt_reason in WORDS and found.attempt_reason != "registered"
        return Check(
            Name.REGISTERED,
            Verdict.FAILED,
            found.attempt_reason if known else "refused",
            evidence,
        )
    return Check(Name.REGISTERED, Verdict.FAILED, _why_absent(found), evidence)


def _why_absent(found: DeviceEvidence) -> str:
    if not found.known:
        return "never_came"
    if not found.approved:
        return "not_approved"
    if found.registered_at is None:
        return "entered_never_came"
    words = f"offline.{found.cause}"
    return words if words in WORDS else "offline"


def _heartbeat(found: DeviceEvidence) -> Check:
    evidence = _pick(found, "last_keepalive_at", "interval_s", "misses", "outages")
    last = found.last_keepalive_at
    if last is None:
        return Check(Name.HEARTBEAT, Verdict.UNKNOWN, "heartbeat_none", evidence)
    age_s = max(0.0, (found.now - last).total_seconds())
    evidence["age_s"] = round(age_s, 1)
    if age_s > 2 * found.interval_s:
        return Check(Name.HEARTBEAT, Verdict.WARNING, "heartbeat_late", evidence)
    if found.outages >= FLAPPING:
        return Check(Name.HEARTBEAT, Verdict.WARNING, "heartbeat_flapping", evidence)
    return Check(Name.HEARTBEAT, Verdict.PASSED, "heartbeat", evidence)


def _reachable(found: DeviceEvidence) -> Check:
    evidence = _pick(
        found, "remote", "contact", "behind_nat", "unanswered", "round_trip_ms", "asked"
    )
    if found.asked != "answered" and (
        found.asked == "silent" or found.unanswered >= SILENT_REQUESTS
    ):
        evidence["unanswered"] = max(1, found.unanswered)
        return Check(Name.REACHABLE, Verdict.FAILED, "unanswered", evidence)
    if found.round_trip_ms is None:
        return Check(Name.REACHABLE, Verdict.UNKNOWN, "reachable_unknown", evidence)
    if found.behind_nat:
        return Check(Name.REACHABLE, Verdict.WARNING, "reachable_nat", evidence)
    return Check(Name.REACHABLE, Verdict.PASSED, "reachable", evidence)


def _catalog(found: DeviceEvidence) -> Check:
    evidence = _pick(found, "catalog_at", "channels")
    if not found.channels:
        return Check(Name.CATALOG, Verdict.FAILED, "catalog_none", evidence)
    if found.catalog_at is None:
        return Check(Name.CATALOG, Verdict.WARNING, "catalog_partial", evidence)
    return Check(Name.CATALOG, Verdict.PASSED, "catalog", evidence)


def _health(found: DeviceEvidence) -> Check:
    evidence: dict[str, Any] = {"faulty": list(found.faulty), "faulty_count": len(found.faulty)}
    if not found.healthy:
        return Check(Name.HEALTH, Verdict.WARNING, "unhealthy", evidence)
    return Check(Name.HEALTH, Verdict.PASSED, "health", evidence)


def _clock(found: DeviceEvidence) -> Check:
    evidence = _pick(found, "clock_error_s", "clock_source")
    if found.clock_error_s is None:
        return Check(Name.CLOCK, Verdict.UNKNOWN, "clock_unknown", evidence)
    if abs(found.clock_error_s) >= CLOCK_OFF_S:
        return Check(Name.CLOCK, Verdict.WARNING, "clock_off", evidence)
    return Check(Name.CLOCK, Verdict.PASSED, "clock", evidence)


# --- the channel ----------------------------------------------------------------------------------


def _channel(found: ChannelEvidence) -> Check:
    evidence = _pick(found, "channel_id", "reported_id", "status_on", "hidden")
    if not found.status_on:
        # It may give a picture all the same; a running one proves that it does.
        call = found.call
        running = call is not None and call.state == "running"
        verdict = Verdict.WARNING if running else Verdict.FAILED
        return Check(Name.CHANNEL, verdict, "channel_off", evidence)
    if found.hidden:
        return Check(Name.CHANNEL, Verdict.WARNING, "channel_hidden", evidence)
    return Check(Name.CHANNEL, Verdict.PASSED, "channel", evidence)


def _invite(found: ChannelEvidence) -> Check:
    call = found.call
    if call is None:
        return Check(Name.INVITE, Verdict.UNKNOWN, "invite_none")
    evidence = _of_call(call) | {"reported_id": found.reported_id}
    match call.reason:
        case "invite_timeout" | "no_port":
            return Check(Name.INVITE, Verdict.FAILED, call.reason, evidence)
        case "invite_rejected":
            return Check(Name.INVITE, Verdict.FAILED, _refusal(call.sip_status), evidence)
    if call.state == "inviting" or call.reason in _ELSEWHERE:
        return Check(Name.INVITE, Verdict.UNKNOWN, "invite_none", evidence)
    return Check(Name.INVITE, Verdict.PASSED, "invite", evidence)


_ELSEWHERE: Final = ("device_offline", "shutdown", "previous_run")
"""Endings that say nothing about the call itself."""


def _refusal(status: int | None) -> str:
    if status in _BUSY:
        return "invite_busy"
    if status in _UNKNOWN:
        return "invite_unknown_channel"
    return "invite_media" if status in _MEDIA else "invite_rejected"


def _media(found: ChannelEvidence) -> Check:
    call, media = found.call, found.media
    if call is None:
        return Check(Name.MEDIA, Verdict.UNKNOWN, "media_unknown")
    evidence = _of_call(call) | _of_media(media)
    match call.reason:
        case "no_media" if media is not None and media.foreign:
            return Check(Name.MEDIA, Verdict.FAILED, "media_foreign", evidence)
        case "no_media" | "media_stopped" | "device_bye":
            return Check(Name.MEDIA, Verdict.FAILED, call.reason, evidence)
    if media is not None and media.packets:
        return Check(Name.MEDIA, Verdict.PASSED, "media", evidence)
    if call.state == "running" or call.reason in _AFTER_PICTURE:
        return Check(Name.MEDIA, Verdict.PASSED, "media_before", evidence)
    return Check(Name.MEDIA, Verdict.UNKNOWN, "media_unknown", evidence)


_AFTER_PICTURE: Final = ("no_viewers", "finished", "unsupported_codec")
"""Endings that only a call with media has."""


def _decodable(found: ChannelEvidence) -> Check:
    call, media = found.call, found.media
    if call is None:
        return Check(Name.DECODABLE, Verdict.UNKNOWN, "decodable_unknown")
    evidence = _of_call(call) | _of_media(media)
    if call.reason == "unsupported_codec":
        return Check(Name.DECODABLE, Verdict.FAILED, "unsupported_codec", evidence)
    if media is None or not media.packets:
        verdict = Verdict.PASSED if call.reason == "no_viewers" else Verdict.UNKNOWN
        words = "media_before" if verdict is Verdict.PASSED else "decodable_unknown"
        return Check(Name.DECODABLE, verdict, words, evidence)
    if media.unsupported and not media.video:
        evidence["message"] = media.unsupported
        return Check(Name.DECODABLE, Verdict.FAILED, "unsupported_codec", evidence)
    if not media.key_frames:
        return Check(Name.DECODABLE, Verdict.FAILED, "no_key_frame", evidence)
    return Check(Name.DECODABLE, Verdict.PASSED, "decodable", evidence)


# --- pieces ---------------------------------------------------------------------------------------


def _pick(found: DeviceEvidence | ChannelEvidence, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names}


def _of_call(call: CallEvidence) -> dict[str, Any]:
    return asdict(call)


def _of_media(media: MediaEvidence | None) -> dict[str, Any]:
    return {} if media is None else asdict(media)
