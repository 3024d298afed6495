"""The service for calendar events. An effect happens once per idempotency key."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.todo.days import Due, Window, start_of, until_of, window_between, window_of
from convonet.domains.todo.events.models import EventRow
from convonet.domains.todo.events.repository import EventRepository
from convonet.domains.todo.events.schemas import CalendarEvent, EventChange
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

MAX_LENGTH = timedelta(days=31)
"""A longer event is more likely misheard than meant."""


class EventService:
    """Create, list, change and delete. Methods raise `DomainError` with words for the caller."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, owner: Owner, title: str, event_from: str, event_to: str, description: str | None
    ) -> CalendarEvent:
        first, last = start_of(event_from, owner.zone), until_of(event_to, owner.zone)
        if first is None or last is None:
            raise DomainError("no time", spoken="When does it begin and end?")
        _check(first, last)
        now = self._clock()
        row = EventRow(
            id=uuid.uuid4(),
            created_at=now,
            updated_at=now,
            title=title,
            description=description,
            event_from=first,
            event_to=last,
            user_id=owner.user_id,
        )

        async def work(session: AsyncSession) -> CalendarEvent:
            EventRepository(session, owner.user_id).add_event(row)
            return CalendarEvent.of(row, owner.zone)

        return await run_effect(self._database, owner, CalendarEvent, work)

    async def find(
        self, owner: Owner, *, when: Due | None, date_from: str | None, date_to: str | None, limit: int
    ) -> list[CalendarEvent]:
        """Return the events of a period; without a period, those that are not over."""
        now = self._clock()
        window = window_of(when, now, owner.zone).within(window_between(date_from, date_to, owner.zone))
        if when is date_from is date_to is None:
            window = Window(start=now)
        async with self._database.reading() as session:
            rows = await EventRepository(session, owner.user_id).find(window, limit=limit)
        return [CalendarEvent.of(row, owner.zone) for row in rows]

    async def change(self, owner: Owner, event_id: str, change: EventChange) -> CalendarEvent:
        first, last = start_of(change.event_from, owner.zone), until_of(change.event_to, owner.zone)

        async def work(session: AsyncSession) -> CalendarEvent:
            row = await EventRepository(session, owner.user_id).get(event_id)
            lasted = (row.event_to or row.event_from) - row.event_from
            row.title = change.title or row.title
            row.description = row.description if change.description is None else change.description
            if first is not None or last is not None:
                row.event_from = first or row.event_from
                row.event_to = last or row.event_from + lasted
                _check(row.event_from, row.event_to)
            row.updated_at = self._clock()
            return CalendarEvent.of(row, owner.zone)

        return await run_effect(self._database, owner, CalendarEvent, work)

    async def delete(self, owner: Owner, event_id: str) -> CalendarEvent:
        """Delete an event; return it as it was."""

        async def work(session: AsyncSession) -> CalendarEvent:
            repository = EventRepository(session, owner.user_id)
            row = await repository.get(event_id)
            await repository.delete(row)
            return CalendarEvent.of(row, owner.zone)

        return await run_effect(self._database, owner, CalendarEvent, work)


def _check(first: datetime, last: datetime) -> None:
    if last <= first:
        raise DomainError("ends before it begins", spoken="An event has to end after it begins.")
    if last - first > MAX_LENGTH:
        raise DomainError("too long", spoken=f"An event can last at most {MAX_LENGTH.days} days.")
