"""Create the desks' telephones, the call log and the call-backs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("staff_accounts", sa.Column("extension", sa.String(20)))
    op.add_column("staff_accounts", sa.Column("departments", sa.String(200)))
    op.add_column("staff_accounts", sa.Column("sip_ha1", sa.String(32)))
    op.create_table(
        "hand_overs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("caller_name", sa.String(200), nullable=False),
        sa.Column("department", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("desk", sa.String(64), index=True),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("connected_at", TIME),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("why", sa.String(40)),
        sa.Column("notes", sa.Text),
        sa.Column("talk", sa.Text),
    )
    op.create_table(
        "call_backs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("transfer_id", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("caller_name", sa.String(200), nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("department", sa.String(40), nullable=False, index=True),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("done_at", TIME),
        sa.Column("done_by", sa.String(64)),
    )
