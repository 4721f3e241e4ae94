"""Where the file of a segment is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "recording_segments",
        sa.Column("place", sa.Text, nullable=False, server_default="local"),
    )
    op.create_index(
        "ix_recording_segments_place_start_at", "recording_segments", ["place", "start_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_recording_segments_place_start_at", "recording_segments")
    op.drop_column("recording_segments", "place")
