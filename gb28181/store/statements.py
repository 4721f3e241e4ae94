"""Every SQL statement of the platform, built once per dialect.

They stand together so that a test can compile all of them for SQLite and for PostgreSQL. The only
dialect-dependent piece is the constructor of `INSERT ... ON CONFLICT`, which both databases know.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.selectable import Select

from gb28181.store import tables as t

_TABLES = {
    "device": t.devices,
    "registration": t.registrations,
    "channel": t.channels,
    "interval": t.intervals,
    "dialog": t.dialogs,
    "subscription": t.subscriptions,
    "alarm": t.alarms,
    "alarm_rule": t.alarm_rules,
    "position": t.positions,
    "user": t.users,
    "api_key": t.api_keys,
    "kv": t.kv,
    "run": t.runs,
}


def upsert(table: sa.Table, dialect: str) -> Insert:
    """Insert a whole row, or replace all of it but the key."""
    names = [column.name for column in table.columns if not column.primary_key]
    keys = [column.name for column in table.primary_key.columns]
    if dialect == "postgresql":
        on_postgresql = postgresql_insert(table)
        return on_postgresql.on_conflict_do_update(
            index_elements=keys, set_={name: on_postgresql.excluded[name] for name in names}
        )
    on_sqlite = sqlite_insert(table)
    return on_sqlite.on_conflict_do_update(
        index_elements=keys, set_={name: on_sqlite.excluded[name] for name in names}
    )


def upsert_alarm(dialect: str) -> Insert:
    """A new alarm; of one that is there already only the repetitions are counted on: what an
    operator noted since stays."""
    table = t.alarms
    insert = postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)
    new, old = insert.excluded, table.c
    more = sa.case((new.repeats > old.repeats, new.repeats), else_=old.repeats)
    later = sa.case((new.last_at > old.last_at, new.last_at), else_=old.last_at)
    return insert.on_conflict_do_update(
        index_elements=["alarm_id"], set_={"repeats": more, "last_at": later}
    )


def insert_new(table: sa.Table, dialect: str) -> Insert:
    """Insert a row unless its key is there already."""
    keys = [column.name for column in table.primary_key.columns]
    if dialect == "postgresql":
        return postgresql_insert(table).on_conflict_do_nothing(index_elements=keys)
    return sqlite_insert(table).on_conflict_do_nothing(index_elements=keys)


def delete(table: sa.Table) -> Delete:
    """Delete by primary key; the parameters are called `k_<column>`."""
    keys = table.primary_key.columns
    return sa.delete(table).where(*(c == sa.bindparam(f"k_{c.name}") for c in keys))


class Statements:
    """All statements for one dialect, as attributes."""

    def __init__(self, dialect: str) -> None:
        p = sa.bindparam
        i, d, r = t.intervals.c, t.dialogs.c, t.registrations.c
        self.upsert: dict[str, Insert] = {k: upsert(v, dialect) for k, v in _TABLES.items()}
        self.upsert["alarm"] = upsert_alarm(dialect)
        self.refresh: Update = (
            sa.update(t.registrations)
            .where(r.device_id == p("k_device_id"))
            .values(registered_at=p("b_registered_at"), expires_at=p("b_expires_at"))
        )
        self.delete: dict[str, Delete] = {k: delete(v) for k, v in _TABLES.items()}
        self.all: dict[str, Select[Any]] = {k: sa.select(v) for k, v in _TABLES.items()}
        self.insert_kv = insert_new(t.kv, dialect)
        self.kv_by_key = sa.select(t.kv.c.value).where(t.kv.c.key == p("key"))
        self.user_by_name = sa.select(t.users).where(t.users.c.name == p("name"))
        self.api_key_by_digest = sa.select(t.api_keys).where(t.api_keys.c.digest == p("digest"))
        self.channels_of_device = sa.delete(t.channels).where(
            t.channels.c.device_id == p("k_device_id")
        )
        self._reports()
        self.intervals_of_device = sa.delete(t.intervals).where(i.device_id == p("k_device_id"))
        self.open_intervals = sa.select(t.intervals).where(i.ended_at.is_(None))
        self.intervals_between = (
            sa.select(t.intervals)
            .where(
                i.device_id == p("device_id"),
                i.started_at < p("end", type_=t.UtcTime),
                sa.or_(i.ended_at.is_(None), i.ended_at > p("start", type_=t.UtcTime)),
            )
            .order_by(i.started_at)
            .limit(p("limit", type_=sa.Integer))
            .offset(p("offset", type_=sa.Integer))
        )
        self.count_intervals = (
            sa.select(sa.func.count())
            .select_from(t.intervals)
            .where(
                i.device_id == p("device_id"),
                i.started_at < p("end", type_=t.UtcTime),
                sa.or_(i.ended_at.is_(None), i.ended_at > p("start", type_=t.UtcTime)),
            )
        )
        self.open_dialogs = sa.select(t.dialogs).where(d.closed_at.is_(None))
        self.close_dialog: Update = (
            sa.update(t.dialogs)
            .where(d.call_id == p("k_call_id"))
            .values(state="ended", reason=p("b_reason"), closed_at=p("b_closed_at"))
        )
        self.touch_keepalive: Update = (
            sa.update(t.registrations)
            .where(r.device_id == p("k_device_id"))
            .values(last_keepalive_at=p("b_at"))
        )
        self.last_run = sa.select(t.runs).order_by(t.runs.c.started_at.desc()).limit(1)
        self.oldest_interval = sa.select(sa.func.min(i.ended_at))
        self.purge_intervals = sa.delete(t.intervals).where(i.ended_at < p("before"))
        self.purge_dialogs = sa.delete(t.dialogs).where(d.closed_at < p("before"))
        self.purge_runs = sa.delete(t.runs).where(t.runs.c.alive_at < p("before"))

    def _reports(self) -> None:
        """Subscriptions, alarms, positions."""
        p = sa.bindparam
        self.reports_of_device = tuple(
            sa.delete(table).where(table.c.device_id == p("k_device_id"))
            for table in (t.subscriptions, t.alarms, t.positions)
        )
        self.alarm_by_id = sa.select(t.alarms).where(t.alarms.c.alarm_id == p("alarm_id"))
        self.acknowledge: Update = (
            sa.update(t.alarms)
            .where(t.alarms.c.alarm_id == p("k_alarm_id"))
            .values(acknowledged_at=p("b_at"), acknowledged_by=p("b_by"), note=p("b_note"))
        )
        self.oldest_alarm = sa.select(sa.func.min(t.alarms.c.received_at))
        self.purge_alarms = sa.delete(t.alarms).where(t.alarms.c.received_at < p("before"))
        self.oldest_position = sa.select(sa.func.min(t.positions.c.received_at))
        self.purge_positions = sa.delete(t.positions).where(t.positions.c.received_at < p("before"))

    def every(self) -> dict[str, sa.sql.ClauseElement]:
        """Name -> statement, for tests."""
        found: dict[str, sa.sql.ClauseElement] = {}
        for name, value in vars(self).items():
            if isinstance(value, dict):
                found.update({f"{name}[{key}]": inner for key, inner in value.items()})
            elif isinstance(value, tuple):
                found.update({f"{name}[{at}]": inner for at, inner in enumerate(value)})
            else:
                found[name] = value
        return found
