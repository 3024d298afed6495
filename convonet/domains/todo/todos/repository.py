"""The SQL for todos. Each query is bound to the caller: todos that they may not see do not exist for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Result, Row, Select, Uuid, and_, bindparam, nulls_last, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.core.ids import id_of
from convonet.domains.todo.days import Window
from convonet.domains.todo.teams.models import TeamRow
from convonet.domains.todo.teams.permissions import Role
from convonet.domains.todo.teams.repository import full_name, role_of
from convonet.domains.todo.todos.models import TodoRow
from convonet.storage.users import UserRow


@dataclass(frozen=True, slots=True)
class VisibleTodo:
    """A todo that the caller sees, with the names around it; `role` is the caller's in its team."""

    row: TodoRow
    role: Role | None
    team: str | None
    assignee: str | None


class TodoRepository:
    """Todos as one caller sees them, within one transaction."""

    def __init__(self, session: AsyncSession, caller: uuid.UUID) -> None:
        self._session = session
        self._caller = caller

    def add_todo(self, row: TodoRow) -> None:
        self._session.add(row)

    async def get(self, todo_id: str) -> VisibleTodo:
        """Return a todo by id. Raises `NotFound`, even for a todo that exists but that the caller may not see."""
        found = (await self._execute(_SEEN.where(TodoRow.id == id_of(todo_id)))).first()
        if found is None:
            raise NotFound("todo", spoken="I can't find that on your list.")
        return _seen(found)

    async def find(
        self, *, completed: bool | None, due: Window, team: uuid.UUID | None, limit: int
    ) -> Sequence[VisibleTodo]:
        """Return the caller's own todos, or all that they see of one team; by due date, then the newest first."""
        query = _OWN if team is None else _SEEN.where(TodoRow.team_id == team)
        if completed is not None:
            query = query.where(TodoRow.completed == completed)
        if due.start is not None:
            query = query.where(TodoRow.due_date >= due.start)
        if due.end is not None:
            query = query.where(TodoRow.due_date < due.end)
        query = query.order_by(nulls_last(TodoRow.due_date.asc()), TodoRow.created_at.desc())
        return [_seen(found) for found in await self._execute(query.limit(limit))]

    async def delete(self, row: TodoRow) -> None:
        await self._session.delete(row)

    async def _execute(self, query: Select[*tuple[Any, ...]]) -> Result[*tuple[Any, ...]]:
        return await self._session.execute(query, {"caller": self._caller})


_CALLER = bindparam("caller", type_=Uuid())


def _seen_by_caller() -> Select[*tuple[Any, ...]]:
    role = role_of(_CALLER).where(TeamRow.id == TodoRow.team_id).correlate(TodoRow).scalar_subquery()
    team = select(TeamRow.name).where(TeamRow.id == TodoRow.team_id).correlate(TodoRow).scalar_subquery()
    involved = or_(TodoRow.creator_id == _CALLER, TodoRow.assignee_id == _CALLER)
    return (
        select(TodoRow, role, team, UserRow.id, UserRow.first_name, UserRow.last_name, UserRow.email)
        .outerjoin(UserRow, UserRow.id == TodoRow.assignee_id)
        .where(
            or_(
                and_(TodoRow.team_id.is_(None), involved),
                and_(role.is_not(None), or_(TodoRow.is_private.is_not(True), involved)),
            )
        )
    )


def _callers_own() -> Select[*tuple[Any, ...]]:
    """Select todos that are assigned to the caller, and todos that they made and no other member of a team is to do."""
    kept = or_(TodoRow.assignee_id.is_(None), TodoRow.team_id.is_(None))
    return _SEEN.where(or_(TodoRow.assignee_id == _CALLER, and_(TodoRow.creator_id == _CALLER, kept)))


# built once, since building a query takes as long as executing it
_SEEN = _seen_by_caller()
_OWN = _callers_own()


def _seen(found: Row[*tuple[Any, ...]]) -> VisibleTodo:
    row, role, team, assignee, *name = found
    return VisibleTodo(row, Role.of(role) if role else None, team, full_name(*name) if assignee else None)
