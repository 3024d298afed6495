"""The service for reminders. An effect happens once per idempotency key."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.owner import Owner
from convonet.domains.todo.days import Due, Window, day_start, due_of, window_between, window_of
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.reminders.models import ReminderRow
from convonet.domains.todo.reminders.repository import ReminderRepository
from convonet.domains.todo.reminders.schemas import Reminder, ReminderChange
from convonet.storage.database import Database
from convonet.storage.effects import run_effect


class ReminderService:
    """Create, list, change and delete. Methods raise `DomainError` with words for the caller."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(self, owner: Owner, text: str, importance: Priority, reminder_date: str | None) -> Reminder:
        now = self._clock()
        row = ReminderRow(
            id=uuid.uuid4(),
            created_at=now,
            updated_at=now,
            reminder_text=text,
            importance=importance,
            reminder_date=due_of(reminder_date, owner.zone),
            user_id=owner.user_id,
        )

        async def work(session: AsyncSession) -> Reminder:
            ReminderRepository(session, owner.user_id).add_reminder(row)
            return Reminder.of(row, owner.zone)

        return await run_effect(self._database, owner, Reminder, work)

    async def find(
        self, owner: Owner, *, due: Due | None, due_from: str | None, due_to: str | None, limit: int
    ) -> list[Reminder]:
        """Return the reminders of a period; without a period, those from today on and those without a date."""
        now = self._clock()
        any_time = due is due_from is due_to is None
        window = window_of(due, now, owner.zone).within(window_between(due_from, due_to, owner.zone))
        if any_time:
            window = Window(start=day_start(now.astimezone(owner.zone).date(), owner.zone))
        async with self._database.reading() as session:
            rows = await ReminderRepository(session, owner.user_id).find(window, undated=any_time, limit=limit)
        return [Reminder.of(row, owner.zone) for row in rows]

    async def change(self, owner: Owner, reminder_id: str, change: ReminderChange) -> Reminder:
        moment = due_of(change.reminder_date, owner.zone)

        async def work(session: AsyncSession) -> Reminder:
            row = await ReminderRepository(session, owner.user_id).get(reminder_id)
            row.reminder_text = change.reminder_text or row.reminder_text
            row.importance = change.importance or row.importance
            row.reminder_date = moment or row.reminder_date
            row.updated_at = self._clock()
            return Reminder.of(row, owner.zone)

        return await run_effect(self._database, owner, Reminder, work)

    async def delete(self, owner: Owner, reminder_id: str) -> Reminder:
        """Delete a reminder; return it as it was."""

        async def work(session: AsyncSession) -> Reminder:
            repository = ReminderRepository(session, owner.user_id)
            row = await repository.get(reminder_id)
            await repository.delete(row)
            return Reminder.of(row, owner.zone)

        return await run_effect(self._database, owner, Reminder, work)
