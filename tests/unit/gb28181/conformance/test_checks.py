"""Checks are pure: evidence made by hand in, a finding out."""

from __future__ import annotations

import pytest

from gb28181.conformance import checks, fields
from gb28181.conformance.evidence import Act, Evidence
from gb28181.conformance.items import ITEMS, OVERALL, overall, registering
from gb28181.conformance.model import Edition, Grade, Item, Text, Verdict, judge

from .samples import DEVICE, SERVER, body, evidence, request, response

ITEM = """<Item>
<DeviceID>64010400001310000001</DeviceID>
<Name>one</Name>
<Manufacturer>m</Manufacturer><Model>m</Model><Owner>o</Owner><CivilCode>640104</CivilCode>
<Address>a</Address><Parental>0</Parental><ParentID>p</ParentID><RegisterWay>1</RegisterWay>
<Secrecy>0</Secrecy><Status>{status}</Status>
</Item>
"""


def catalog(total: int, *items: str, sn: str = "7") -> str:
    inner = f"<SumNum>{total}</SumNum>\n"
    if items:
        inner += f'<DeviceList Num="{len(items)}">\n{"".join(items)}</DeviceList>\n'
    return body("Response", "Catalog", inner, sn=sn)


GOOD = ITEM.format(status="ON")


def verdict(check: checks.Check, found: Evidence) -> str:
    finding = check(found)
    return "" if finding is None else finding.reason.en


# --- items as data --------------------------------------------------------------------------------


def test_items_are_named_once_and_have_a_clause() -> None:
    names = [item.name for item in ITEMS]
    assert len(names) == len(set(names))
    assert set(names) >= OVERALL
    assert {item.grade for item in ITEMS} == set(Grade)
    for item in ITEMS:
        assert item.clause(Edition.OF_2022), item.name
        assert item.title.zh, item.name
        assert item.title.en, item.name
        assert item.checks, item.name


def test_what_is_judged_over_the_whole_run_comes_last() -> None:
    places = [item.name in OVERALL for item in ITEMS]
    assert places == sorted(places)


async def _nothing(_: object) -> None:
    """Not called."""


def test_a_person_has_to_look_where_all_checks_are_content() -> None:
    item = Item("x", Grade.A, Text("甲", "a"), ("1", "1"), _nothing, (lambda _: None,))
    assert judge(item, evidence()).verdict is Verdict.PASSED
    looked = Item(
        "x", Grade.A, Text("甲", "a"), ("1", "1"), _nothing, (), person=Text("看", "look")
    )
    assert judge(looked, evidence()).verdict is Verdict.PERSON


# --- what was done --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "optional", "expected"),
    [
        (Act("X"), False, None),
        (Act("X", "device_refused", "no", 403), False, Verdict.FAILED),
        (Act("X", "device_refused", "no", 403), True, Verdict.NOT_OFFERED),
        (Act("X", "device_timeout", "silence"), True, Verdict.FAILED),
        (Act("X", "not_supported", "2016"), False, Verdict.NOT_OFFERED),
        (Act("Y"), False, Verdict.FAILED),
    ],
)
def test_done(act: Act, optional: bool, expected: Verdict | None) -> None:
    found = evidence()
    found.acts.append(act)
    finding = checks.done("X", optional=optional)(found)
    assert (None if finding is None else finding.verdict) is expected


# --- messages -------------------------------------------------------------------------------------


def test_every_message_is_answered_200_without_a_body() -> None:
    asked = (1.0, "out", request("MESSAGE", body("Query", "Catalog"), to=DEVICE, from_=SERVER))
    assert checks.plain_200(evidence(asked, (1.1, "in", response(200, "MESSAGE")))) is None
    assert "no SIP answer" in verdict(checks.plain_200, evidence(asked))
    chatty = response(200, "MESSAGE", body("Response", "Catalog"))
    assert "has a body" in verdict(checks.plain_200, evidence(asked, (1.1, "in", chatty)))


