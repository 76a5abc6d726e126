"""Several keys for an application.

`application` keeps one of them in its own columns, which the previous release reads. The next release may drop these
columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table, with the existing key of each application."""
    op.create_table(
        "application_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("application_id", ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("public_key", sa.String(128), nullable=False),
        sa.Column("private_key_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_application_key"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_application_key_application_id"),
        sa.UniqueConstraint("application_id", "name", name="uq_application_key_application_id_name"),
        sa.UniqueConstraint("public_key", name="uq_application_key_public_key"),
        sa.CheckConstraint("length(public_key) BETWEEN 16 AND 128", name="ck_application_key_public_key_length"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO application_key (application_id, name, public_key, private_key_encrypted) "
        "SELECT id, '1', public_key, private_key_encrypted FROM application ORDER BY id"
    )


def downgrade() -> None:
    """Drop the table; each application keeps the key in its own columns."""
    op.drop_table("application_key")
