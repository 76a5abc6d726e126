"""Applications, mailboxes with their folders and messages, and the request log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "application",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("public_key", sa.String(128), nullable=False),
        sa.Column("private_key_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("all_mailboxes", sa.Boolean(), nullable=False),
        sa.Column("require_content_md5", sa.Boolean(), nullable=False),
        sa.Column("explain_401", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_application"),
        sa.UniqueConstraint("name", name="uq_application_name"),
        sa.UniqueConstraint("public_key", name="uq_application_public_key"),
        sa.CheckConstraint("name <> ''", name="ck_application_name_not_blank"),
        sa.CheckConstraint("length(public_key) BETWEEN 16 AND 128", name="ck_application_public_key_length"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mailbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mailbox"),
        sa.UniqueConstraint("name", name="uq_mailbox_name"),
        sa.CheckConstraint("name = lower(name)", name="ck_mailbox_name_lower_case"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 64", name="ck_mailbox_name_length"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "application_service",
        sa.Column("application_id", ID, nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("application_id", "service", name="pk_application_service"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_application_service_application_id"),
    )
    op.create_table(
        "application_mailbox",
        sa.Column("application_id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "mailbox_id", name="pk_application_mailbox"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_application_mailbox_application_id"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_application_mailbox_mailbox_id"),
    )
    op.create_index("ix_application_mailbox_mailbox_id", "application_mailbox", ["mailbox_id"])
    op.create_table(
        "folder",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("standard", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_folder"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_folder_mailbox_id"),
        sa.UniqueConstraint("mailbox_id", "name", name="uq_folder_mailbox_id_name"),
        sa.UniqueConstraint("mailbox_id", "id", name="uq_folder_mailbox_id_id"),
        sa.CheckConstraint(
            "NOT standard OR name IN ('Inbox', 'Sent', 'Archived', 'Draft')", name="ck_folder_standard_name"
        ),
        sa.CheckConstraint(
            "standard OR lower(name) NOT IN ('inbox', 'sent', 'archived', 'draft')",
            name="ck_folder_custom_name_not_standard",
        ),
        sa.CheckConstraint("trim(name, '0123456789') <> ''", name="ck_folder_name_not_all_digits"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("folder_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.ForeignKeyConstraint(
            ["mailbox_id", "folder_id"], ["folder.mailbox_id", "folder.id"], name="fk_message_mailbox_id_folder_id"
        ),
        sa.UniqueConstraint("mailbox_id", "id", name="uq_message_mailbox_id_id"),
        sa.CheckConstraint("id > 0", name="ck_message_id_positive"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_folder_id_id", "message", ["folder_id", "id"])
    op.create_table(
        "message_envelope",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("message_id", sa.String(998), nullable=False),
        sa.Column("subject", sa.String(998), nullable=False),
        sa.Column("subject_folded", sa.Text(), nullable=False),
        sa.Column("sender", sa.String(998), nullable=False),
        sa.Column("sender_folded", sa.Text(), nullable=False),
        sa.Column("recipients", sa.String(998), nullable=False),
        sa.Column("date", MOMENT, nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message_envelope"),
        sa.ForeignKeyConstraint(
            ["mailbox_id", "id"], ["message.mailbox_id", "message.id"], name="fk_message_envelope_mailbox_id_id"
        ),
        sa.UniqueConstraint("mailbox_id", "digest", name="uq_message_envelope_mailbox_id_digest"),
        sa.CheckConstraint("size > 0", name="ck_message_envelope_size_positive"),
    )
    op.create_index("ix_message_envelope_mailbox_id_date_id", "message_envelope", ["mailbox_id", "date", "id"])
    op.create_table(
        "message_content",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message_content"),
        sa.ForeignKeyConstraint(["id"], ["message.id"], name="fk_message_content_id"),
    )
    op.create_table(
        "request_log",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("remote_address", sa.String(128), nullable=False),
        sa.Column("application", sa.String(128), nullable=True),
        sa.Column("service", sa.String(128), nullable=True),
        sa.Column("method", sa.String(128), nullable=False),
        sa.Column("path", sa.String(128), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(128), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("mailbox", sa.String(128), nullable=True),
        sa.Column("message", sa.String(128), nullable=True),
        sa.Column("folder", sa.String(128), nullable=True),
        sa.Column("folder_from", sa.String(128), nullable=True),
        sa.Column("folder_to", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_request_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_request_log_at", "request_log", ["at"])
    if op.get_bind().dialect.name == "sqlite":
        # SQLite makes this row only with the first id, but ids that a power cut may have lost are skipped before that.
        op.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('request_log', 0)")


def downgrade() -> None:
    """Drop all tables."""
    for table in [
        "request_log",
        "message_content",
        "message_envelope",
        "message",
        "folder",
        "application_mailbox",
        "application_service",
        "mailbox",
        "application",
    ]:
        op.drop_table(table)