def test_an_answer_goes_back_to_who_asked() -> None:
    good = (1.0, "in", request("MESSAGE", body("Response", "DeviceInfo")))
    assert checks.addressed_back(evidence(good)) is None
    other = (1.0, "in", request("MESSAGE", body("Response", "DeviceInfo"), to=DEVICE))
    assert f"not {SERVER}" in verdict(checks.addressed_back, evidence(other))


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ([catalog(2, GOOD), catalog(2, GOOD)], ""),
        ([catalog(0)], ""),
        ([catalog(3, GOOD), catalog(3, GOOD)], "SumNum says 3, 2 items came"),
        ([catalog(2, GOOD), catalog(3, GOOD)], "SumNum differs"),
        ([body("Response", "Catalog", GOOD)], "SumNum says nothing"),
        ([], "no Catalog came"),
    ],
)
def test_counts(pages: list[str], reason: str) -> None:
    found = evidence(
        *((1.0, "in", request("MESSAGE", page, call_id=str(n))) for n, page in enumerate(pages))
    )
    assert verdict(checks.counted("Catalog"), found).startswith(reason)
    assert bool(verdict(checks.counted("Catalog"), found)) is bool(reason)


def test_a_repeated_message_counts_once() -> None:
    once = (1.0, "in", request("MESSAGE", catalog(1, GOOD)))
    assert checks.counted("Catalog")(evidence(once, once)) is None


@pytest.mark.parametrize(
    ("edition", "text", "flaw"),
    [
        (Edition.OF_2016, catalog(1, GOOD), ""),
        (Edition.OF_2022, catalog(1, GOOD.replace("<Owner>o</Owner>", "")), ""),
        (
            Edition.OF_2016,
            catalog(1, GOOD.replace("<Owner>o</Owner>", "")),
            "Catalog item 1 has no Owner",
        ),
        (Edition.OF_2016, catalog(1, ITEM.format(status="OK")), "Status of Catalog item 1 is 'OK'"),
        (Edition.OF_2016, body("Notify", "Keepalive"), "Keepalive has no Status"),
        (
            Edition.OF_2016,
            body("Notify", "Keepalive", "<Status>OK</Status>", sn="0"),
            "SN of Keepalive is '0', not a number from 1 on",
        ),
        (
            Edition.OF_2016,
            body("Notify", "Keepalive", "<Status>OK</Status>", device="12"),
            "",
        ),
        (
            Edition.OF_2016,
            body("Notify", "Keepalive", "<Status>OK</Status>", device="camera"),
            "DeviceID of Keepalive is 'camera'",
        ),
        (
            Edition.OF_2016,
            body(
                "Notify",
                "Alarm",
                "<AlarmPriority>1</AlarmPriority><AlarmMethod>2</AlarmMethod>"
                "<AlarmTime>yesterday</AlarmTime>",
            ),
            "AlarmTime of Alarm is 'yesterday'",
        ),
        (Edition.OF_2016, "no XML at all", "malformed"),
    ],
)
def test_fields(edition: Edition, text: str, flaw: str) -> None:
    found = evidence((1.0, "in", request("MESSAGE", text)), edition=edition)
    flaws = fields.flaws(found.seen[0], edition)
    assert (flaws[0] if flaws else "").startswith(flaw)
    assert bool(flaws) is bool(flaw)


# --- registration ---------------------------------------------------------------------------------

WHO = {"to": DEVICE, "from_": DEVICE, "Contact": f"<sip:{DEVICE}@192.0.2.9:5060>"}


def register(at: float, cseq: int, **more: str) -> tuple[float, str, bytes]:
    headers = {**WHO, "Expires": "3600", **more}
    return at, "in", request("REGISTER", call_id="r", cseq=cseq, **headers)


def answered(at: float, status: int, cseq: int) -> tuple[float, str, bytes]:
    return at, "out", response(status, "REGISTER", call_id="r", cseq=cseq, to=DEVICE)


