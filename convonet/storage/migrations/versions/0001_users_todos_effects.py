"""Create users and todos as in the replaced deployment, and the results of tools' effects.

In its database the first two exist already, with rows; they stay unchanged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create missing tables."""
    present = sa.inspect(op.get_bind()).get_table_names()
    if "users_anthropic" not in present:
        op.create_table(
            "users_anthropic",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("email", sa.String(255), nullable=False, unique=True),
            sa.Column("username", sa.String(100), nullable=False, unique=True),
            sa.Column("password_hash", sa.String(255), nullable=False),
            sa.Column("first_name", sa.String(100), nullable=False),
            sa.Column("last_name", sa.String(100), nullable=False),
            sa.Column("voice_pin", sa.String(10), unique=True),
            sa.Column("is_active", sa.Boolean, nullable=False),
            sa.Column("is_verified", sa.Boolean, nullable=False),
            sa.Column("created_at", TIME, nullable=False),
            sa.Column("updated_at", TIME, nullable=False),
            sa.Column("last_login_at", TIME),
        )
    if "todos_anthropic" not in present:
        op.create_table(
            "todos_anthropic",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("created_at", TIME, nullable=False),
            sa.Column("updated_at", TIME, nullable=False),
            sa.Column("title", sa.String, nullable=False),
            sa.Column("description", sa.String),
            sa.Column("completed", sa.Boolean, nullable=False),
            sa.Column("priority", sa.String(20), nullable=False),
            sa.Column("due_date", TIME),
            sa.Column("google_calendar_event_id", sa.String(255)),
            sa.Column("creator_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), index=True),
            sa.Column("assignee_id", sa.Uuid, sa.ForeignKey("users_anthropic.id")),
            sa.Column("team_id", sa.Uuid),
            sa.Column("is_private", sa.Boolean, nullable=False),
        )
    op.create_table(
        "tool_effects",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
