"""The todo tools, served over MCP."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.todo.models import Description, Priority, Title, Todo
from convonet.domains.todo.phrasing import spoken_due
from convonet.domains.todo.service import TodoChange, TodoService
from convonet.errors import DomainError
from convonet.mcp.server import DomainServer, owner_of, told
from convonet.settings import Settings
from convonet.storage.database import Database

Call = Context[Any, Any]
TodoId = Annotated[str, Field(description="Id of one of the caller's todos, from get_todos.", max_length=64)]
When = Annotated[
    str | None, Field(description="ISO 8601 date or local date and time, such as 2026-01-31 or 2026-01-31T17:00.")
]

MOST_SPOKEN = 5
"""Titles that a caller can follow in one breath."""


def server(database: Database, _settings: Settings) -> DomainServer:
    """The MCP server of the todo domain."""
    service = TodoService(database)
    mcp = DomainServer("todo", "The caller's own to-do list.")

    @mcp.tool()
    async def create_todo(
        context: Call,
        title: Title,
        description: Description | None = None,
        priority: Priority = Priority.MEDIUM,
        due_date: When = None,
    ) -> CallToolResult:
        """Add a todo to the caller's list. Use it when the caller wants to remember or do something."""

        todo = await service.create(owner_of(context), title, description, priority, due_date)
        return told(f"I added {todo.title} to your list{spoken_due(todo.due_date)}.", _shown(todo))

    @mcp.tool()
    async def get_todos(
        context: Call,
        completed: Annotated[bool | None, Field(description="Only finished or only open ones; default: all.")] = None,
        due_before: When = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> CallToolResult:
        """List the caller's todos, what is due first. Use it also to find the id of a todo by its title."""

        todos = await service.find(owner_of(context), completed=completed, due_before=due_before, limit=limit)
        return told(_sentence(todos), {"todos": [todo.model_dump(mode="json") for todo in todos]})

    @mcp.tool()
    async def complete_todo(context: Call, id: TodoId) -> CallToolResult:  # noqa: A002 -- the tool's documented name
        """Mark one of the caller's todos as done."""

        todo = await service.change(owner_of(context), id, TodoChange(completed=True))
        return told(f"Done: {todo.title}.", _shown(todo))

    @mcp.tool()
    async def update_todo(
        context: Call,
        id: TodoId,  # noqa: A002
        title: Title | None = None,
        description: Description | None = None,
        priority: Priority | None = None,
        due_date: When = None,
        completed: bool | None = None,
    ) -> CallToolResult:
        """Change title, description, priority, due date or state of one of the caller's todos."""

        change = TodoChange(title, description, priority, due_date, completed)
        if change == TodoChange():
            raise DomainError("empty change", spoken="Please tell me what to change.")
        todo = await service.change(owner_of(context), id, change)
        return told(f"I changed it: {todo.title}{_changed(change, todo)}.", _shown(todo))

    @mcp.tool()
    async def delete_todo(context: Call, id: TodoId) -> CallToolResult:  # noqa: A002
        """Delete one of the caller's todos for good. Ask the caller to confirm first."""

        todo = await service.delete(owner_of(context), id)
        return told(f"I deleted {todo.title}.", _shown(todo))

    return mcp


def _shown(todo: Todo) -> dict[str, Any]:
    return {"todo": todo.model_dump(mode="json")}


def _changed(change: TodoChange, todo: Todo) -> str:
    priority = f", {todo.priority} priority" if change.priority else ""
    state = "" if change.completed is None else ", done" if todo.completed else ", open again"
    return f"{priority}{state}{spoken_due(todo.due_date)}"


def _sentence(todos: list[Todo]) -> str:
    if not todos:
        return "There is nothing on your list."
    titles = [todo.title for todo in todos[:MOST_SPOKEN]]
    named = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    rest = len(todos) - len(titles)
    count = "one thing" if len(todos) == 1 else f"{len(todos)} things"
    return f"You have {count} on your list: {named}{f', and {rest} more' if rest else ''}."
