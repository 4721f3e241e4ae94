"""The machines of control with a time of their own: collecting, lock, dead man, uploads."""

from __future__ import annotations

from datetime import datetime

import pytest

from gb28181.control.collect import Collector, Patience
from gb28181.control.config import _enough, _gather
from gb28181.control.deadman import Deadman, Moving
from gb28181.control.lock import PtzLock
from gb28181.control.ptz import PtzAction, instruction_of, zoom_speed
from gb28181.control.uploads import Ticket, Uploads, file_id_of, time_of
from gb28181.manscdp import GenericMessage, read
from gb28181.manscdp.blocks import AlarmReport, BlockType, FrameMirror
from gb28181.manscdp.commands.device_config import ConfigResponse
from gb28181.manscdp.commands.preset import PresetItem, PresetResponse
from gb28181.manscdp.ptz import Lens, Move

CAMERA = "64010400001310000001"
PATIENCE = Patience(first_s=10, quiet_s=5, longest_s=30)


def page(total: int | None, *ids: int, problems: tuple[str, ...] = ()) -> PresetResponse:
    items = tuple(PresetItem(str(number)) for number in ids)
    return PresetResponse("1", CAMERA, total, items, problems)


# --- collecting -----------------------------------------------------------------------------------


def test_pages_in_any_order_and_twice() -> None:
    collector = Collector(100.0, PATIENCE)
    assert not collector.take(page(4, 3, 4), 101)
    assert not collector.take(page(4, 3, 4), 101)
    assert collector.take(page(4, 1, 2), 102)
    result = collector.result()
    assert result.complete
    assert [item.preset_id for item in result.items] == ["3", "4", "1", "2"]
    assert (result.expected, len(result.pages)) == (4, 2)


def test_silence_ends_it_with_what_there_is() -> None:
    collector = Collector(100.0, PATIENCE)
    assert collector.deadline == 110
    assert not collector.expire(109.9)
    collector.take(page(4, 1, problems=("PresetName missing",)), 109.9)
    assert collector.deadline == pytest.approx(114.9)
    assert collector.expire(114.9)
    result = collector.result()
    assert (result.complete, len(result.items)) == (False, 1)
    assert result.problems == ("PresetName missing",)
    assert collector.take(page(4, 2, 3, 4), 115)  # too late: nothing is taken any more
    assert len(collector.result().items) == 1


def test_nothing_goes_on_for_ever() -> None:
    collector = Collector(100.0, PATIENCE)
    now = 100.0
    while not collector.expire(now):
        now += 4.9
        collector.take(page(1000, int(now)), now)
        assert now < 200
    assert now == pytest.approx(130, abs=5)


def test_an_answer_without_sum_num_or_items_is_whole() -> None:
    assert Collector(0, PATIENCE).take(page(None, 1, 2), 1)
    assert Collector(0, PATIENCE).take(GenericMessage("1", CAMERA, "Response", "X"), 1)
    assert Collector(0, PATIENCE).take(page(0), 1)


def test_two_equal_items_of_one_page_are_two() -> None:
    collector = Collector(0, PATIENCE)
    assert collector.take(page(2, 7, 7), 1)
    assert collector.result().complete


def test_a_total_that_changes_counts_as_last_told() -> None:
    collector = Collector(0, PATIENCE)
    assert not collector.take(page(9, 1), 1)
    assert collector.take(page(2, 2), 2)


def test_enough_may_be_told_by_who_asks() -> None:
    collector = Collector(0, PATIENCE, enough=lambda pages: len(pages) == 2)
    same = GenericMessage("1", CAMERA, "Response", "X")
    assert not collector.take(same, 1)
    assert collector.take(same, 2)


def test_no_answer_at_all() -> None:
    collector = Collector(0, PATIENCE)
    assert collector.expire(10)
    assert not collector.heard
    assert not collector.result().complete


# --- the lock -------------------------------------------------------------------------------------


def test_one_operator_at_a_time() -> None:
    lock = PtzLock(10)
    assert lock.enter(CAMERA, "ann", 1, 0) is None
    held = lock.enter(CAMERA, "bob", 1, 9)
    assert held is not None
    assert (held.name, held.until) == ("ann", 10)
    assert lock.enter(CAMERA, "ann", 1, 9) is None
    assert lock.enter(CAMERA, "bob", 1, 18.9) is not None
    assert lock.enter(CAMERA, "bob", 1, 19) is None
    assert lock.enter("another", "ann", 1, 19) is None


def test_a_higher_rank_takes_it_over_and_a_lower_one_does_not() -> None:
    lock = PtzLock(10)
    assert lock.enter(CAMERA, "ann", 1, 0) is None
    assert lock.enter(CAMERA, "chief", 2, 1) is None
    held = lock.enter(CAMERA, "ann", 1, 2)
    assert held is not None
    assert held.name == "chief"
    assert lock.leave(CAMERA, "ann", 1, 2) is not None
    assert lock.leave(CAMERA, "chief", 2, 2) is None
    assert lock.enter(CAMERA, "ann", 1, 2) is None


def test_a_lock_that_was_asked_for_is_not_shortened_by_a_move() -> None:
    lock = PtzLock(10)
    assert lock.enter(CAMERA, "ann", 1, 0, 60) is None
    assert lock.enter(CAMERA, "ann", 1, 5) is None
    assert lock.enter(CAMERA, "bob", 1, 59) is not None
    assert lock.holder(CAMERA, 60) is None
    assert len(lock) == 0


