"""Identifiers: unique, long enough, drawn by the block."""

from __future__ import annotations

from sip.ids import IdSource


def test_ids_are_sixteen_digits_and_never_repeat() -> None:
    source = IdSource()
    ids = {source() for _ in range(5_000)}
    assert len(ids) == 5_000
    assert {len(i) for i in ids} == {16}
    int("".join(ids), 16)


def test_random_bytes_are_fetched_by_the_block() -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return bytes(range(256)) * (count // 256)

    source = IdSource(random_bytes)
    assert [source() for _ in range(3)] == [
        "0001020304050607",
        "08090a0b0c0d0e0f",
        "1011121314151617",
    ]
    assert len(asked) == 1
