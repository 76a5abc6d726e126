"""Seals over the request log and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "seal",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("log", sa.String(16), nullable=False),
        sa.Column("format", sa.SmallInteger(), nullable=False),
        sa.Column("after_id", ID, nullable=False),
        sa.Column("through_id", ID, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seal"),
    )
    op.create_table(
        "seal_marks",
        sa.Column("seal_id", ID, autoincrement=False, nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seal_id", name="pk_seal_marks"),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"], name="fk_seal_marks_seal_id"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("seal_marks")
    op.drop_table("seal")