# --- the dead man ---------------------------------------------------------------------------------


def test_each_move_ends_after_its_own_time() -> None:
    deadman = Deadman(10)
    deadman.started(CAMERA, Moving.HEAD, 0)
    deadman.started(CAMERA, Moving.LENS, 4)
    assert deadman.deadline == 10
    assert deadman.due(9.9) == []
    assert deadman.due(10) == [(CAMERA, Moving.HEAD)]
    assert deadman.due(10) == []
    assert deadman.runs(CAMERA, Moving.LENS)
    assert deadman.due(14) == [(CAMERA, Moving.LENS)]
    assert deadman.deadline is None


def test_a_new_post_counts_from_there_and_stop_ends_it() -> None:
    deadman = Deadman(10)
    deadman.started(CAMERA, Moving.HEAD, 0)
    deadman.started(CAMERA, Moving.HEAD, 8)
    assert deadman.due(17) == []
    deadman.stopped(CAMERA, Moving.HEAD)
    assert deadman.due(100) == []
    assert deadman.running() == []


# --- words ----------------------------------------------------------------------------------------


def test_zoom_has_fifteen_speeds() -> None:
    assert [zoom_speed(one) for one in (1, 17, 18, 128, 255)] == [1, 1, 2, 8, 15]
    assert {zoom_speed(one) for one in range(1, 256)} == set(range(1, 16))


def test_a_word_moves_only_its_own_axis() -> None:
    assert instruction_of(PtzAction.LEFT, 9) == Move(pan=-1, pan_speed=9)
    assert instruction_of(PtzAction.DOWN_RIGHT, 9) == Move(1, -1, 0, 9, 9)
    assert instruction_of(PtzAction.IRIS_CLOSE, 9) == Lens(iris=-1, iris_speed=9)
    assert instruction_of(PtzAction.STOP, 9) == Move()


# --- uploads --------------------------------------------------------------------------------------


def ticket(secret: str = "s", session: str = "t", wanted: int = 2, until: float = 100) -> Ticket:
    return Ticket(secret, session, CAMERA, "device", wanted, until)


def test_a_secret_opens_so_often_and_so_long() -> None:
    uploads = Uploads()
    one = ticket()
    uploads.add(one, 0)
    assert uploads.open("s", 99) is one
    assert uploads.open("S", 99) is None
    assert uploads.open("s", 100) is None
    one.taken += ["a", "b"]
    assert uploads.open("s", 1) is None
    assert one.complete


def test_the_device_may_have_brought_fewer() -> None:
    uploads = Uploads()
    changes: list[int] = []
    one = ticket()
    one.changed = lambda: changes.append(1)
    uploads.add(one, 0)
    assert not uploads.finished("other device", "t", ("f",))
    assert uploads.finished("device", "t", ("f",))
    assert changes == [1]
    assert not one.complete
    one.taken.append("a")
    assert one.complete


def test_old_permissions_are_forgotten() -> None:
    uploads = Uploads()
    uploads.add(ticket("a", "a", until=10), 0)
    uploads.add(ticket("b", "b", until=50), 20)
    assert len(uploads) == 1
    assert not uploads.finished("device", "a", ())


def test_file_names_of_devices() -> None:
    good = "64010400001320000011" + "02" + "20261122165500123" + "01"
    assert file_id_of(f"/up/{good}.jpg") == good
    assert file_id_of(good + "9") == ""
    assert file_id_of("../../etc/passwd") == ""
    assert time_of(good) == datetime(2026, 11, 22, 16, 55, 0, 123000)
    assert time_of("64010400001320000011" + "02" + "20261399165500123" + "01") is None


# --- settings -------------------------------------------------------------------------------------


def test_when_the_answer_about_settings_is_whole() -> None:
    asked = (BlockType.FRAME_MIRROR, BlockType.ALARM_REPORT)
    mirror = ConfigResponse("1", CAMERA, True, (FrameMirror(1),))
    alarm = ConfigResponse("1", CAMERA, True, (AlarmReport(1),))
    both = ConfigResponse("1", CAMERA, True, (FrameMirror(1), AlarmReport(1)))
    nothing = ConfigResponse("1", CAMERA, False)
    assert not _enough([mirror], asked)
    assert not _enough([mirror, mirror], asked)
    assert _enough([mirror, mirror, alarm], asked)
    assert _enough([both], asked)
    assert _enough([mirror, nothing], asked)


def test_a_block_under_another_name_is_taken_when_only_one_is_missing() -> None:
    body = (
        "<Response><CmdType>ConfigDownload</CmdType><SN>1</SN><DeviceID>1</DeviceID>"
        "<Cfg><MotionDetection>1</MotionDetection></Cfg>%s</Response>"
    )
    one = read((body % "").encode())
    found = _gather([one], (BlockType.ALARM_REPORT,), ())
    assert found.blocks == {BlockType.ALARM_REPORT: AlarmReport(1)}
    assert found.problems == ("AlarmReport is called Cfg",)
    two = _gather([one], (BlockType.ALARM_REPORT, BlockType.OSD_CONFIG), ())
    assert (two.blocks, len(two.missing)) == ({}, 2)
    unclear = read((body % "<Other><A>1</A></Other>").encode())
    assert _gather([unclear], (BlockType.ALARM_REPORT,), ()).blocks == {}
