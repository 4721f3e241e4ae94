"""Alarms without sockets: identity, names, rules; the signature; shifted coordinates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gb28181.alarms import kinds
from gb28181.alarms.making import make
from gb28181.alarms.rules import Rules
from gb28181.alarms.webhook import signature, target_of
from gb28181.manscdp.commands.alarm import AlarmNotify
from gb28181.positions.gcj02 import to_gcj02, to_wgs84
from gb28181.store.records import AlarmRecord, AlarmRuleRecord
from gb28181.subscribe.arriving import notified, seconds_of
from sip.headers import Headers
from sip.message import Request

pytestmark = [
    pytest.mark.clause("GB/T 28181-2016", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "9.4"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.5.3"),
]

NVR, CAMERA = "64010600001180000001", "64010400001320000011"
NOW = datetime(2026, 11, 22, 8, 51, tzinfo=UTC)
SAID = AlarmNotify("31", CAMERA, 2, 5, (5,), "2026-11-22T16:50:01", "入侵", type=6)


def record(**fields: object) -> AlarmRecord:
    return replace(make(SAID, NVR, CAMERA, NOW), **fields)  # type: ignore[arg-type]


def test_the_same_alarm_has_the_same_id_whatever_its_sn_and_time_of_arrival() -> None:
    first = make(SAID, NVR, CAMERA, NOW)
    again = make(replace(SAID, sn="32"), NVR, CAMERA, NOW + timedelta(hours=5))
    assert first.alarm_id == again.alarm_id
    assert first.alarm_at == datetime(2026, 11, 22, 8, 50, 1, tzinfo=UTC)
    assert first.time_source == "device"


@pytest.mark.parametrize(
    "other",
    [
        {"time": "2026-11-22T16:50:02"},
        {"priority": 1},
        {"type": 7},
        {"event_type": 1},
        {"description": "别的"},
        {"device_id": NVR},
        {"methods": (5, 2)},
    ],
)
def test_another_alarm_has_another_id(other: dict[str, object]) -> None:
    changed = replace(SAID, **other)  # type: ignore[arg-type]
    assert make(changed, NVR, "", NOW).alarm_id != make(SAID, NVR, "", NOW).alarm_id
    assert make(SAID, CAMERA, "", NOW).alarm_id != make(SAID, NVR, "", NOW).alarm_id


@pytest.mark.parametrize("time", ["", "soon", "1970-01-01T00:00:00", "2036-01-01T00:00:00"])
def test_a_time_that_cannot_be_is_replaced_by_that_of_arrival(time: str) -> None:
    alarm = make(replace(SAID, time=time), NVR, "", NOW)
    assert (alarm.alarm_at, alarm.time_source, alarm.device_time) == (NOW, "platform", time)


def test_without_a_time_the_sn_tells_alarms_apart() -> None:
    silent = replace(SAID, time="")
    assert make(silent, NVR, "", NOW).alarm_id == make(silent, NVR, "", NOW).alarm_id
    other = replace(silent, sn="32")
    assert make(silent, NVR, "", NOW).alarm_id != make(other, NVR, "", NOW).alarm_id


def test_names_of_both_editions() -> None:
    assert kinds.type_name(5, 6) == kinds.Name("入侵检测报警", "intrusion")
    assert kinds.type_name(5, 13) is not None
    assert kinds.TYPES[kinds.Method.VIDEO][13].editions == ("2022",)
    assert kinds.type_name(2, None) == kinds.GENERIC
    assert kinds.event_name(5, 6, 2) == kinds.Name("离开区域", "leaving")
    for nothing in (kinds.type_name(5, 99), kinds.type_name(9, 1), kinds.type_name(None, 1)):
        assert nothing is None
    assert kinds.priority_name(0) is None
    assert {len(kinds.PRIORITIES), len(kinds.METHODS)} == {4, 7}


def rule(matching: dict[str, object], **fields: object) -> AlarmRuleRecord:
    made = AlarmRuleRecord("r1", "rule", True, dict(matching), [{"action": "webhook"}])
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matching", "fires"),
    [
        ({}, True),
        ({"device_ids": [NVR], "channel_ids": [CAMERA], "methods": [5], "types": [6, 7]}, True),
        ({"device_ids": [CAMERA]}, False),
        ({"priorities": [1]}, False),
        ({"types": []}, True),
    ],
)
def test_conditions(matching: dict[str, object], fires: bool) -> None:
    rules = Rules()
    rules.put(rule(matching))
    assert bool(rules.fire(record(), 0.0)) is fires
    rules.put(rule(matching, enabled=False))
    assert rules.fire(record(), 0.0) == []


def test_a_rule_rests_for_each_source_apart() -> None:
    rules = Rules()
    rules.put(rule({}, cooldown_s=60.0))
    assert rules.fire(record(), 0.0)
    assert not rules.fire(record(), 59.0)
    assert rules.fire(record(channel_id="other"), 59.0)
    assert rules.fire(record(), 60.0)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "http://", "http://u:p@h/", "http://h/a b", "http://h\r\nX: y/", "//h", "http://h:99999/"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        target_of(url)


def test_urls_that_are_taken() -> None:
    target = target_of("https://hooks.example:8443/a?b=c")
    assert (target.secure, target.host, target.port) == (True, "hooks.example", 8443)
    assert target.path == "/a?b=c"
    assert target_of("http://[::1]/").host == "::1"


def test_the_signature_covers_time_and_body() -> None:
    made = signature("key", 1_700_000_000, b'{"a":1}')
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    digest = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    assert made == f"sha256={digest}"
    assert made != signature("key", 1_700_000_001, b'{"a":1}')
    assert made != signature("kez", 1_700_000_000, b'{"a":1}')


@pytest.mark.parametrize("place", [(106.2309, 38.4872), (116.3975, 39.9087), (104.0, 30.6)])
def test_shifted_coordinates_and_back(place: tuple[float, float]) -> None:
    shifted = to_gcj02(*place)
    assert 0.0005 < abs(shifted[0] - place[0]) < 0.01
    assert to_wgs84(*shifted) == pytest.approx(place, abs=1e-7)


def test_outside_china_nothing_is_shifted() -> None:
    assert to_gcj02(2.35, 48.85) == to_wgs84(2.35, 48.85) == (2.35, 48.85)


def test_a_known_pair() -> None:
    """Tiananmen, as map services give it in both systems."""
    assert to_gcj02(116.391349, 39.907375) == pytest.approx((116.397590, 39.908777), abs=3e-5)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("active;expires=540", (False, 540, "", None)),
        ("Active; Expires=540", (False, 540, "", None)),
        ("terminated;reason=Timeout;retry-after=7", (True, None, "timeout", 7)),
        ("terminated", (True, None, "", None)),
        ("active;expires=soon", (False, None, "", None)),
        ("pending", (False, None, "", None)),
        (None, (False, None, "", None)),
    ],
)
def test_subscription_state(header: str | None, wanted: tuple[object, ...]) -> None:
    headers = Headers([] if header is None else [("Subscription-State", header)])
    found = notified(Request("NOTIFY", "sip:x@y", headers))
    assert (found.terminated, found.expires, found.reason, found.after) == wanted


@pytest.mark.parametrize(
    ("text", "seconds"), [("600", 600), (" 5 (busy)", 5), ("120;duration=3", 120), ("-1", None)]
)
def test_seconds(text: str, seconds: int | None) -> None:
    assert seconds_of(text) == seconds
