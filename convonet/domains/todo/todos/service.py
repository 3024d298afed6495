"""The service for todos. The server tells it the caller, and an effect happens once per idempotency key."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError
from convonet.core.ids import id_of
from convonet.core.owner import Owner
from convonet.domains.todo.days import Due, Window, due_of, start_of, window_between, window_of
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.schemas import MAX_LISTED
from convonet.domains.todo.teams.permissions import may_change_todo, may_delete_todo
from convonet.domains.todo.teams.repository import TeamRepository
from convonet.domains.todo.todos.assignment import Assignment, new_assignment, reassigned
from convonet.domains.todo.todos.models import TodoRow
from convonet.domains.todo.todos.repository import TodoRepository, VisibleTodo
from convonet.domains.todo.todos.schemas import Todo, TodoChange
from convonet.storage.database import Database
from convonet.storage.effects import run_effect


class TodoService:
    """Create, list, change, finish and delete. Methods raise `DomainError` with words for the caller."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        owner: Owner,
        title: str,
        description: str | None,
        priority: Priority,
        due_date: str | None,
        *,
        team_id: str | None = None,
        assignee_id: str | None = None,
    ) -> Todo:
        """Add a todo to the caller's own list or to a team's, and assign it if an assignee is named."""
        now = self._clock()
        row = TodoRow(
            id=uuid.uuid4(),
            created_at=now,
            updated_at=now,
            title=title,
            description=description,
            completed=False,
            priority=priority,
            due_date=due_of(due_date, owner.zone),
            creator_id=owner.user_id,
            is_private=team_id is None,
        )

        async def work(session: AsyncSession) -> Todo:
            place = await new_assignment(session, owner, team_id, assignee_id)
            row.team_id, row.assignee_id = place.team_id, place.assignee_id
            TodoRepository(session, owner.user_id).add_todo(row)
            return Todo.of(row, owner.zone, team=place.team, assignee=place.assignee)

        return await run_effect(self._database, owner, Todo, work)

    async def find(
        self,
        owner: Owner,
        *,
        completed: bool | None = None,
        due: Due | None = None,
        due_from: str | None = None,
        due_to: str | None = None,
        due_before: str | None = None,
        team_id: str | None = None,
        limit: int = MAX_LISTED,
    ) -> list[Todo]:
        """Return the caller's or a team's todos, by due date. Overdue ones are open, whatever `completed` says."""
        window = window_of(due, self._clock(), owner.zone).within(window_between(due_from, due_to, owner.zone))
        window = window.within(Window(end=start_of(due_before, owner.zone)))
        team = None if team_id is None else id_of(team_id)
        async with self._database.reading() as session:
            found = await TodoRepository(session, owner.user_id).find(
                completed=False if due is Due.OVERDUE else completed,
                due=window,
                team=team,
                limit=min(max(limit, 1), MAX_LISTED),
            )
            if team is not None and not found:
                await TeamRepository(session, owner.user_id).role_in(team)
        return [_shown(seen, owner) for seen in found]

    async def change(self, owner: Owner, todo_id: str, change: TodoChange) -> Todo:
        due = due_of(change.due_date, owner.zone)

        async def work(session: AsyncSession) -> Todo:
            seen = await TodoRepository(session, owner.user_id).get(todo_id)
            row = seen.row
            if not may_change_todo(
                seen.role, created=row.creator_id == owner.user_id, assigned=row.assignee_id == owner.user_id
            ):
                raise DomainError("may not change", spoken="You may see that, but not change it.")
            place = Assignment(row.team_id, seen.team, row.assignee_id, seen.assignee)
            if change.assignee_id is not None:
                place = await reassigned(session, owner, place, change.assignee_id)
                row.assignee_id = place.assignee_id
            row.title = change.title or row.title
            row.description = row.description if change.description is None else change.description
            row.priority = change.priority or row.priority
            row.due_date = due or row.due_date
            row.completed = row.completed if change.completed is None else change.completed
            row.updated_at = self._clock()
            return Todo.of(row, owner.zone, team=place.team, assignee=place.assignee)

        return await run_effect(self._database, owner, Todo, work)

    async def delete(self, owner: Owner, todo_id: str) -> Todo:
        """Delete a todo; return it as it was."""

        async def work(session: AsyncSession) -> Todo:
            repository = TodoRepository(session, owner.user_id)
            seen = await repository.get(todo_id)
            if not may_delete_todo(seen.role, created=seen.row.creator_id == owner.user_id):
                raise DomainError("may not delete", spoken="You may see that, but not delete it.")
            await repository.delete(seen.row)
            return _shown(seen, owner)

        return await run_effect(self._database, owner, Todo, work)


def _shown(seen: VisibleTodo, owner: Owner) -> Todo:
    return Todo.of(seen.row, owner.zone, team=seen.team, assignee=seen.assignee)
