"""Index tool effects by age."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_tool_effects_created_at", "tool_effects", ["created_at"])
