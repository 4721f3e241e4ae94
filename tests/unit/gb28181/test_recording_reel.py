"""Files of a recording read one after the other, from any place, whatever became of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gb28181.recording.reel import Reel
from gb28181.recording.storage import StorageUnreachable
from media.record.projector import Strip
from media.unit import CLOCK_HZ, AccessUnit
from tests.support.recorded import START, Shelf
from tests.unit.media.samples import pictures

VIDEO, PICTURES = pictures(count=150, gop=25)
AT = START.timestamp()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, "cam")


def read(reel: Reel) -> list[tuple[float, AccessUnit]]:
    """All there is, with its civil time behind the start."""
    found: list[Strip] = []
    while strips := reel.read():
        found += strips
    return [
        (round(strip.starts - AT + unit.dts / CLOCK_HZ, 3), unit)
        for strip in found
        for unit in strip.part.units
    ]


def times(reel: Reel) -> list[float]:
    return [at for at, _ in read(reel)]


def test_files_follow_each_other(shelf: Shelf) -> None:
    shelf.put(PICTURES, VIDEO, length_s=2)
    shelf.put(PICTURES[:50], VIDEO, at_s=100)
    assert len(shelf.rows) == 4
    reel = Reel(shelf.storage)
    reel.go(shelf.rows, AT)
    expected = [*(number / 25 for number in range(150)), *(100 + n / 25 for n in range(50))]
    assert times(reel) == pytest.approx(expected, abs=0.002)
    assert reel.broken == []
    assert reel.read() == []
    assert reel.position == pytest.approx(AT + 100, abs=0.01)


def test_what_two_files_both_have_is_told(shelf: Shelf) -> None:
    shelf.put(PICTURES[:75], VIDEO)
    shelf.put(PICTURES[50:100], VIDEO, at_s=0)  # it begins with the last group of the one before
    first, second = shelf.rows
    second.start_at, second.end_at = START + timedelta(seconds=2), START + timedelta(seconds=4)
    reel = Reel(shelf.storage)
    reel.go(shelf.rows, AT)
    until = {strip.file: strip.until for strips in iter(reel.read, []) for strip in strips}
    assert until[first.path] == pytest.approx(AT + 2, abs=0.5)
    assert until[first.path] < AT + 3
    assert until[second.path] > AT + 1000


@pytest.mark.parametrize("indexed", [True, False])
def test_it_begins_with_the_key_frame_before_a_place(shelf: Shelf, indexed: bool) -> None:
    shelf.put(PICTURES, VIDEO, indexed=indexed)
    for place, first in ((0.0, 0.0), (0.99, 0.0), (3.0, 3.0), (3.7, 3.0), (5.9, 5.0), (-5, 0.0)):
        reel = Reel(shelf.storage)
        reel.go(shelf.rows, AT + place)
        found = read(reel)
        assert found[0][0] == first
        assert found[0][1].key
        assert found[-1][0] == pytest.approx(149 / 25, abs=0.001)


def test_a_place_nothing_was_recorded_at_is_the_beginning_of_what_follows(shelf: Shelf) -> None:
    shelf.put(PICTURES[:50], VIDEO)
    shelf.put(PICTURES[:50], VIDEO, at_s=100)
    reel = Reel(shelf.storage)
    reel.go(shelf.rows, AT + 50)
    assert times(reel)[0] == 100
    reel.go(shelf.rows, AT + 500)
    assert times(reel) == []


def test_a_file_that_cannot_be_read_is_left_out_and_named(shelf: Shelf) -> None:
    shelf.put(PICTURES, VIDEO, length_s=2)
    first, second, third = shelf.rows
    (shelf.folder / first.path).write_bytes(b"\0\0\0\x20ftyp")
    (shelf.folder / second.path).unlink()
    reel = Reel(shelf.storage)
    reel.go(shelf.rows, AT + 0.5)
    assert times(reel)[0] == 4
    assert [path for path, _ in reel.broken] == [first.path, second.path]
    data = bytearray((shelf.folder / third.path).read_bytes())
    place = data.rindex(b"moof") - 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    (shelf.folder / third.path).write_bytes(bytes(data))
    reel = Reel(shelf.storage)
    reel.go(shelf.rows[2:], AT)
    assert len(times(reel)) == 25  # up to the damage
    assert [path for path, _ in reel.broken] == [third.path]
    lost = [replace(one, state="lost") for one in shelf.rows]
    reel = Reel(shelf.storage)
    reel.go(lost, AT)
    assert times(reel) == []
    assert reel.broken == []


def test_a_file_that_grows_is_read_as_far_as_it_is_and_then_on(shelf: Shelf) -> None:
    shelf.put(PICTURES, VIDEO, indexed=False)
    (row,) = shelf.rows
    file = shelf.folder / row.path
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    row.state, row.end_at = "growing", row.start_at
    reel = Reel(shelf.storage)
    reel.go(shelf.rows, AT + 1.2)
    some = times(reel)
    assert some[0] == 1
    assert some[-1] < 5
    file.write_bytes(data)
    row.state, row.end_at = "done", row.start_at + timedelta(seconds=6)
    shelf.put(PICTURES[:25], VIDEO, at_s=6)
    assert reel.position == AT
    reel.renew(shelf.rows)
    more = times(reel)
    assert [*some, *more] == pytest.approx([1 + n / 25 for n in range(150)], abs=0.002)
    reel.renew(shelf.rows)
    assert times(reel) == []


def test_a_store_that_is_away_breaks_no_file(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of the reading: nothing is left out, and who comes back reads on."""
    shelf.put(PICTURES, VIDEO, length_s=2)
    reel = Reel(shelf.storage)
    away, read_file = True, shelf.storage.read

    def read_or_not(path: str, at: int, size: int) -> bytes:
        if away:
            raise StorageUnreachable("no answer")
        return read_file(path, at, size)

    monkeypatch.setattr(shelf.storage, "read", read_or_not)
    with pytest.raises(StorageUnreachable):
        reel.go(list(shelf.rows), AT)
    away = False
    reel.go(list(shelf.rows), AT)
    first = reel.read()
    away = True
    with pytest.raises(StorageUnreachable):
        times(reel)
    assert (bool(first), reel.broken) == (True, [])
