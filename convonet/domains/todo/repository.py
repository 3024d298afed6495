"""The SQL of todos. Every query is bound to the caller: nobody else's row is ever read or changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import nulls_last, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.todo.models import TodoRow
from convonet.errors import NotFound


class TodoRepository:
    """One caller's todos within one transaction."""

    def __init__(self, session: AsyncSession, owner: uuid.UUID) -> None:
        self._session = session
        self._owner = owner

    def add(self, row: TodoRow) -> None:
        """Add a todo."""
        self._session.add(row)

    async def get(self, todo_id: str) -> TodoRow:
        """A todo by id. Raises `NotFound` also when it is somebody else's."""
        try:
            wanted = uuid.UUID(todo_id)
        except ValueError:
            wanted = uuid.UUID(int=0)
        row = await self._session.scalar(select(TodoRow).where(TodoRow.id == wanted, TodoRow.creator_id == self._owner))
        if row is None:
            raise NotFound("todo", spoken="I can't find that on your list.")
        return row

    async def find(self, *, completed: bool | None, due_before: datetime | None, limit: int) -> Sequence[TodoRow]:
        """Todos, what is due first, then the newest first."""
        query = select(TodoRow).where(TodoRow.creator_id == self._owner)
        if completed is not None:
            query = query.where(TodoRow.completed == completed)
        if due_before is not None:
            query = query.where(TodoRow.due_date < due_before)
        query = query.order_by(nulls_last(TodoRow.due_date.asc()), TodoRow.created_at.desc())
        return (await self._session.scalars(query.limit(limit))).all()

    async def delete(self, row: TodoRow) -> None:
        """Delete a todo."""
        await self._session.delete(row)
