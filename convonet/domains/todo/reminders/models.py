"""Reminders: the existing table with an owner, and a reminder as tools show it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, StringConstraints
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.domains.todo.models import Priority
from convonet.storage.database import Base
from convonet.storage.types import Moment

ReminderText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ReminderRow(Base):
    """A reminder; columns as in the deployment that this one replaces, and its owner. Without one it is nobody's."""

    __tablename__ = "reminders_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    reminder_text: Mapped[str]
    importance: Mapped[str] = mapped_column(String(20))
    reminder_date: Mapped[datetime | None] = mapped_column(Moment)
    google_calendar_event_id: Mapped[str | None] = mapped_column(String(255))
    user_id: Mapped[uuid.UUID | None]


class Reminder(BaseModel):
    """A reminder as a tool shows it. `reminder_date` is ISO 8601 in the caller's time zone."""

    id: str
    reminder_text: str
    importance: Priority
    reminder_date: str | None

    @classmethod
    def of(cls, row: ReminderRow, zone: ZoneInfo) -> Reminder:
        """The row, for a caller in `zone`."""
        return cls(
            id=str(row.id),
            reminder_text=row.reminder_text,
            importance=Priority.of(row.importance),
            reminder_date=row.reminder_date.astimezone(zone).isoformat() if row.reminder_date else None,
        )
