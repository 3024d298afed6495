"""Add the preferred model of a caller."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("users_anthropic", sa.Column("llm_provider", sa.String(20)))
