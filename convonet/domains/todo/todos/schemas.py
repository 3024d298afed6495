"""A todo as its tools show it, and a change of it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from convonet.domains.todo.enums import Priority
from convonet.domains.todo.todos.models import TodoRow


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
        """Convert the row for a caller in `zone`."""
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


@dataclass(frozen=True, slots=True)
class TodoChange:
    """New values; None leaves a field as it is. `assignee_id` may be `NOBODY`."""

    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    due_date: str | None = None
    completed: bool | None = None
    assignee_id: str | None = None
