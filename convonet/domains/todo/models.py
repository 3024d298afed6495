"""Todos: the existing table `todos_anthropic`, and a todo as tools show it."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, StringConstraints
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class Priority(StrEnum):
    """How urgent a todo is, or how important a reminder."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"

    @classmethod
    def of(cls, stored: str | None) -> Priority:
        """Rows of the replaced deployment may hold none, or a word that nobody checked."""
        return cls(stored) if stored in set(cls) else cls.MEDIUM


class TodoRow(Base):
    """A todo; columns as in the deployment that this one replaces. `due_date` is UTC.

    One without a team is its creator's; a private one of a team is its creator's and assignee's.
    """

    __tablename__ = "todos_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    title: Mapped[str]
    description: Mapped[str | None]
    completed: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[str] = mapped_column(String(20))
    due_date: Mapped[datetime | None] = mapped_column(Moment)
    google_calendar_event_id: Mapped[str | None] = mapped_column(String(255))
    creator_id: Mapped[uuid.UUID | None]
    assignee_id: Mapped[uuid.UUID | None]
    team_id: Mapped[uuid.UUID | None]
    is_private: Mapped[bool] = mapped_column(default=True)


class Todo(BaseModel):
    """A todo as a tool shows it. `due_date` is ISO 8601 in the caller's time zone; `team` and `assignee` are names."""

    id: str
    title: str
    description: str | None
    completed: bool
    priority: Priority
    due_date: str | None
    team_id: str | None = None
    team: str | None = None
    assignee_id: str | None = None
    assignee: str | None = None

    @classmethod
    def of(cls, row: TodoRow, zone: ZoneInfo, *, team: str | None = None, assignee: str | None = None) -> Todo:
        """The row, for a caller in `zone`."""
        return cls(
            id=str(row.id),
            title=row.title,
            description=row.description,
            completed=row.completed,
            priority=Priority.of(row.priority),
            due_date=row.due_date.astimezone(zone).isoformat() if row.due_date else None,
            team_id=str(row.team_id) if row.team_id else None,
            team=team,
            assignee_id=str(row.assignee_id) if row.assignee_id else None,
            assignee=assignee,
        )
