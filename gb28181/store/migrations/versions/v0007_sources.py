"""Cameras without SIP that an operator entered."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("source_id", sa.Text, nullable=False),
        _text("name"),
        _text("place"),
        _text("url"),
        _text("user"),
        sa.Column("password", sa.Text, nullable=True),
        _text("transport"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_id", name="pk_sources"),
    )


def downgrade() -> None:
    op.drop_table("sources")
