"""The book of viewers: sums for users and outputs that outlast the viewers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from gb28181.session import viewers as book_module
from gb28181.session.viewers import OTHERS, UserSums, ViewerBook
from media.node import MediaNode, NodeEvent, ViewerCame, ViewerInfo, ViewerLeft, Who


class Node:
    """A media node as far as the book looks at it."""

    def __init__(self) -> None:
        self.looking: dict[str, ViewerInfo] = {}
        self.hung_up: list[tuple[str, str]] = []
        self._tell: Callable[[NodeEvent], None] = print

    def listen(self, callback: Callable[[NodeEvent], None]) -> None:
        self._tell = callback

    def viewers(self, stream_id: str | None = None) -> list[ViewerInfo]:
        return [v for v in self.looking.values() if stream_id in (None, v.stream_id)]

    async def end_viewer(self, viewer_id: str, reason: str) -> bool:
        self.hung_up.append((viewer_id, reason))
        return viewer_id in self.looking

    def comes(self, viewer_id: str, who: Who, stream_id: str = "s") -> None:
        self.looking[viewer_id] = ViewerInfo(viewer_id, stream_id, who, 0.0)
        self._tell(ViewerCame(self.looking[viewer_id]))

    def gets(self, viewer_id: str, size: int) -> None:
        self.looking[viewer_id] = replace(self.looking[viewer_id], bytes_out=size)

    def leaves(self, viewer_id: str) -> None:
        self._tell(ViewerLeft(self.looking.pop(viewer_id), "closed"))


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def book(node: Node) -> ViewerBook:
    return ViewerBook(cast(MediaNode, node))


def test_sums_outlast_the_viewers(node: Node, book: ViewerBook) -> None:
    node.comes("1", Who("flv", "zhang"))
    node.comes("2", Who("rtsp", "zhang"))
    node.comes("3", Who("flv", "li"), "t")
    node.gets("1", 100)
    node.gets("2", 50)
    node.gets("3", 7)
    node.leaves("1")
    assert book.users() == [UserSums("zhang", 1, 2, 150), UserSums("li", 1, 1, 7)]
    assert book.by_protocol() == {"rtsp": 1, "flv": 1}
    assert book.bytes_by_protocol() == {"flv": 107, "rtsp": 50}
    node.leaves("2")
    node.leaves("3")
    assert book.users() == [UserSums("zhang", 0, 2, 150), UserSums("li", 0, 1, 7)]
    assert book.bytes_by_protocol() == {"flv": 107, "rtsp": 50}
    assert book.opened == {"flv": 2, "rtsp": 1}


def test_what_the_platform_does_for_itself_is_no_viewer(node: Node, book: ViewerBook) -> None:
    node.comes("1", Who(remote="snapshot"))
    assert book.viewers() == []
    node.leaves("1")
    assert (book.users(), book.opened) == ([], {})


def test_users_beyond_the_bound_share_their_sums(
    node: Node, book: ViewerBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "MOST_USERS", 2)
    for number, name in enumerate(("a", "b", "c", "d", "a")):
        node.comes(str(number), Who("flv", name))
        node.gets(str(number), 10)
        node.leaves(str(number))
    assert {(one.user, one.opened, one.bytes_out) for one in book.users()} == {
        ("a", 2, 20),
        ("b", 1, 10),
        (OTHERS, 2, 20),
    }


async def test_all_of_a_user_or_a_ticket_are_hung_up_on(node: Node, book: ViewerBook) -> None:
    node.comes("1", Who("flv", "zhang", ticket_id="aa"))
    node.comes("2", Who("flv", "zhang"))
    node.comes("3", Who("flv", "li", ticket_id="aa"))
    assert await book.end_all(user="zhang", reason="r") == 2
    assert node.hung_up == [("1", "r"), ("2", "r")]
    assert await book.end_all(ticket_id="aa", reason="r") == 2
    assert await book.end_all(reason="r") == 0
    assert await book.end("9") is False
