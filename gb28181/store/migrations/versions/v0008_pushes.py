"""Streams that an operator has brought to other servers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "pushes",
        sa.Column("push_id", sa.Text, nullable=False),
        _text("channel_id"),
        _text("stream"),
        _text("target"),
        sa.Column("url", sa.Text, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("push_id", name="pk_pushes"),
    )


def downgrade() -> None:
    op.drop_table("pushes")
