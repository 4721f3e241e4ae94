"""What a device shows of itself in passing, such as the error of its clock."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "devices", sa.Column("observed", sa.JSON, nullable=False, server_default=sa.text("'{}'"))
    )
