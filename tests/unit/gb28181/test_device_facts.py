"""Health, clock, reach and tries of a device, and where it may be sent: the plain parts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from catalog.model import Place
from gb28181.device.attempts import MOST_STRANGERS, Attempts
from gb28181.device.book import told
from gb28181.device.clocks import date_of
from gb28181.device.facts import ClockReading, Facts, behind_nat
from gb28181.device.redirect import parse

CIVIL = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OTHER_SERVER = "64020000002000000002"
ELSEWHERE = f"{OTHER_SERVER}@192.0.2.99:5060"


@pytest.mark.parametrize(
    ("contact", "transport", "remote", "behind"),
    [
        ("<sip:x@192.0.2.1:5060>", "udp", ("192.0.2.1", 5060), False),
        ("<sip:x@192.0.2.1>", "udp", ("192.0.2.1", 5060), False),
        ("<sip:x@10.0.0.9:5060>", "udp", ("192.0.2.1", 5060), True),
        ("<sip:x@192.0.2.1:5060>", "udp", ("192.0.2.1", 40000), True),
        ("<sip:x@192.0.2.1:5060>", "tcp", ("192.0.2.1", 40000), False),
        ("<sip:x@10.0.0.9:5060>", "tcp", ("192.0.2.1", 40000), True),
        ("<sip:x@[2001:db8::1]:5060>", "udp", ("2001:db8::1", 5060), False),
        ("", "udp", ("192.0.2.1", 5060), None),
        ("<nonsense", "udp", ("192.0.2.1", 5060), None),
        ("<sip:x@192.0.2.1>", "udp", ("", 0), None),
    ],
)
def test_nat_is_told_from_contact_and_source(
    contact: str, transport: str, remote: tuple[str, int], behind: bool | None
) -> None:
    assert behind_nat(contact, transport, remote) is behind


def test_round_trips_are_smoothed_and_silence_is_counted() -> None:
    facts = Facts({})
    facts.round_trip(0.1)
    facts.round_trip(0.2)
    assert facts.round_trip_s == pytest.approx(0.125)
    facts.round_trip(None)
    facts.round_trip(None)
    assert facts.unanswered == 2
    facts.round_trip(0.1)
    assert facts.unanswered == 0


def test_a_stored_clock_comes_back_and_nonsense_does_not() -> None:
    reading = ClockReading(-12.5, "date", datetime(2026, 1, 1, tzinfo=UTC))
    assert Facts({"clock": reading.to_json()}).clock == reading
    for broken in ({}, {"error_s": "x", "source": "a", "at": "b"}, [], "text", None):
        assert Facts({"clock": broken}).clock is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T16:00:00.000",
        "2026-11-22 16:00:00",
        "2026-11-22T08:00:00Z",
        "Sun, 22 Nov 2026 08:00:00 GMT",
    ],
)
def test_dates_in_both_forms(text: str) -> None:
    assert date_of(text) == CIVIL


@pytest.mark.parametrize("text", ["", "yesterday", "1970-01-01T00:00:00", "22 Nov", "Sun, 99 Nov"])
def test_dates_that_are_none(text: str) -> None:
    assert date_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "64020000002000000002@h",
        "6402@h:1",
        f"{OTHER_SERVER}@h:0",
        f"{OTHER_SERVER}@h:65536",
        f"{OTHER_SERVER}@[::1:5060",
        f"{OTHER_SERVER}@[zz]:5060",
        f"{OTHER_SERVER}@h:5060\r\nX: y",
    ],
)
def test_targets_of_redirection_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse(text)


def test_targets_of_redirection() -> None:
    assert parse(ELSEWHERE).contact == f"<sip:{ELSEWHERE}>"
    assert str(parse(f"{OTHER_SERVER}@[2001:db8::0:1]:5061")) == (
        f"{OTHER_SERVER}@[2001:db8::1]:5061"
    )


def test_a_refusal_is_not_hidden_by_the_challenge_of_the_next_try() -> None:
    attempts = Attempts()
    for reason in ("challenged", "wrong_password", "challenged"):
        attempts.note("a", reason, "udp:192.0.2.1:5060", CIVIL, known=False)
    found = attempts.of("a")
    assert found is not None
    assert (found.reason, found.tries) == ("wrong_password", 2)
    attempts.succeeded("a")
    assert attempts.of("a") is None


def test_strangers_do_not_push_out_the_known() -> None:
    attempts = Attempts()
    attempts.note("mine", "wrong_password", "r", CIVIL, known=True)
    for number in range(MOST_STRANGERS + 5):
        attempts.note(f"s{number}", "unknown_id", "r", CIVIL, known=False)
    assert attempts.of("mine") is not None
    assert attempts.of("s4") is None
    assert attempts.of("s5") is not None


def test_the_operators_city_counts_unless_the_catalog_is_more_exact() -> None:
    yinchuan = Place("6401", "640104", "", "civil_code")
    assert told(yinchuan, "") is yinchuan
    assert told(yinchuan, "6401") is yinchuan
    assert told(yinchuan, "640106") is yinchuan
    assert told(yinchuan, "6402") == Place("6402", "", "", "operator")
    assert told(Place("6401", "", "", "item_id"), "640106") == Place(
        "6401", "640106", "", "operator"
    )
