"""Play tickets under any hand: what was changed in any place opens nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.tickets import OUTPUTS, Tickets

TICKETS = Tickets(b"k" * 32, lambda: b"12345678")
NOW = 1_800_000_000.0
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

users = st.text(max_size=60)
scopes = st.text(max_size=60)
outputs = st.sets(st.sampled_from(OUTPUTS))


@given(users, scopes, outputs, st.integers(1, 86_400))
def test_what_is_written_is_read(user: str, scope: str, ways: set[str], lifetime: int) -> None:
    ticket = TICKETS.read(TICKETS.make(user, scope, NOW, lifetime, ways), NOW)
    assert ticket is not None
    assert (ticket.user, ticket.scope, ticket.outputs) == (user, scope, ways)
    assert ticket.expires_at == NOW + lifetime


@given(users, scopes, outputs, st.data())
def test_one_changed_letter_anywhere(
    user: str, scope: str, ways: set[str], data: st.DataObject
) -> None:
    """The last letter has bits that stand for nothing: they must not be free either."""
    text = TICKETS.make(user, scope, NOW, 600, ways)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    assert TICKETS.read(text[:place] + letter + text[place + 1 :], NOW) is None


def test_every_letter_of_the_last_place() -> None:
    for user in ("a", "ab", "abc"):
        text = TICKETS.make(user, "s", NOW, 600)
        same = [end for end in ALPHABET if TICKETS.read(text[:-1] + end, NOW) is not None]
        assert same == [text[-1]]


@given(users, scopes, st.data())
def test_more_or_less_than_was_given(user: str, scope: str, data: st.DataObject) -> None:
    text = TICKETS.make(user, scope, NOW, 600)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert TICKETS.read(text[:cut], NOW) is None
    assert TICKETS.read(text + data.draw(st.text(ALPHABET + "= ", min_size=1)), NOW) is None


@given(st.text(max_size=400))
def test_any_text_is_answered(text: str) -> None:
    assert TICKETS.read(text, NOW) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(data: bytes) -> None:
    import base64

    assert TICKETS.read(base64.urlsafe_b64encode(data).decode().rstrip("="), NOW) is None
