"""Recordings of the platform: plans, who is recorded, segments, gaps, exports."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "recording_plans",
        sa.Column("plan_id", sa.Text, nullable=False),
        _text("name"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("week", sa.JSON, nullable=False),
        _time("created_at", nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name="pk_recording_plans"),
    )
    op.create_table(
        "recording_channels",
        sa.Column("channel_id", sa.Text, nullable=False),
        _text("plan_id"),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        _time("until_at", nullable=True),
        sa.PrimaryKeyConstraint("channel_id", name="pk_recording_channels"),
    )
    op.create_table(
        "recording_segments",
        sa.Column("segment_id", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        _time("start_at", nullable=False),
        _time("end_at", nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        _text("video"),
        _text("audio"),
        _text("state"),
        _text("reason"),
        sa.Column("protected", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", name="pk_recording_segments"),
    )
    op.create_index(
        "ix_recording_segments_channel_id_start_at",
        "recording_segments",
        ["channel_id", "start_at"],
    )
    op.create_index("ix_recording_segments_start_at", "recording_segments", ["start_at"])
    _gaps_and_exports()


def _gaps_and_exports() -> None:
    op.create_table(
        "recording_gaps",
        sa.Column("channel_id", sa.Text, nullable=False),
        _time("start_at", nullable=False),
        _time("end_at", nullable=True),
        _text("cause"),
        sa.PrimaryKeyConstraint("channel_id", "start_at", name="pk_recording_gaps"),
    )
    op.create_table(
        "recording_exports",
        sa.Column("export_id", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Text, nullable=False),
        _time("start_at", nullable=False),
        _time("end_at", nullable=False),
        _text("state"),
        _text("message"),
        sa.Column("size", sa.BigInteger, nullable=False),
        _text("sha256"),
        sa.Column("duration_s", sa.Float, nullable=False),
        _time("created_at", nullable=False),
        _time("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("export_id", name="pk_recording_exports"),
    )


def downgrade() -> None:
    for name in ("exports", "gaps", "segments", "channels", "plans"):
        op.drop_table(f"recording_{name}")
