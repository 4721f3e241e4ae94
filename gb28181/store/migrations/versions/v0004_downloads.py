"""Downloads: recordings that were fetched, or are being fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "downloads",
        sa.Column("download_id", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        _time("start_at", nullable=False),
        _time("end_at", nullable=False),
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
        _time("created_at", nullable=False),
        _time("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("download_id", name="pk_downloads"),
    )
    op.create_index("ix_downloads_device_id", "downloads", ["device_id"])


def downgrade() -> None:
    op.drop_table("downloads")
