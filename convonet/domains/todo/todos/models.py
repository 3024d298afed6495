"""The table of todos, as it existed before."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment


class TodoRow(Base):
    """A todo; columns as in the deployment that this one replaces. `due_date` is UTC.

    A todo without a team, and a private todo of a team, is visible to its creator and its assignee only.
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
