"""The store, the same tests on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from gb28181.store import (
    ChannelRecord,
    DeviceRecord,
    DialogRecord,
    IntervalRecord,
    RegistrationRecord,
    Store,
    StoreOptions,
    StoreTooNew,
    StoreUnavailable,
)
from gb28181.store.tables import UtcTime, metadata
from tests.unit.gb28181.conftest import OPTIONS

NOW = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)


def device(number: int = 1) -> DeviceRecord:
    return DeviceRecord(
        f"6401000000132000{number:04d}",
        name="学校门口",
        manufacturer="NxCam",
        password="p:w" if number % 2 else None,
        policy={"keepalive_count": 5, "reply_port": "via"},
        charsets={"verdicts": {"Catalog": "gb18030"}},
        config_warnings=["request_uri"],
        catalog_at=NOW,
        created_at=NOW,
    )


async def test_every_record_comes_back_as_it_went_in(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    registration = RegistrationRecord(
        "d",
        "online",
        "registered",
        "tcp",
        "192.0.2.7",
        5060,
        "10.0.0.1",
        5060,
        "<sip:d@10.1.1.1>",
        "3.0",
        NOW,
        NOW + timedelta(hours=1),
        NOW,
    )
    channels = [
        ChannelRecord(
            "d", "1", "1", "一号", True, "6401", "640106", "", "civil", False, True, {"a": ["学"]}
        ),
        ChannelRecord("d", "2", None, "group", False),
    ]
    intervals = [IntervalRecord("d", "online", "registered", NOW)]
    store.put_device(device())
    store.put_registration(registration)
    store.put_channels(channels)
    store.put_interval(intervals[0])
    dialog = DialogRecord(
        "call",
        "l",
        "r",
        7,
        "sip:d@1",
        "sip:p@2",
        "sip:c@3",
        "tcp",
        "192.0.2.7",
        5060,
        "10.0.0.1",
        5060,
        ["<sip:x;lr>"],
        4_000_000_000,
        30000,
        "n1",
        "s",
        "st",
        "c",
        "d",
        "live",
        "running",
        "",
        NOW,
        None,
    )
    await store.save_dialog(dialog)
    await store.aclose()

    again = await Store.open(url, tmp_path, OPTIONS)
    assert await again.load_devices() == [device()]
    assert await again.load_registrations() == [registration]
    assert sorted(await again.load_channels(), key=lambda c: c.reported_id) == channels
    assert await again.load_intervals_open() == intervals
    assert await again.load_dialogs_open() == [dialog]
    await again.aclose()


async def test_changes_are_on_disk_within_a_second_and_in_few_transactions(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    for number in range(3000):
        store.put_device(device(number))
        store.put_device(device(number))
    async with asyncio.timeout(10):
        await store.flush()
    assert store.counters.rows == 3000
    assert store.counters.transactions <= 3
    reader = await Store.open(url, tmp_path, OPTIONS)
    assert len(await reader.load_devices()) == 3000
    await reader.aclose()


async def test_secrets_are_not_readable_in_the_database(store: Store) -> None:
    await store.save_device(device(1))
    await store.vault.put("token_key", "very secret")
    async with store._engine.connect() as connection:
        tables = [metadata.tables[name] for name in ("devices", "kv")]
        dump = "".join(
            [str((await connection.execute(sa.select(table))).all()) for table in tables]
        )
    assert "NxCam" in dump
    assert "p:w" not in dump
    assert "very secret" not in dump
    assert "p:w" not in repr(device(1))


async def test_a_lost_key_file_costs_passwords_and_nothing_else(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    await store.save_device(device(1))
    await store.aclose()
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secrets.key").unlink()
    again = await Store.open(url, tmp_path, OPTIONS)
    (record,) = await again.load_devices()
    assert record.password is None
    assert record.name == "学校门口"
    await again.aclose()


async def test_a_write_through_wins_over_an_older_pending_row(store: Store) -> None:
    record = device()
    record.name = "older"
    store.put_device(record)
    newer = device()
    newer.name = "entered by an operator"
    await store.save_device(newer)
    await store.flush()
    assert [d.name for d in await store.load_devices()] == ["entered by an operator"]


async def test_deleting_a_device_takes_everything_of_it(store: Store) -> None:
    for number in (1, 2):
        record = device(number)
        store.put_device(record)
        store.put_registration(RegistrationRecord(record.device_id, "online"))
        store.put_channels([ChannelRecord(record.device_id, "1")])
        store.put_interval(IntervalRecord(record.device_id, "online", "x", NOW))
    await store.delete_device(device(1).device_id)
    await store.flush()
    left = device(2).device_id
    assert [d.device_id for d in await store.load_devices()] == [left]
    assert [d.device_id for d in await store.load_registrations()] == [left]
    assert [c.device_id for c in await store.load_channels()] == [left]
    assert [i.device_id for i in await store.load_intervals_open()] == [left]


async def test_removed_channels_go_and_others_stay(store: Store) -> None:
    store.put_channels([ChannelRecord("d", str(n), str(n)) for n in range(5)])
    await store.flush()
    store.del_channels("d", ["1", "3"])
    await store.flush()
    assert sorted(c.reported_id for c in await store.load_channels()) == ["0", "2", "4"]


async def test_intervals_are_read_with_what_happened_a_moment_ago(store: Store) -> None:
    hour = timedelta(hours=1)
    first = IntervalRecord("d", "online", "registered", NOW, NOW + hour)
    second = IntervalRecord("d", "offline", "heartbeat_missed", NOW + hour)
    store.put_interval(first)
    store.put_interval(second)
    store.put_interval(IntervalRecord("other", "online", "registered", NOW))
    found, total = await store.history.intervals("d", NOW, NOW + 5 * hour)
    assert (found, total) == ([first, second], 2)
    found, total = await store.history.intervals("d", NOW + 2 * hour, NOW + 5 * hour)
    assert (found, total) == ([second], 1)
    found, total = await store.history.intervals("d", NOW, NOW + 5 * hour, limit=1, offset=1)
    assert (found, total) == ([second], 2)
    found, total = await store.history.intervals("d", NOW - hour, NOW)
    assert (found, total) == ([], 0)


async def test_closed_dialogs_are_not_owed_a_bye(store: Store) -> None:
    await store.save_dialog(DialogRecord("a", "1"))
    await store.save_dialog(DialogRecord("b", "1"))
    await store.close_dialog("a", "viewer_left")
    assert [d.call_id for d in await store.load_dialogs_open()] == ["b"]


async def test_own_downtime_is_an_interval_of_the_platform(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    assert await store.history.begin_run("first") is None
    await store.aclose()
    again = await Store.open(url, tmp_path, OPTIONS)
    downtime = await again.history.begin_run("second")
    assert downtime is not None
    assert (downtime.device_id, downtime.cause) == ("", "platform")
    assert downtime.end is not None
    assert downtime.start < downtime.end
    found, _ = await again.history.intervals("", downtime.start, downtime.end)
    assert found == [downtime]
    await again.aclose()


async def test_retention_removes_only_what_is_old_and_closed(store: Store) -> None:
    day = timedelta(days=1)
    for age in (500, 450, 401, 399, 10):
        at = NOW - age * day
        store.put_interval(IntervalRecord("d", "online", str(age), at, at + day / 2))
    store.put_interval(IntervalRecord("d", "offline", "open", NOW - 600 * day))
    await store.save_dialog(DialogRecord("old", "1"))
    await store.close_dialog("old", "x", NOW - 500 * day)
    await store.flush()
    removed = await store.history.purge(NOW - 400 * day)
    assert removed == 4
    found, _ = await store.history.intervals("d", NOW - 900 * day, NOW)
    assert [i.cause for i in found] == ["open", "399", "10"]


async def test_retention_runs_by_itself(url: str | None, tmp_path: Path) -> None:
    options = StoreOptions(flush_interval_s=0.01, alive_interval_s=0.01, purge_first_s=0.01)
    store = await Store.open(url, tmp_path, options)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    store.put_interval(IntervalRecord("d", "online", "x", old, old + timedelta(hours=1)))
    await store.flush()
    await store.history.begin_run("r")
    async with asyncio.timeout(10):
        while (await store.history.intervals("d", old, NOW))[1]:
            await store.flush()
    await store.aclose()


async def test_users_and_keys(store: Store) -> None:
    assert await store.accounts.ensure_user("admin", lambda: "first") == "first"
    assert await store.accounts.ensure_user("admin", lambda: "second") is None
    good = await store.accounts.verify("admin", "first")
    assert good is not None
    assert good.role == "admin"
    assert await store.accounts.verify("admin", "second") is None
    assert await store.accounts.verify("nobody", "first") is None
    good.disabled = True
    await store.accounts.save_user(good)
    assert await store.accounts.verify("admin", "first") is None
    assert await store.accounts.delete_user("admin")
    assert not await store.accounts.delete_user("admin")
    await store.accounts.add_api_key("k1", "long random key", "recorder", "viewer")
    found = await store.accounts.api_key("long random key")
    assert found is not None
    assert (found.key_id, found.role) == ("k1", "viewer")
    assert await store.accounts.api_key("other") is None
    with pytest.raises(ValueError, match="in use"):
        await store.accounts.add_api_key("k2", "long random key", "x", "viewer")
    assert await store.accounts.delete_api_key("k1")
    assert await store.accounts.api_keys() == []


async def test_generated_secrets_are_made_once(store: Store) -> None:
    made = iter(["one", "two"])
    assert await store.vault.ensure("nonce", lambda: next(made)) == ("one", True)
    assert await store.vault.ensure("nonce", lambda: next(made)) == ("one", False)
    assert await store.vault.get("absent") is None


async def test_odd_bytes_of_one_device_do_not_hold_up_the_others(store: Store) -> None:
    store.put_device(DeviceRecord("a", user_agent="x\x00y", name="bad \udcff"))
    store.put_device(DeviceRecord("b", name="fine"))
    await store.flush()
    found = {d.device_id: d for d in await store.load_devices()}
    assert found["a"].user_agent == "xy"
    assert found["a"].name == "bad ?"
    assert found["b"].name == "fine"


async def test_a_row_that_can_never_be_stored_is_dropped_alone(store: Store) -> None:
    store.put_registration(RegistrationRecord("a", "online", remote_port=2**70))
    store.put_registration(RegistrationRecord("b", "online"))
    store.put_device(DeviceRecord("b"))
    await store.flush()
    assert [d.device_id for d in await store.load_registrations()] == ["b"]
    assert len(await store.load_devices()) == 1
    assert store.counters.poisoned == 1


async def test_many_write_throughs_together_are_all_durable(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    before = await store.load_dialogs_open()
    await asyncio.gather(*(store.save_dialog(DialogRecord(f"c{n}", "1")) for n in range(100)))
    reader = await Store.open(url, tmp_path, OPTIONS)
    assert len(await reader.load_dialogs_open()) == len(before) + 100
    await reader.aclose()


async def test_keepalive_times_are_written_narrowly(store: Store) -> None:
    store.put_registration(RegistrationRecord("d", "online", contact="<sip:x>"))
    await store.flush()
    await store.save_keepalives([("d", NOW), ("unknown", NOW)])
    (row,) = await store.load_registrations()
    assert (row.last_keepalive_at, row.contact) == (NOW, "<sip:x>")


async def test_a_refresh_writes_times_and_never_older_ones(store: Store) -> None:
    record = RegistrationRecord("d", "online", contact="<sip:x>", registered_at=NOW)
    store.put_registration(record)
    await store.flush()
    record.contact, record.registered_at = "<sip:y>", NOW + timedelta(seconds=1)
    store.put_refresh(record)
    await store.flush()
    (row,) = await store.load_registrations()
    assert (row.registered_at, row.contact) == (record.registered_at, "<sip:x>")

    record.registered_at = NOW + timedelta(seconds=2)
    store.put_refresh(record)
    record.state, record.expires_at = "offline", None
    store.put_registration(record)
    store.put_refresh(record)
    await store.flush()
    assert await store.load_registrations() == [record]


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=0), NOW.replace(year=987)])
def test_times_are_written_to_sqlite_as_its_own_type_writes_them(moment: datetime) -> None:
    dialect = sqlite.dialect()
    usual = sa.DateTime().dialect_impl(dialect).bind_processor(dialect)
    ours = UtcTime().bind_processor(dialect)
    assert usual is not None
    assert ours is not None
    east = moment.astimezone(timezone(timedelta(hours=8)))
    assert ours(moment) == ours(east) == usual(moment.replace(tzinfo=None))
    assert ours(None) is None


async def test_the_migrations_build_what_the_tables_say(store: Store) -> None:
    def difference(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with store._engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_opening_twice_migrates_once_and_a_newer_schema_is_refused(
    url: str | None, store: Store, tmp_path: Path
) -> None:
    await store.save_device(device())
    again = await Store.open(url, tmp_path, OPTIONS)
    assert len(await again.load_devices()) == 1
    async with again._engine.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num='9999'"))
    await again.aclose()
    with pytest.raises(StoreTooNew, match="9999"):
        await Store.open(url, tmp_path, OPTIONS)


async def test_two_processes_may_open_a_new_database_at_once(
    url: str | None, tmp_path: Path
) -> None:
    stores = await asyncio.gather(*(Store.open(url, tmp_path, OPTIONS) for _ in range(2)))
    await stores[0].save_device(device())
    assert len(await stores[1].load_devices()) == 1
    for opened in stores:
        await opened.aclose()


async def test_a_server_that_went_away_is_waited_for(server: str | None, tmp_path: Path) -> None:
    if server is None:
        pytest.skip("PostgreSQL cannot be started here")
    admin = create_async_engine(server, isolation_level="AUTOCOMMIT")

    async def run(statement: str) -> None:
        async with admin.connect() as connection:
            await connection.execute(sa.text(statement))

    await run("CREATE DATABASE away")
    store = await Store.open(server.replace("/postgres?", "/away?"), tmp_path, OPTIONS)
    await run("ALTER DATABASE away ALLOW_CONNECTIONS false")
    await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='away'")
    store.put_device(device())
    with pytest.raises(StoreUnavailable):
        await store.flush()
    assert store.waiting == 1
    await run("ALTER DATABASE away ALLOW_CONNECTIONS true")
    await store.flush()
    assert len(await store.load_devices()) == 1
    await store.aclose()
    await admin.dispose()
