"""The buffer in front of the database: coalescing, order, give-back, bounds."""

from datetime import UTC, datetime

from gb28181.store.pending import Pending
from gb28181.store.records import ChannelRecord, DeviceRecord, IntervalRecord

T0 = datetime(2026, 3, 1, tzinfo=UTC)
T1 = datetime(2026, 3, 2, tzinfo=UTC)


def test_two_changes_of_a_row_are_one_write() -> None:
    pending = Pending(10)
    pending.put("device", ("a",), DeviceRecord("a", name="old"))
    pending.put("device", ("a",), DeviceRecord("a", name="new"))
    batch = pending.take(10)
    assert [v.name for v in batch.puts("device") if isinstance(v, DeviceRecord)] == ["new"]
    assert len(pending) == 0


def test_a_deletion_replaces_a_put_and_the_other_way_round() -> None:
    pending = Pending(10)
    pending.put("channel", ("d", "c"), ChannelRecord("d", "c"))
    pending.put("channel", ("d", "c"), None)
    batch = pending.take(10)
    assert batch.deletes("channel") == [("d", "c")]
    assert batch.puts("channel") == []


def test_what_failed_comes_back_but_never_over_something_newer() -> None:
    pending = Pending(10)
    pending.put("device", ("a",), DeviceRecord("a", name="first"))
    pending.put("device", ("b",), DeviceRecord("b", name="first"))
    failed = pending.take(10)
    pending.put("device", ("a",), DeviceRecord("a", name="second"))
    pending.give_back(failed)
    names = {v.device_id: v.name for v in pending.take(10).puts("device") if v}  # type: ignore[union-attr]
    assert names == {"a": "second", "b": "first"}
    assert len(pending) == 0


def test_a_write_through_makes_older_entries_worthless_and_keeps_newer_ones() -> None:
    pending = Pending(10)
    pending.put("device", ("a",), DeviceRecord("a", name="old"))
    at = pending.sequence
    pending.put("device", ("b",), DeviceRecord("b", name="newer"))
    pending.forget("device", ("a",), at)
    pending.forget("device", ("b",), at)
    assert [v.device_id for v in pending.take(10).puts("device") if v] == ["b"]  # type: ignore[union-attr]


def test_forgetting_a_device_takes_its_channels_along() -> None:
    pending = Pending(10)
    for device in ("a", "b"):
        pending.put("device", (device,), DeviceRecord(device))
        pending.put("channel", (device, "1"), ChannelRecord(device, "1"))
        pending.put("interval", (device, T0), IntervalRecord(device, "online", "x", T0))
    pending.forget_device("a", pending.sequence)
    batch = pending.take(10)
    assert {key for kind in batch.entries.values() for key in kind} == {
        ("b",),
        ("b", "1"),
        ("b", T0),
    }


def test_when_full_the_oldest_closed_interval_makes_room_first() -> None:
    pending = Pending(3)
    pending.put("interval", ("a", T0), IntervalRecord("a", "online", "x", T0))
    pending.put("interval", ("b", T0), IntervalRecord("b", "online", "x", T0, T1))
    pending.put("interval", ("c", T0), IntervalRecord("c", "online", "x", T0, T1))
    pending.put("device", ("d",), DeviceRecord("d"))
    assert pending.dropped == 1
    batch = pending.take(10)
    assert set(batch.entries["interval"]) == {("a", T0), ("c", T0)}
    assert len(batch.puts("device")) == 1


def test_when_full_of_rows_that_matter_a_new_row_is_refused_and_counted() -> None:
    pending = Pending(2)
    pending.put("device", ("a",), DeviceRecord("a"))
    pending.put("device", ("b",), DeviceRecord("b"))
    pending.put("device", ("c",), DeviceRecord("c"))
    assert pending.dropped == 1
    pending.put("device", ("a",), DeviceRecord("a", name="still taken"))
    assert {v.name for v in pending.take(9).puts("device") if v} == {"still taken", ""}  # type: ignore[union-attr]


def test_portions_go_oldest_first() -> None:
    pending = Pending(100)
    for number in range(10):
        pending.put("device", (str(number),), DeviceRecord(str(number)))
    pending.put("device", ("0",), DeviceRecord("0"))
    first = [v.device_id for v in pending.take(4).puts("device") if v]  # type: ignore[union-attr]
    rest = [v.device_id for v in pending.take(100).puts("device") if v]  # type: ignore[union-attr]
    assert first == ["1", "2", "3", "4"]
    assert rest == ["5", "6", "7", "8", "9", "0"]
