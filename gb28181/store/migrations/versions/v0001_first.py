"""First schema: devices, registrations, channels, intervals, dialogs, users, keys, runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Text, nullable=False),
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
        _time("catalog_at"),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_devices"),
    )
    op.create_table(
        "registrations",
        sa.Column("device_id", sa.Text, nullable=False),
        _text("state"),
        _text("cause"),
        _text("transport"),
        _text("remote_host"),
        sa.Column("remote_port", sa.Integer, nullable=False),
        _text("local_host"),
        sa.Column("local_port", sa.Integer, nullable=False),
        _text("contact"),
        _text("gb_version"),
        _time("registered_at"),
        _time("expires_at"),
        _time("last_keepalive_at"),
        sa.PrimaryKeyConstraint("device_id", name="pk_registrations"),
    )


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("reported_id", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Text, nullable=True),
        _text("name"),
        sa.Column("status_on", sa.Boolean, nullable=False),
        _text("city"),
        _text("county"),
        _text("unit"),
        _text("place_step"),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("item", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("device_id", "reported_id", name="pk_channels"),
    )
    op.create_index("ix_channels_channel_id", "channels", ["channel_id"])
    op.create_table(
        "intervals",
        sa.Column("device_id", sa.Text, nullable=False),
        _time("started_at", nullable=False),
        _text("state"),
        _text("cause"),
        _time("ended_at"),
        sa.PrimaryKeyConstraint("device_id", "started_at", name="pk_intervals"),
    )
    op.create_index("ix_intervals_ended_at", "intervals", ["ended_at"])


def _dialogs() -> None:
    op.create_table(
        "dialogs",
        sa.Column("call_id", sa.Text, nullable=False),
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
        _time("opened_at", nullable=False),
        _time("closed_at"),
        sa.PrimaryKeyConstraint("call_id", name="pk_dialogs"),
    )
    op.create_index("ix_dialogs_closed_at", "dialogs", ["closed_at"])


def _accounts() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        _text("role"),
        sa.Column("disabled", sa.Boolean, nullable=False),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        _text("name"),
        _text("role"),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "kv",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_kv"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, nullable=False),
        _time("started_at", nullable=False),
        _time("alive_at", nullable=False),
        _time("ended_at"),
        _text("version"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )


def upgrade() -> None:
    _devices()
    _channels()
    _dialogs()
    _accounts()


def downgrade() -> None:
    for name in (
        "runs",
        "kv",
        "api_keys",
        "users",
        "dialogs",
        "intervals",
        "channels",
        "registrations",
        "devices",
    ):
        op.drop_table(name)
