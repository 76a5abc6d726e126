"""What is found in a message, the previous folder, rows of batches, idempotency keys, and the log's two indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOVES = sa.text("folder_from <> folder_to")
PRUNES = sa.text("act = 'request prune'")

#: The indexes that PostgreSQL builds before the migration's transaction, while servers write to the table.
BUILT_BEFORE = {
    "ix_request_log_application_id": "request_log (application, id)",
    "ix_request_log_message_id": f"request_log (message, id) WHERE {MOVES}",
}


def upgrade() -> None:
    """Create the tables, columns and indexes."""
    op.add_column("message", sa.Column("previous_folder_id", ID, nullable=True))
    op.add_column("message_envelope", sa.Column("attachments", sa.Integer(), nullable=True))
    op.add_column("request_log", sa.Column("batch", ID, nullable=True))
    # On PostgreSQL they are there already, if the table had rows: see BUILT_BEFORE.
    op.create_index("ix_request_log_application_id", "request_log", ["application", "id"], if_not_exists=True)
    op.create_index(
        "ix_request_log_message_id",
        "request_log",
        ["message", "id"],
        sqlite_where=MOVES,
        postgresql_where=MOVES,
        if_not_exists=True,
    )
    op.create_table(
        "message_parts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message_parts"),
        sa.ForeignKeyConstraint(["id"], ["message.id"], name="fk_message_parts_id"),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("application_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("application_id", "key", name="pk_idempotency_key"),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name="fk_idempotency_key_application_id",
            ondelete="CASCADE",  # Removing an application removes its keys.
        ),
    )
    op.create_index("ix_idempotency_key_at", "idempotency_key", ["at"])
    op.create_index("ix_audit_prune_id", "audit", ["id"], sqlite_where=PRUNES, postgresql_where=PRUNES)


def downgrade() -> None:
    """Remove the tables, columns and indexes."""
    op.drop_index("ix_audit_prune_id", "audit")
    op.drop_table("idempotency_key")
    op.drop_table("message_parts")
    op.drop_index("ix_request_log_message_id", "request_log")
    op.drop_index("ix_request_log_application_id", "request_log")
    for table, column in (
        ("request_log", "batch"),
        ("message_envelope", "attachments"),
        ("message", "previous_folder_id"),
    ):
        op.drop_column(table, column)
