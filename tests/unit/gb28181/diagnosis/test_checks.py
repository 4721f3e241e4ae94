"""The chain of checks: what fails, what is only a warning, and words that always can be filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest

from gb28181.diagnosis import checks as module
from gb28181.diagnosis.checks import of_channel, of_device
from gb28181.diagnosis.model import (
    CallEvidence,
    ChannelEvidence,
    Check,
    DeviceEvidence,
    MediaEvidence,
    Name,
    Verdict,
)
from gb28181.diagnosis.words import WORDS, say

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
GOOD = DeviceEvidence(
    "64010400001320000011",
    known=True,
    now=NOW,
    state="online",
    cause="registered",
    remote="192.0.2.1:5060",
    transport="udp",
    registered_at=NOW - timedelta(hours=2),
    last_keepalive_at=NOW - timedelta(seconds=20),
    behind_nat=False,
    round_trip_ms=12.0,
    catalog_at=NOW,
    channels=1,
    clock_error_s=0.4,
    clock_source="date",
)
CALL = CallEvidence("s1", "running", "", "", None, "udp", "192.0.2.9:30000", NOW)
MEDIA = MediaEvidence(500, 2, 100, 4, "H264", "1920x1080", "", "192.0.2.1:9000", 0, "")
PICTURE = ChannelEvidence("64010400001320000011", "64010400001320000011", True, False, CALL, MEDIA)


def broken(found: list[Check]) -> tuple[str, str] | None:
    """Name and words of the failed link."""
    return next(((c.name.value, c.words) for c in found if c.verdict is Verdict.FAILED), None)


def verdicts(found: list[Check]) -> dict[str, str]:
    return {check.name.value: check.verdict.value for check in found}


def test_all_is_well() -> None:
    assert set(verdicts(of_device(GOOD)).values()) == {"passed"}
    assert set(verdicts(of_channel(GOOD, PICTURE)).values()) == {"passed"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"known": False, "registered_at": None}, "never_came"),
        ({"registered_at": None}, "entered_never_came"),
        ({"attempt_reason": "challenged"}, "challenged"),
        ({"attempt_reason": "wrong_password"}, "wrong_password"),
        ({"attempt_reason": "username_differs"}, "username_differs"),
        ({"attempt_reason": "locked_out"}, "locked_out"),
        ({"attempt_reason": "unknown_id", "known": False}, "unknown_id"),
        ({"attempt_reason": "not_approved"}, "not_approved"),
        ({"attempt_reason": "duplicate"}, "duplicate"),
        ({"attempt_reason": "bad_id"}, "bad_id"),
        ({"attempt_reason": "credentials: no realm"}, "refused"),
        ({"approved": False, "registered_at": None}, "not_approved"),
        ({"cause": "heartbeat_missed"}, "offline.heartbeat_missed"),
        ({"cause": "registration_expired"}, "offline.registration_expired"),
        ({"cause": "tcp_lost"}, "offline.tcp_lost"),
        ({"cause": "unregistered"}, "offline.unregistered"),
        ({"cause": "something new"}, "offline"),
        ({"state": "unreachable"}, "unreachable"),
    ],
)
def test_why_a_device_is_not_there(changes: dict[str, Any], words: str) -> None:
    found = of_device(replace(GOOD, **{"state": "offline", **changes}))
    assert broken(found) == ("registered", words)
    assert {c.verdict for c in found[1:]} == {Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("changes", "name", "verdict", "words"),
    [
        ({"last_keepalive_at": None}, "heartbeat", "unknown", "heartbeat_none"),
        (
            {"last_keepalive_at": NOW - timedelta(seconds=130)},
            "heartbeat",
            "warning",
            "heartbeat_late",
        ),
        ({"outages": module.FLAPPING}, "heartbeat", "warning", "heartbeat_flapping"),
        ({"unanswered": 2}, "reachable", "failed", "unanswered"),
        ({"asked": "silent"}, "reachable", "failed", "unanswered"),
        ({"round_trip_ms": None}, "reachable", "unknown", "reachable_unknown"),
        ({"behind_nat": True}, "reachable", "warning", "reachable_nat"),
        ({"channels": 0}, "catalog", "failed", "catalog_none"),
        ({"catalog_at": None}, "catalog", "warning", "catalog_partial"),
        ({"healthy": False, "faulty": ("a", "b")}, "health", "warning", "unhealthy"),
        ({"clock_error_s": -61.0}, "clock", "warning", "clock_off"),
        ({"clock_error_s": None}, "clock", "unknown", "clock_unknown"),
    ],
)
def test_what_is_wrong_with_a_device_that_is_there(
    changes: dict[str, Any], name: str, verdict: str, words: str
) -> None:
    found = of_device(replace(GOOD, **changes))
    check = next(c for c in found if c.name == name)
    assert (check.verdict.value, check.words) == (verdict, words)


def test_an_answer_just_now_outweighs_silence_before() -> None:
    found = of_device(replace(GOOD, unanswered=5, asked="answered"))
    assert verdicts(found)["reachable"] == "passed"


def failed(reason: str, status: int | None = None) -> CallEvidence:
    return replace(CALL, state="ended", reason=reason, message="why", sip_status=status)


@pytest.mark.parametrize(
    ("changes", "leg", "words"),
    [
        ({"status_on": False, "call": None, "media": None}, "channel", "channel_off"),
        ({"call": failed("invite_timeout"), "media": None}, "invite", "invite_timeout"),
        ({"call": failed("no_port"), "media": None}, "invite", "no_port"),
        ({"call": failed("invite_rejected", 403)}, "invite", "invite_rejected"),
        ({"call": failed("invite_rejected", 486)}, "invite", "invite_busy"),
        ({"call": failed("invite_rejected", 404)}, "invite", "invite_unknown_channel"),
        ({"call": failed("invite_rejected", 488)}, "invite", "invite_media"),
        ({"call": failed("invite_rejected")}, "invite", "invite_rejected"),
        ({"call": failed("no_media"), "media": None}, "media", "no_media"),
        ({"call": failed("no_media"),
          "media": replace(MEDIA, packets=0, foreign=9, foreign_source="198.51.100.1:9")},
         "media", "media_foreign"),
        ({"call": failed("media_stopped"), "media": None}, "media", "media_stopped"),
        ({"call": failed("device_bye"), "media": None}, "media", "device_bye"),
        ({"call": failed("unsupported_codec"), "media": None}, "decodable", "unsupported_codec"),
        ({"media": replace(MEDIA, video="", unsupported="SVAC")}, "decodable",
         "unsupported_codec"),
        ({"media": replace(MEDIA, key_frames=0)}, "decodable", "no_key_frame"),
    ],
)  # fmt: skip
def test_why_a_channel_has_no_picture(changes: dict[str, Any], leg: str, words: str) -> None:
    found = of_channel(GOOD, replace(PICTURE, **changes))
    assert broken(found) == (leg, words)


def test_an_offline_device_speaks_for_its_channels() -> None:
    found = of_channel(replace(GOOD, state="offline", cause="tcp_lost"), PICTURE)
    assert broken(found) == ("registered", "offline.tcp_lost")


def test_a_channel_nobody_asked_for_is_unknown_and_not_broken() -> None:
    found = of_channel(GOOD, replace(PICTURE, call=None, media=None))
    assert broken(found) is None
    for name in ("invite", "media", "decodable"):
        assert verdicts(found)[name] == "unknown"


def test_an_ending_on_our_side_says_nothing_about_the_call() -> None:
    found = of_channel(GOOD, replace(PICTURE, call=failed("device_offline"), media=None))
    assert broken(found) is None
    assert verdicts(found)["invite"] == "unknown"


def test_a_pull_that_ended_for_want_of_viewers_was_good() -> None:
    found = of_channel(GOOD, replace(PICTURE, call=failed("no_viewers"), media=None))
    assert verdicts(found)["media"] == verdicts(found)["decodable"] == "passed"


def test_a_channel_that_is_off_but_gives_a_picture_is_only_a_warning() -> None:
    found = of_channel(GOOD, replace(PICTURE, status_on=False))
    assert broken(found) is None
    assert verdicts(found)["channel"] == "warning"
    hidden = of_channel(GOOD, replace(PICTURE, hidden=True))
    assert verdicts(hidden)["channel"] == "warning"


def test_every_text_has_both_languages_and_the_same_fields() -> None:
    for key, (chinese, english) in WORDS.items():
        fields = [
            {name for _, name, _, _ in Formatter().parse(text) if name}
            for text in (chinese, english)
        ]
        assert fields[0] == fields[1], key
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese), key
        assert english.isascii(), key


def every_case() -> list[list[Check]]:
    """Evidence of all kinds, crossed."""
    states = ["online", "offline", "unreachable", "unknown", "challenged"]
    attempts = ["", "challenged", "wrong_password", "duplicate", "locked_out", "other: x"]
    devices = [
        replace(GOOD, state=state, attempt_reason=reason, cause=cause, known=known)
        for state in states
        for reason in attempts
        for cause in ("", "tcp_lost", "heartbeat_missed", "new")
        for known in (True, False)
    ]
    thin = DeviceEvidence("64010400001320000011", known=True, now=NOW, state="online")
    reasons = ["", "no_media", "no_port", "invite_timeout", "unsupported_codec", "stopped", "new",
               "no_viewers", "media_stopped", "device_bye", "device_offline"]  # fmt: skip
    calls = [None, CALL, *(failed(reason) for reason in reasons)]
    calls += [failed("invite_rejected", status) for status in (None, 400, 404, 486, 488)]
    medias = [None, MEDIA, replace(MEDIA, packets=0), replace(MEDIA, video="", unsupported="x"),
              replace(MEDIA, key_frames=0), replace(MEDIA, foreign=3)]  # fmt: skip
    channels = [
        replace(PICTURE, call=call, media=media, status_on=on)
        for call in calls
        for media in medias
        for on in (True, False)
    ]
    return [of_device(d) for d in [*devices, thin]] + [
        of_channel(d, c) for d in (GOOD, thin) for c in channels
    ]


def test_whatever_is_found_can_be_said_and_every_text_has_its_case() -> None:
    said = set()
    for found in every_case():
        failures = [check for check in found if check.verdict is Verdict.FAILED]
        assert len(failures) <= 1
        for check in found:
            words = say(check.words, check.evidence)
            assert all(words.values())
            said.add(check.words)
    assert {Name(check.name) for found in every_case() for check in found} == set(Name)
    assert "skipped" in said
