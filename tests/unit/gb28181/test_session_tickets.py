"""The office of tickets: what it gives opens, until its time is over or it is taken back."""

from __future__ import annotations

from itertools import count

from gb28181.session.tickets import LONGEST_S, TicketOffice
from media.revoked import Refusal
from media.tickets import Tickets

STREAM = "34020000001320000001"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Vault:
    """What lasts."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.rows.get(key)

    async def put(self, key: str, value: str) -> None:
        self.rows[key] = value


def office(clock: Clock, vault: Vault) -> TicketOffice:
    numbers = count(int(clock.now))
    return TicketOffice(
        Tickets(b"k" * 32, lambda: next(numbers).to_bytes(8, "big")), vault, 600.0, clock
    )


async def test_a_ticket_opens_for_ten_minutes_and_after_a_restart() -> None:
    clock, vault = Clock(), Vault()
    text = office(clock, vault).give("zhang", STREAM, ["flv"])
    again = office(clock, vault)
    await again.start()
    found = again.opens(text, STREAM, "flv")
    assert found is not None
    assert found.user == "zhang"
    assert again.opens(text, STREAM, "rtsp") is None
    assert again.opens(text, "another", "flv") is None
    clock.now += 600
    assert again.opens(text, STREAM, "flv") is None


async def test_what_was_taken_back_stays_so_after_a_restart() -> None:
    clock, vault = Clock(), Vault()
    before = office(clock, vault)
    told: list[tuple[Refusal, ...]] = []
    before.on_revoked = told.append
    one, other, foreign = before.give("zhang"), before.give("zhang"), before.give("li")
    found = before.read(one)
    assert found is not None
    await before.revoke(ticket_id=found.ticket_id)
    again = office(clock, vault)
    await again.start()
    assert [again.read(text) is not None for text in (one, other, foreign)] == [False, True, True]
    clock.now += 1
    await again.revoke(user="zhang")
    last = office(clock, vault)
    await last.start()
    assert [last.read(text) is not None for text in (one, other, foreign)] == [False, False, True]
    clock.now += 1
    assert last.read(last.give("zhang")) is not None
    assert [len(refusals) for refusals in told] == [1]


async def test_refusals_of_long_ago_are_forgotten() -> None:
    clock, vault = Clock(), Vault()
    await office(clock, vault).revoke(user="zhang")
    clock.now += LONGEST_S
    again = office(clock, vault)
    await again.start()
    assert len(again.revoked) == 0


async def test_no_ticket_outlives_its_refusal() -> None:
    clock = Clock()
    one = office(clock, Vault())
    found = one.read(one.give("zhang", lifetime_s=30 * LONGEST_S))
    assert found is not None
    assert found.expires_at == clock.now + LONGEST_S
