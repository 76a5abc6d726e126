"""Lists of applications, and their contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXTS = (
    "name",
    "first_name",
    "last_name",
    "company",
    "address",
    "city",
    "state",
    "country",
    "zip_code",
    "phone",
    "dob",
)


def upgrade() -> None:
    """Create the tables of lists and contacts."""
    op.create_table(
        "list_counter",
        sa.Column("application_id", ID, autoincrement=False, nullable=False),
        sa.Column("last_list", ID, nullable=False),
        sa.PrimaryKeyConstraint("application_id", name="pk_list_counter"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_list_counter_application_id"),
    )
    op.create_table(
        "contact_list",
        sa.Column("id", ID, nullable=False),
        sa.Column("application_id", ID, nullable=False),
        sa.Column("number", ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("last_contact", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contact_list"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_contact_list_application_id"),
        sa.UniqueConstraint("application_id", "number", name="uq_contact_list_application_id_number"),
        sa.CheckConstraint("name <> ''", name="ck_contact_list_name_not_blank"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contact",
        sa.Column("list_id", ID, autoincrement=False, nullable=False),
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("email_address", sa.String(255), nullable=False),
        sa.Column("email_folded", sa.Text(), nullable=False),
        *(sa.Column(name, sa.String(255), nullable=False) for name in TEXTS),
        sa.PrimaryKeyConstraint("list_id", "number", name="pk_contact"),
        sa.ForeignKeyConstraint(["list_id"], ["contact_list.id"], name="fk_contact_list_id"),
        sa.UniqueConstraint("list_id", "email_folded", name="uq_contact_list_id_email_folded"),
    )


def downgrade() -> None:
    """Drop the tables of lists and contacts with all their rows."""
    for table in ["contact", "contact_list", "list_counter"]:
        op.drop_table(table)
