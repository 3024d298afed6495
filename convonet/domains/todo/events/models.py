"""The table of calendar events, as it existed before, with an owner added."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment


class EventRow(Base):
    """An event. Columns as in the deployment that this one replaces, plus an owner; without one no caller sees it.

    It lasts from `event_from` until just before `event_to`, both UTC.
    """

    __tablename__ = "calendar_events_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    title: Mapped[str]
    description: Mapped[str | None]
    event_from: Mapped[datetime] = mapped_column(Moment)
    event_to: Mapped[datetime | None] = mapped_column(Moment)
    google_calendar_event_id: Mapped[str | None] = mapped_column(String(255))
    user_id: Mapped[uuid.UUID | None]
