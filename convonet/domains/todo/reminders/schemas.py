"""A reminder as its tools show it, and a change of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, StringConstraints

from convonet.domains.todo.enums import Priority
from convonet.domains.todo.reminders.models import ReminderRow

ReminderText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Reminder(BaseModel):
    """A reminder as a tool shows it. `reminder_date` is ISO 8601 in the caller's time zone."""

    id: str
    reminder_text: str
    importance: Priority
    reminder_date: str | None

    @classmethod
    def of(cls, row: ReminderRow, zone: ZoneInfo) -> Reminder:
        """Convert the row for a caller in `zone`."""
        return cls(
            id=str(row.id),
            reminder_text=row.reminder_text,
            importance=Priority.of(row.importance),
            reminder_date=row.reminder_date.astimezone(zone).isoformat() if row.reminder_date else None,
        )


@dataclass(frozen=True, slots=True)
class ReminderChange:
    """New values; None leaves a field as it is."""

    reminder_text: str | None = None
    importance: Priority | None = None
    reminder_date: str | None = None
