"""Play tickets: the form as fixed texts, what opens what, and what was taken back."""

from __future__ import annotations

from itertools import count

import pytest

from media.revoked import MOST, Refusal, RefusalsFull, Revoked
from media.tickets import ANY, MOST_TEXT, OUTPUTS, Tickets

KEY = bytes(range(32))
NOW = 1_800_000_000.25
STREAM = "34020000001320000001"

VECTORS = [
    (
        ("admin", STREAM, NOW, 600.0, (), "0102030405060708"),
        "AQGjGFxQ-gAAAlgBAgMEBQYHCAAAFDM0MDIwMDAwMDAxMzIwMDAwMDAxYWRtaW4",
    ),
    (
        ("张三", ANY, NOW, 86_400.0, ("hls", "flv"), "ffffffffffffffff"),
        "AQGjGFxQ-gABUYD__________wARASrlvKDkuIk",
    ),
    (("", "events", 0.0, 1.0, ("rtmp",), "0" * 16), "AQAAAAAAAAAAAAEAAAAAAAAAAACABmV2ZW50cw"),
]
"""Arguments, and the text of the part that is signed."""


def office(key: bytes = KEY) -> Tickets:
    numbers = count(1)
    return Tickets(key, lambda: next(numbers).to_bytes(8, "big"))


@pytest.mark.parametrize(("arguments", "signed"), VECTORS)
def test_the_form_is_fixed(arguments: tuple[object, ...], signed: str) -> None:
    """Whoever checks tickets elsewhere reads the same bytes."""
    import base64
    import hashlib
    import hmac

    text = office().make(*arguments)  # type: ignore[arg-type]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    body, mac = raw[:-16], raw[-16:]
    assert base64.urlsafe_b64encode(body).decode().rstrip("=") == signed
    salted = b"gb28181 play ticket\0" + body
    assert hmac.new(KEY, salted, hashlib.sha256).digest()[:16] == mac


def test_it_says_what_was_put_into_it() -> None:
    text = office().make("张三", STREAM, NOW, 600, ("hls", "flv"))
    ticket = office().read(text, NOW + 1)
    assert ticket is not None
    assert (ticket.user, ticket.scope, ticket.ticket_id) == ("张三", STREAM, "0000000000000001")
    assert ticket.outputs == {"hls", "flv"}
    assert ticket.issued_at == pytest.approx(NOW, abs=0.001)
    assert ticket.expires_at == pytest.approx(NOW + 600, abs=0.001)


def test_it_is_over_when_its_time_is() -> None:
    text = office().make("a", STREAM, NOW, 600)
    assert office().read(text, NOW + 599.9) is not None
    assert office().read(text, NOW + 600) is None


def test_another_key_does_not_open() -> None:
    text = office().make("a", STREAM, NOW, 600)
    assert office(bytes(32)).read(text, NOW) is None


def test_scope_and_ways_out() -> None:
    tickets = office()
    one = tickets.read(tickets.make("a", STREAM, NOW, 600, ("flv", "rtsp")), NOW)
    everything = tickets.read(tickets.make("a", ANY, NOW, 600), NOW)
    assert one is not None
    assert everything is not None
    assert [output for output in OUTPUTS if one.opens(STREAM, output)] == ["flv", "rtsp"]
    assert not one.opens(STREAM)
    assert not one.opens("34020000001320000002", "flv")
    assert all(everything.opens(name, output) for name in ("x", "events") for output in OUTPUTS)
    assert everything.opens("events")


@pytest.mark.parametrize(
    "text",
    ["", "x", "é", "A" * (MOST_TEXT + 1), "AAAA", "A" * 100, "====", " " * 80, "\0" * 80, "A" * 81],
)
def test_what_is_no_ticket_opens_nothing(text: str) -> None:
    assert office().read(text, NOW) is None


def test_what_cannot_be_a_ticket_is_not_made() -> None:
    for arguments in (("a", "s" * 256), ("a" * 1025, "s")):
        with pytest.raises(ValueError, match="too long"):
            office().make(*arguments, NOW, 600)
    with pytest.raises(ValueError, match="not in tuple"):
        office().make("a", "s", NOW, 600, ("smoke",))
    with pytest.raises(ValueError, match="32 bytes"):
        office(b"short")


def test_one_ticket_or_all_of_a_user_are_taken_back() -> None:
    tickets, revoked = office(), Revoked()
    first, second = (tickets.read(tickets.make("a", ANY, NOW, 600), NOW) for _ in range(2))
    other = tickets.read(tickets.make("b", ANY, NOW, 600), NOW)
    assert first is not None
    assert second is not None
    assert other is not None
    revoked.add(Refusal(first.ticket_id, "", NOW, NOW + 600), NOW)
    assert [revoked.concerns(one) for one in (first, second, other)] == [True, False, False]
    revoked.add(Refusal("", "a", NOW + 1, NOW + 601), NOW + 1)
    assert [revoked.concerns(one) for one in (first, second, other)] == [True, True, False]
    later = tickets.read(tickets.make("a", ANY, NOW + 2, 600), NOW + 2)
    assert later is not None
    assert not revoked.concerns(later)
    again = Revoked(revoked.all())
    assert [again.concerns(one) for one in (first, second, later)] == [True, True, False]


def test_refusals_that_are_over_make_room() -> None:
    revoked = Revoked()
    for number in range(MOST):
        revoked.add(Refusal(f"{number:016x}", "", 0.0, 10.0), 0.0)
    with pytest.raises(RefusalsFull):
        revoked.add(Refusal("f" * 16, "", 0.0, 10.0), 5.0)
    revoked.add(Refusal("f" * 16, "", 10.0, 20.0), 10.0)
    assert len(revoked) == 1
