"""Create reminders, calendar events and teams.

The replaced deployment has these tables, but without owners of reminders and events: they get a column for the owner,
which stays empty in existing rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create missing tables."""
    present = sa.inspect(op.get_bind()).get_table_names()
    if "teams_anthropic" not in present:
        op.create_table(
            "teams_anthropic",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("name", sa.String(200), nullable=False),
            sa.Column("description", sa.String),
            sa.Column("is_active", sa.Boolean, nullable=False),
            sa.Column("created_at", TIME, nullable=False),
            sa.Column("updated_at", TIME, nullable=False),
        )
    if "team_memberships_anthropic" not in present:
        op.create_table(
            "team_memberships_anthropic",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("team_id", sa.Uuid, sa.ForeignKey("teams_anthropic.id"), nullable=False),
            sa.Column("user_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), nullable=False),
            sa.Column("role", sa.String(20), nullable=False),
            sa.Column("joined_at", TIME, nullable=False),
            sa.Column("updated_at", TIME, nullable=False),
            sa.UniqueConstraint("team_id", "user_id"),
        )
    if "reminders_anthropic" not in present:
        op.create_table(
            "reminders_anthropic",
            *_always(),
            sa.Column("reminder_text", sa.String, nullable=False),
            sa.Column("importance", sa.String(20), nullable=False),
            sa.Column("reminder_date", TIME),
            _owner_of_new_table(),
        )
    if "calendar_events_anthropic" not in present:
        op.create_table(
            "calendar_events_anthropic",
            *_always(),
            sa.Column("title", sa.String, nullable=False),
            sa.Column("description", sa.String),
            sa.Column("event_from", TIME, nullable=False),
            sa.Column("event_to", TIME, nullable=False),
            _owner_of_new_table(),
        )
    _give_owners()
    for table, column in (
        ("team_memberships_anthropic", "user_id"),
        ("reminders_anthropic", "user_id"),
        ("calendar_events_anthropic", "user_id"),
        ("todos_anthropic", "assignee_id"),
        ("todos_anthropic", "team_id"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)


def _always() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("google_calendar_event_id", sa.String(255)),
    )


def _owner_of_new_table() -> sa.Column[Any]:
    return sa.Column("user_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), nullable=False)


def _give_owners() -> None:
    inspector = sa.inspect(op.get_bind())
    for table in ("reminders_anthropic", "calendar_events_anthropic"):
        if "user_id" not in {column["name"] for column in inspector.get_columns(table)}:
            op.add_column(table, sa.Column("user_id", sa.Uuid))