def test_a_registration() -> None:
    good = evidence(
        register(1.0, 1),
        answered(1.1, 401, 1),
        register(1.2, 2, Authorization="Digest ***"),
        answered(1.3, 200, 2),
    )
    assert registering._registers(good) is None
    assert registering._long_enough(good) is None
    assert "did not register" in verdict(registering._registers, evidence())
    bare = evidence(register(1.0, 1), answered(1.1, 401, 1))
    assert "no credentials" in verdict(registering._registers, bare)
    other = evidence(register(1.0, 1, to=SERVER))
    assert "not the device's own id" in verdict(registering._registers, other)
    short = evidence(register(1.0, 1, Expires="600"))
    assert "less than 3600" in verdict(registering._long_enough, short)
    again = evidence(
        register(1.0, 3), register(1.2, 2, Authorization="Digest ***"), answered(1.3, 200, 2)
    )
    assert "CSeq does not grow" in verdict(registering._registers, again)


def test_it_comes_back_before_its_end() -> None:
    early = evidence(answered(1.0, 200, 1), register(40.0, 3))
    late = evidence(answered(1.0, 200, 1), register(70.0, 3))
    for found in (early, late):
        found.facts["granted"] = 60
    assert registering._in_time(early) is None
    assert "before its end" in verdict(registering._in_time, late)


def test_it_waits_after_a_failure() -> None:
    patient = evidence(answered(1.0, 503, 1), register(62.0, 3))
    hasty = evidence(answered(1.0, 503, 1), register(6.0, 3))
    for found in (patient, hasty):
        found.facts["retry"] = 60.0
    assert registering._not_at_once(patient) is None
    assert "after 5 s" in verdict(registering._not_at_once, hasty)


def beat(at: float, number: int) -> tuple[float, str, bytes]:
    text = body("Notify", "Keepalive", "<Status>OK</Status>")
    return at, "in", request("MESSAGE", text, call_id=f"k{number}")


def test_heartbeats_come_as_set() -> None:
    steady, slow = (
        evidence(beat(1, 0), beat(2, 1), beat(62, 2)),
        evidence(beat(1, 0), beat(2, 1), beat(152, 2)),
    )
    for found in (steady, slow):
        found.facts["interval"] = 60.0
    assert registering._rhythm(steady) is None
    assert "150.0 s apart" in verdict(registering._rhythm, slow)


@pytest.mark.parametrize(("misses", "right"), [(2, False), (3, True), (4, False), (5, False)])
def test_it_counts_unanswered_heartbeats(misses: int, right: bool) -> None:
    beats = [beat(60.0 * n, n) for n in range(1, misses + 1)]
    found = evidence(*beats, register(60.0 * misses + 34, 1))
    found.facts["count"] = 3
    assert (registering._counts_misses(found) is None) is right


# --- the whole run --------------------------------------------------------------------------------


def test_nothing_but_sip_on_the_port() -> None:
    assert overall._all_sip(evidence(beat(1, 1))) is None
    assert "no SIP" in verdict(overall._all_sip, evidence((1.0, "in", b"GET / HTTP/1.1\r\n\r\n")))


@pytest.mark.parametrize(
    ("edition", "label", "right"),
    [
        (Edition.OF_2016, "GB2312", True),
        (Edition.OF_2016, "UTF-8", False),
        (Edition.OF_2022, "GB18030", True),
        (Edition.OF_2022, "gb18030", True),
        (Edition.OF_2022, "GB2312", False),
    ],
)
def test_charsets(edition: Edition, label: str, right: bool) -> None:
    text = body("Notify", "Keepalive", "<Status>OK</Status>").replace("GB2312", label)
    found = evidence((1.0, "in", request("MESSAGE", text)), edition=edition)
    assert (overall._charset(found) is None) is right


def test_delay_is_that_of_most_answers() -> None:
    def pair(number: int, took: float) -> list[tuple[float, str, bytes]]:
        call = str(number)
        asked = request("MESSAGE", body("Query", "Catalog"), call_id=call, to=DEVICE)
        return [
            (1.0 * number, "out", asked),
            (1.0 * number + took, "in", response(200, "MESSAGE", call_id=call)),
        ]

    quick = evidence(*pair(1, 0.1), *pair(2, 0.2), *pair(3, 9.0))
    slow = evidence(*pair(1, 3.0), *pair(2, 4.0), *pair(3, 0.1))
    assert overall._delay(quick) is None
    assert "3.0 s in the median" in verdict(overall._delay, slow)
    few = overall._delay(evidence(*pair(1, 9.0)))
    assert few is not None
    assert few.verdict is Verdict.NOT_OFFERED
