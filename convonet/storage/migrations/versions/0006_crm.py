"""Create our own CRM records, and the callers of contacts here or in SuiteCRM."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "crm_contacts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("phone", sa.String(16), nullable=False, index=True),
        sa.Column("birthdate", sa.Date),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "crm_cases",
        sa.Column("id", sa.Uuid, primary_key=True),
        _contact(),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("priority", sa.String(2), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "crm_meetings",
        sa.Column("id", sa.Uuid, primary_key=True),
        _contact(),
        sa.Column("case_id", sa.Uuid, sa.ForeignKey("crm_cases.id")),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("duration_minutes", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "crm_notes",
        sa.Column("id", sa.Uuid, primary_key=True),
        _contact(),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    # no foreign key to a contact: with SuiteCRM the contacts are not in this database
    op.create_table(
        "crm_contact_owners",
        sa.Column("crm", sa.String(20), primary_key=True),
        sa.Column("contact_id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), nullable=False, index=True),
        sa.Column("created_at", TIME, nullable=False),
    )


def _contact() -> sa.Column[uuid.UUID]:
    return sa.Column("contact_id", sa.Uuid, sa.ForeignKey("crm_contacts.id"), nullable=False, index=True)
