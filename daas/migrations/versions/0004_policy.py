"""A policy for each application, and whether a signature covered the body of a request."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Columns that the previous release does not write may be NULL or have a default in the database.
COLUMNS: dict[str, list[sa.Column[Any]]] = {
    "application": [
        sa.Column("warn_content_md5", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("networks", sa.Text(), nullable=True),
        sa.Column("rate_limit", sa.String(100), nullable=True),
        sa.Column("explain_until", sa.DateTime(timezone=True), nullable=True),
    ],
    "request_log": [sa.Column("unbound", sa.Boolean(), nullable=True)],
}


def upgrade() -> None:
    """Add the columns, with values that change no behaviour."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column._copy())


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
