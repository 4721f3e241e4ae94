"""What came of commands: pictures and upgrades. Later than 0003, which was ready first."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("snapshot_id", sa.Text, nullable=False),
        _text("channel_id"),
        _text("device_id"),
        _time("taken_at"),
        _text("source"),
        _text("file_id"),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_channel_id_taken_at", "snapshots", ["channel_id", "taken_at"])
    op.create_table(
        "upgrades",
        sa.Column("session_id", sa.Text, nullable=False),
        _text("device_id"),
        _text("firmware"),
        _text("file_url"),
        _text("state"),
        _text("failure"),
        _text("running_firmware"),
        _time("started_at"),
        _time("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("session_id", name="pk_upgrades"),
    )
    op.create_index("ix_upgrades_device_id", "upgrades", ["device_id"])


def downgrade() -> None:
    op.drop_table("upgrades")
    op.drop_table("snapshots")
