"""The schema, as SQLAlchemy Core tables; the migrations build the same and a test compares them.

Portable on purpose: no column type or constraint that only SQLite or only PostgreSQL knows. There
are no foreign keys, because rows are written behind, coalesced and in batches by one owner; a
missing parent must cost a log line, never a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


def _text_of(value: datetime | None) -> str | None:
    if value is None:
        return None
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]


class UtcTime(TypeDecorator[datetime]):
    """An instant: `timestamptz` where it exists, a naive UTC time stamp in SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """For SQLite the text SQLAlchemy writes, made in a third of its time: most rows of a batch
        are mostly times."""
        return _text_of if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value if value.tzinfo is UTC else value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, *, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


devices = sa.Table(
    "devices",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    _text("name"),
    sa.Column("name_fixed", sa.Boolean, nullable=False),
    _text("manufacturer"),
    _text("model"),
    _text("firmware"),
    _text("user_agent"),
    sa.Column("password", sa.Text, nullable=True),
    sa.Column("approved", sa.Boolean, nullable=False),
    _text("origin"),
    sa.Column("policy", sa.JSON, nullable=False),
    sa.Column("charsets", sa.JSON, nullable=False),
    sa.Column("config_warnings", sa.JSON, nullable=False),
    sa.Column("observed", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("catalog_at", UtcTime, nullable=True),
    sa.Column("created_at", UtcTime, nullable=False),
)

registrations = sa.Table(
    "registrations",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    _text("state"),
    _text("cause"),
    _text("transport"),
    _text("remote_host"),
    sa.Column("remote_port", sa.Integer, nullable=False),
    _text("local_host"),
    sa.Column("local_port", sa.Integer, nullable=False),
    _text("contact"),
    _text("gb_version"),
    sa.Column("registered_at", UtcTime, nullable=True),
    sa.Column("expires_at", UtcTime, nullable=True),
    sa.Column("last_keepalive_at", UtcTime, nullable=True),
)

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("reported_id", sa.Text, primary_key=True),
    sa.Column("channel_id", sa.Text, nullable=True, index=True),
    _text("name"),
    sa.Column("status_on", sa.Boolean, nullable=False),
    _text("city"),
    _text("county"),
    _text("unit"),
    _text("place_step"),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
    sa.Column("item", sa.JSON, nullable=False),
)

intervals = sa.Table(
    "intervals",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("started_at", UtcTime, primary_key=True),
    _text("state"),
    _text("cause"),
    sa.Column("ended_at", UtcTime, nullable=True, index=True),
)

dialogs = sa.Table(
    "dialogs",
    metadata,
    sa.Column("call_id", sa.Text, primary_key=True),
    _text("local_tag"),
    _text("remote_tag"),
    sa.Column("cseq", sa.BigInteger, nullable=False),
    _text("remote_target"),
    _text("local_uri"),
    _text("remote_uri"),
    _text("transport"),
    _text("remote_host"),
    sa.Column("remote_port", sa.Integer, nullable=False),
    _text("local_host"),
    sa.Column("local_port", sa.Integer, nullable=False),
    sa.Column("route_set", sa.JSON, nullable=False),
    sa.Column("ssrc", sa.BigInteger, nullable=False),
    sa.Column("media_port", sa.Integer, nullable=False),
    _text("node"),
    _text("session_id"),
    _text("stream_id"),
    _text("channel_id"),
    _text("device_id"),
    _text("kind"),
    _text("state"),
    _text("reason"),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime, nullable=True, index=True),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("wanted", sa.Boolean, nullable=True),
    sa.Column("settings", sa.JSON, nullable=False),
    _text("state"),
    _text("reason"),
    _text("event"),
    _text("call_id"),
    _text("local_tag"),
    _text("remote_tag"),
    sa.Column("cseq", sa.BigInteger, nullable=False),
    _text("remote_target"),
    _text("local_uri"),
    _text("remote_uri"),
    sa.Column("route_set", sa.JSON, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=True),
)

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("alarm_id", sa.Text, primary_key=True),
    sa.Column("device_id", sa.Text, nullable=False, index=True),
    _text("reported_id"),
    sa.Column("channel_id", sa.Text, nullable=False, server_default="", index=True),
    sa.Column("alarm_at", UtcTime, nullable=False, index=True),
    sa.Column("received_at", UtcTime, nullable=False, index=True),
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("priority", sa.Integer, nullable=True),
    sa.Column("method", sa.Integer, nullable=True),
    _text("methods"),
    sa.Column("type", sa.Integer, nullable=True),
    sa.Column("event_type", sa.Integer, nullable=True),
    _text("device_time"),
    _text("time_source"),
    _text("description"),
    sa.Column("longitude", sa.Float, nullable=True),
    sa.Column("latitude", sa.Float, nullable=True),
    _text("sn"),
    sa.Column("repeats", sa.Integer, nullable=False),
    sa.Column("acknowledged_at", UtcTime, nullable=True),
    _text("acknowledged_by"),
    _text("note"),
)

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("reported_id", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, primary_key=True),
    sa.Column("received_at", UtcTime, nullable=False, index=True),
    sa.Column("longitude", sa.Float, nullable=False),
    sa.Column("latitude", sa.Float, nullable=False),
    sa.Column("speed", sa.Float, nullable=True),
    sa.Column("direction", sa.Float, nullable=True),
    sa.Column("altitude", sa.Float, nullable=True),
    sa.Column("height", sa.Float, nullable=True),
    _text("system"),
)

