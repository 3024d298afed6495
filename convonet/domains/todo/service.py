"""What a caller can do with todos. The caller is given by the server; effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.auth.owner import Owner
from convonet.domains.todo.models import Priority, Todo, TodoRow
from convonet.domains.todo.repository import TodoRepository
from convonet.errors import DomainError
from convonet.storage.database import Database
from convonet.storage.effects import once

MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class TodoChange:
    """What to change; None leaves a field as it is."""

    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    due_date: str | None = None
    completed: bool | None = None


class TodoService:
    """Create, list, change, finish and delete. Raises `DomainError` with words for the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, owner: Owner, title: str, description: str | None, priority: Priority, due_date: str | None
    ) -> Todo:
        """Add a todo."""
        due = _moment(due_date, owner.zone)
        now = datetime.now(UTC)
        row = TodoRow(
            id=uuid.uuid4(),
            created_at=now,
            updated_at=now,
            title=title,
            description=description,
            completed=False,
            priority=priority,
            due_date=due,
            creator_id=owner.user_id,
            is_private=True,
        )

        async def work(session: AsyncSession) -> dict[str, Any]:
            TodoRepository(session, owner.user_id).add(row)
            return Todo.of(row, owner.zone).model_dump(mode="json")

        return await self._once(owner, work)

    async def find(self, owner: Owner, *, completed: bool | None, due_before: str | None, limit: int) -> list[Todo]:
        """The caller's todos, what is due first."""
        before = _moment(due_before, owner.zone)
        async with self._database.transaction() as session:
            rows = await TodoRepository(session, owner.user_id).find(
                completed=completed, due_before=before, limit=min(max(limit, 1), MAX_LISTED)
            )
        return [Todo.of(row, owner.zone) for row in rows]

    async def change(self, owner: Owner, todo_id: str, change: TodoChange) -> Todo:
        """Change a todo's fields."""
        due = _moment(change.due_date, owner.zone)

        async def work(session: AsyncSession) -> dict[str, Any]:
            row = await TodoRepository(session, owner.user_id).get(todo_id)
            row.title = change.title or row.title
            row.description = row.description if change.description is None else change.description
            row.priority = change.priority or row.priority
            row.due_date = due or row.due_date
            row.completed = row.completed if change.completed is None else change.completed
            row.updated_at = datetime.now(UTC)
            return Todo.of(row, owner.zone).model_dump(mode="json")

        return await self._once(owner, work)

    async def delete(self, owner: Owner, todo_id: str) -> Todo:
        """Delete a todo; returns what it was."""

        async def work(session: AsyncSession) -> dict[str, Any]:
            repository = TodoRepository(session, owner.user_id)
            row = await repository.get(todo_id)
            await repository.delete(row)
            return Todo.of(row, owner.zone).model_dump(mode="json")

        return await self._once(owner, work)

    async def _once(self, owner: Owner, work: Any) -> Todo:
        return Todo.model_validate(await once(self._database, owner.user_id, owner.idempotency_key, work))


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    """An ISO date (its end of day) or time, in the caller's zone unless it names one, as UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DomainError(f"bad date {text[:40]!r}", spoken="I didn't understand that date.") from None
    if len(text) <= len("2026-01-31"):
        moment = moment.replace(hour=23, minute=59)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
