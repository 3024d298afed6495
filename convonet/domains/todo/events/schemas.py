"""A calendar event as its tools show it, and a change of it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from convonet.domains.todo.events.models import EventRow


class CalendarEvent(BaseModel):
    """An event as a tool shows it. Both moments are ISO 8601 in the caller's time zone."""

    id: str
    title: str
    description: str | None
    event_from: str
    event_to: str | None

    @classmethod
    def of(cls, row: EventRow, zone: ZoneInfo) -> CalendarEvent:
        """Convert the row for a caller in `zone`."""
        return cls(
            id=str(row.id),
            title=row.title,
            description=row.description,
            event_from=row.event_from.astimezone(zone).isoformat(),
            event_to=row.event_to.astimezone(zone).isoformat() if row.event_to else None,
        )


@dataclass(frozen=True, slots=True)
class EventChange:
    """New values; None leaves a field as it is. A new beginning alone moves the event, which keeps its length."""

    title: str | None = None
    description: str | None = None
    event_from: str | None = None
    event_to: str | None = None