alarm_rules = sa.Table(
    "alarm_rules",
    metadata,
    sa.Column("rule_id", sa.Text, primary_key=True),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("matching", sa.JSON, nullable=False),
    sa.Column("actions", sa.JSON, nullable=False),
    sa.Column("secret", sa.Text, nullable=True),
    sa.Column("cooldown_s", sa.Float, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("snapshot_id", sa.Text, primary_key=True),
    _text("channel_id"),
    _text("device_id"),
    sa.Column("taken_at", UtcTime, nullable=False),
    _text("source"),
    _text("file_id"),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Index(None, "channel_id", "taken_at"),
)

upgrades = sa.Table(
    "upgrades",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("device_id", sa.Text, nullable=False, server_default="", index=True),
    _text("firmware"),
    _text("file_url"),
    _text("state"),
    _text("failure"),
    _text("running_firmware"),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=True),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    _text("role"),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    _text("name"),
    _text("role"),
    sa.Column("created_at", UtcTime, nullable=False),
)

kv = sa.Table(
    "kv",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("alive_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=True),
    _text("version"),
)

downloads = sa.Table(
    "downloads",
    metadata,
    sa.Column("download_id", sa.Text, primary_key=True),
    sa.Column("channel_id", sa.Text, nullable=False),
    sa.Column("device_id", sa.Text, nullable=False, index=True),
    sa.Column("start_at", UtcTime, nullable=False),
    sa.Column("end_at", UtcTime, nullable=False),
    sa.Column("speed", sa.Integer, nullable=False),
    _text("transport"),
    _text("state"),
    _text("reason"),
    _text("message"),
    sa.Column("position", sa.Float, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    _text("sha256"),
    sa.Column("duration_s", sa.Float, nullable=False),
    _text("video"),
    _text("audio"),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=True),
)

recording_plans = sa.Table(
    "recording_plans",
    metadata,
    sa.Column("plan_id", sa.Text, primary_key=True),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("week", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

recording_channels = sa.Table(
    "recording_channels",
    metadata,
    sa.Column("channel_id", sa.Text, primary_key=True),
    _text("plan_id"),
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("until_at", UtcTime, nullable=True),
)

recording_segments = sa.Table(
    "recording_segments",
    metadata,
    sa.Column("segment_id", sa.Text, primary_key=True),
    sa.Column("channel_id", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("start_at", UtcTime, nullable=False, index=True),
    sa.Column("end_at", UtcTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("duration_s", sa.Float, nullable=False),
    _text("video"),
    _text("audio"),
    _text("state"),
    _text("reason"),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("place", sa.Text, nullable=False, server_default="local"),
    sa.Index(None, "channel_id", "start_at"),
    sa.Index(None, "place", "start_at"),
)

recording_gaps = sa.Table(
    "recording_gaps",
    metadata,
    sa.Column("channel_id", sa.Text, primary_key=True),
    sa.Column("start_at", UtcTime, primary_key=True),
    sa.Column("end_at", UtcTime, nullable=True),
    _text("cause"),
)

recording_exports = sa.Table(
    "recording_exports",
    metadata,
    sa.Column("export_id", sa.Text, primary_key=True),
    sa.Column("channel_id", sa.Text, nullable=False),
    sa.Column("start_at", UtcTime, nullable=False),
    sa.Column("end_at", UtcTime, nullable=False),
    _text("state"),
    _text("message"),
    sa.Column("size", sa.BigInteger, nullable=False),
    _text("sha256"),
    sa.Column("duration_s", sa.Float, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=True),
)


sources = sa.Table(
    "sources",
    metadata,
    sa.Column("source_id", sa.Text, primary_key=True),
    _text("name"),
    _text("place"),
    _text("url"),
    _text("user"),
    sa.Column("password", sa.Text, nullable=True),
    _text("transport"),
    sa.Column("created_at", UtcTime, nullable=False),
)


pushes = sa.Table(
    "pushes",
    metadata,
    sa.Column("push_id", sa.Text, primary_key=True),
    _text("channel_id"),
    _text("stream"),
    _text("target"),
    sa.Column("url", sa.Text, nullable=True),
    sa.Column("created_at", UtcTime, nullable=False),
)
