"""The table of reminders, as it existed before, with an owner added."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment


class ReminderRow(Base):
    """A reminder. Columns as in the deployment that this one replaces, plus an owner; without one no caller sees it."""

    __tablename__ = "reminders_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    reminder_text: Mapped[str]
    importance: Mapped[str] = mapped_column(String(20))
    reminder_date: Mapped[datetime | None] = mapped_column(Moment)
    google_calendar_event_id: Mapped[str | None] = mapped_column(String(255))
    user_id: Mapped[uuid.UUID | None]
