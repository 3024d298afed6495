"""The SQL for calendar events. Each query is bound to the caller, so that rows of others are never read or changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.core.ids import id_of
from convonet.domains.todo.days import Window
from convonet.domains.todo.events.models import EventRow


class EventRepository:
    """One caller's events within one transaction."""

    def __init__(self, session: AsyncSession, owner: uuid.UUID) -> None:
        self._session = session
        self._owner = owner

    def add_event(self, row: EventRow) -> None:
        self._session.add(row)

    async def get(self, event_id: str) -> EventRow:
        """Return an event by id. Raises `NotFound`, even for an event that belongs to another caller."""
        mine = select(EventRow).where(EventRow.user_id == self._owner)
        row = await self._session.scalar(mine.where(EventRow.id == id_of(event_id)))
        if row is None:
            raise NotFound("event", spoken="I can't find that in your calendar.")
        return row

    async def find(self, window: Window, *, limit: int) -> Sequence[EventRow]:
        """Return the events that overlap `window`, in the order in which they begin."""
        query = select(EventRow).where(EventRow.user_id == self._owner)
        if window.start is not None:
            query = query.where(or_(EventRow.event_to > window.start, EventRow.event_from >= window.start))
        if window.end is not None:
            query = query.where(EventRow.event_from < window.end)
        return (await self._session.scalars(query.order_by(EventRow.event_from, EventRow.id).limit(limit))).all()

    async def delete(self, row: EventRow) -> None:
        await self._session.delete(row)
