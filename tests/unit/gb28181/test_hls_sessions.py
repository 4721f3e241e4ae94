"""Session tickets of HLS: what opens which session, and when it is over."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection

from gb28181.api.hls_sessions import HlsSessions

PLACE = "live/34020000001320000001/main"


class Player:
    """A `media.node.HlsViewer` as far as sessions look at it."""

    def __init__(self) -> None:
        self.remote = ""
        self.bytes_out = 0
        self.end_reason: str | None = None

    async def playlist(self, *_: Any) -> str:
        return ""

    async def init(self, number: int) -> bytes:
        return b""

    async def segment(self, number: int) -> bytes:
        return b""

    async def part(self, number: int, index: int) -> bytes:
        return b""

    async def aclose(self) -> None:
        self.end_reason = "closed"


def asks(query: str = "", host: str = "10.0.0.1", **headers: str) -> HTTPConnection:
    scope = {
        "type": "http",
        "query_string": query.encode(),
        "client": (host, 40000),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    return HTTPConnection(scope)


def test_a_ticket_opens_its_place_and_no_other() -> None:
    sessions = HlsSessions()
    session = sessions.add(asks("ticket=t"), PLACE, Player())
    assert len(session.ticket) == 32
    assert sessions.find(session.ticket, PLACE) is session
    assert sessions.find(session.ticket, PLACE.replace("main", "sub")) is None
    for other in (None, "", "t", session.ticket[:-1], session.ticket.upper() + "x"):
        assert sessions.find(other, PLACE) is None


def test_who_opened_it_may_reload_it() -> None:
    sessions = HlsSessions()
    session = sessions.add(asks("ticket=t"), PLACE, Player())
    assert sessions.opened_by(asks("ticket=t&_HLS_msn=4", host="10.9.9.9"), PLACE) is session
    assert sessions.opened_by(asks("ticket=u"), PLACE) is None
    assert sessions.opened_by(asks("ticket=t&audio=off"), PLACE) is None
    assert sessions.opened_by(asks("ticket=t"), PLACE.replace("main", "sub")) is None
    assert sessions.opened_by(asks(), PLACE) is None


def test_a_header_counts_with_the_host_it_comes_from() -> None:
    sessions = HlsSessions()
    session = sessions.add(asks(authorization="Bearer a"), PLACE, Player())
    assert sessions.opened_by(asks(authorization="Bearer a"), PLACE) is session
    assert sessions.opened_by(asks(authorization="Bearer b"), PLACE) is None
    assert sessions.opened_by(asks(authorization="Bearer a", host="10.0.0.2"), PLACE) is None
    assert sessions.opened_by(asks("ticket=", authorization="Bearer a"), PLACE) is None


def test_a_player_that_left_is_forgotten() -> None:
    sessions = HlsSessions()
    players = [Player() for _ in range(5)]
    made = [sessions.add(asks(f"ticket={n}"), PLACE, p) for n, p in enumerate(players)]
    players[0].end_reason = "left"
    assert sessions.find(made[0].ticket, PLACE) is None
    players[1].end_reason = "left"
    assert sessions.opened_by(asks("ticket=1"), PLACE) is None
    players[2].end_reason = players[3].end_reason = "left"
    again = sessions.add(asks("ticket=2"), PLACE, Player())
    assert len(sessions) == 2, "those that are over go when another one comes"
    assert sessions.opened_by(asks("ticket=2"), PLACE) is again
    assert sessions.find(made[4].ticket, PLACE) is made[4]
