"""What devices report: subscriptions, alarms with their rules, positions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
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
        _time("expires_at"),
        sa.PrimaryKeyConstraint("device_id", "kind", name="pk_subscriptions"),
    )


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        _text("reported_id"),
        _text("channel_id"),
        _time("alarm_at", nullable=False),
        _time("received_at", nullable=False),
        _time("last_at", nullable=False),
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
        _time("acknowledged_at"),
        _text("acknowledged_by"),
        _text("note"),
        sa.PrimaryKeyConstraint("alarm_id", name="pk_alarms"),
    )
    for column in ("device_id", "channel_id", "alarm_at", "received_at"):
        op.create_index(f"ix_alarms_{column}", "alarms", [column])
    op.create_table(
        "alarm_rules",
        sa.Column("rule_id", sa.Text, nullable=False),
        _text("name"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("matching", sa.JSON, nullable=False),
        sa.Column("actions", sa.JSON, nullable=False),
        sa.Column("secret", sa.Text, nullable=True),
        sa.Column("cooldown_s", sa.Float, nullable=False),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name="pk_alarm_rules"),
    )


def _positions() -> None:
    op.create_table(
        "positions",
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("reported_id", sa.Text, nullable=False),
        _time("at", nullable=False),
        _time("received_at", nullable=False),
        sa.Column("longitude", sa.Float, nullable=False),
        sa.Column("latitude", sa.Float, nullable=False),
        sa.Column("speed", sa.Float, nullable=True),
        sa.Column("direction", sa.Float, nullable=True),
        sa.Column("altitude", sa.Float, nullable=True),
        sa.Column("height", sa.Float, nullable=True),
        _text("system"),
        sa.PrimaryKeyConstraint("device_id", "reported_id", "at", name="pk_positions"),
    )
    op.create_index("ix_positions_received_at", "positions", ["received_at"])


def upgrade() -> None:
    _subscriptions()
    _alarms()
    _positions()


def downgrade() -> None:
    for name in ("positions", "alarm_rules", "alarms", "subscriptions"):
        op.drop_table(name)
