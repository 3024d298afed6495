"""The SQL for reminders. Each query is bound to the caller, so that rows of others are never read or changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import false, nulls_last, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.core.ids import id_of
from convonet.domains.todo.days import Window
from convonet.domains.todo.reminders.models import ReminderRow


class ReminderRepository:
    """One caller's reminders within one transaction."""

    def __init__(self, session: AsyncSession, owner: uuid.UUID) -> None:
        self._session = session
        self._owner = owner

    def add_reminder(self, row: ReminderRow) -> None:
        self._session.add(row)

    async def get(self, reminder_id: str) -> ReminderRow:
        """Return a reminder by id. Raises `NotFound`, even for a reminder that belongs to another caller."""
        mine = select(ReminderRow).where(ReminderRow.user_id == self._owner)
        row = await self._session.scalar(mine.where(ReminderRow.id == id_of(reminder_id)))
        if row is None:
            raise NotFound("reminder", spoken="I can't find that reminder.")
        return row

    async def find(self, window: Window, *, undated: bool, limit: int) -> Sequence[ReminderRow]:
        """Return the reminders within `window`, in order of date; with `undated` also those without a date, last."""
        query = select(ReminderRow).where(ReminderRow.user_id == self._owner)
        no_date = ReminderRow.reminder_date.is_(None) if undated else false()
        if window.start is not None:
            query = query.where(or_(ReminderRow.reminder_date >= window.start, no_date))
        if window.end is not None:
            query = query.where(or_(ReminderRow.reminder_date < window.end, no_date))
        query = query.order_by(nulls_last(ReminderRow.reminder_date.asc()), ReminderRow.created_at.desc())
        return (await self._session.scalars(query.limit(limit))).all()

    async def delete(self, row: ReminderRow) -> None:
        await self._session.delete(row)
