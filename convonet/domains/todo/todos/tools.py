"""The tools of to-do lists, the caller's own and those of teams."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.speech import counted
from convonet.domains.todo.days import Due
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.errors import NothingToChange
from convonet.domains.todo.schemas import Call, Description, From, Limit, Stretch, TeamId, Title, To, When
from convonet.domains.todo.speech import in_one_breath, spoken_due
from convonet.domains.todo.todos.schemas import Todo, TodoChange
from convonet.domains.todo.todos.service import TodoService
from convonet.mcp.server import DomainServer, owner_of, tool_result

TodoId = Annotated[str, Field(description="Id of a todo, from get_todos.", max_length=64)]

AssigneeId = Annotated[
    str | None, Field(description="Id of the team member who is to do it, from get_team_members.", max_length=64)
]


def add_todo_tools(mcp: DomainServer, service: TodoService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def create_todo(
        context: Call,
        title: Title,
        description: Description | None = None,
        priority: Priority = Priority.MEDIUM,
        due_date: When = None,
        team_id: TeamId | None = None,
        assignee_id: AssigneeId = None,
    ) -> CallToolResult:
        """Add a todo to the caller's list. Use it when the caller wants to remember or do something."""
        owner = owner_of(context)
        todo = await service.create(
            owner, title, description, priority, due_date, team_id=team_id, assignee_id=assignee_id
        )
        return tool_result(_added(todo), _shown(todo))

    @mcp.tool()
    async def create_team_todo(
        context: Call,
        title: Title,
        team_id: TeamId,
        description: Description | None = None,
        priority: Priority = Priority.MEDIUM,
        due_date: When = None,
        assignee_id: AssigneeId = None,
    ) -> CallToolResult:
        """Add a todo to the list of one of the caller's teams, for a member of the team if one is named."""
        owner = owner_of(context)
        todo = await service.create(
            owner, title, description, priority, due_date, team_id=team_id, assignee_id=assignee_id
        )
        return tool_result(_added(todo), _shown(todo))

    @mcp.tool()
    async def get_todos(
        context: Call,
        completed: Annotated[bool | None, Field(description="Only finished or only open ones; default: all.")] = None,
        due: Stretch = None,
        due_from: From = None,
        due_to: To = None,
        due_before: When = None,
        team_id: Annotated[
            TeamId | None, Field(description="All of this team's todos instead of the caller's.")
        ] = None,
        limit: Limit = 20,
    ) -> CallToolResult:
        """List the caller's todos, what is due first; also "what is due this week" or "what is overdue" at once.

        They are those that the caller made or was given. Use it also to find the id of a todo by its title.
        """
        todos = await service.find(
            owner_of(context),
            completed=completed,
            due=due,
            due_from=due_from,
            due_to=due_to,
            due_before=due_before,
            team_id=team_id,
            limit=limit,
        )
        where = _where(due, in_time=bool(due_from or due_to), in_team=team_id is not None)
        return tool_result(_sentence(todos, where), {"todos": [todo.model_dump(mode="json") for todo in todos]})

    @mcp.tool()
    async def complete_todo(context: Call, id: TodoId) -> CallToolResult:  # noqa: A002 -- the tool's parameter name
        """Mark one of the caller's or their team's todos as done."""
        todo = await service.change(owner_of(context), id, TodoChange(completed=True))
        return tool_result(f"Done: {todo.title}.", _shown(todo))

    @mcp.tool()
    async def update_todo(
        context: Call,
        id: TodoId,  # noqa: A002
        title: Title | None = None,
        description: Description | None = None,
        priority: Priority | None = None,
        due_date: When = None,
        completed: bool | None = None,
        assignee_id: Annotated[
            str | None, Field(description="Id from get_team_members, or 'nobody' to take it away.", max_length=64)
        ] = None,
    ) -> CallToolResult:
        """Change title, description, priority, due date or state of a todo, or give a team's todo to a member."""
        change = TodoChange(title, description, priority, due_date, completed, assignee_id)
        if change == TodoChange():
            raise NothingToChange
        todo = await service.change(owner_of(context), id, change)
        return tool_result(f"I changed it: {todo.title}{_changed(change, todo)}.", _shown(todo))

    @mcp.tool()
    async def delete_todo(context: Call, id: TodoId) -> CallToolResult:  # noqa: A002
        """Delete a todo for good. Ask the caller to confirm first."""
        todo = await service.delete(owner_of(context), id)
        return tool_result(f"I deleted {todo.title}.", _shown(todo))


def _shown(todo: Todo) -> dict[str, Any]:
    return {"todo": todo.model_dump(mode="json")}


def _added(todo: Todo) -> str:
    whose = f"the list of {todo.team}" if todo.team else "your list"
    return f"I added {todo.title} to {whose}{_given(todo)}{spoken_due(todo.due_date)}."


def _given(todo: Todo) -> str:
    return f", for {todo.assignee}" if todo.assignee else ""


def _changed(change: TodoChange, todo: Todo) -> str:
    priority = f", {todo.priority} priority" if change.priority else ""
    state = "" if change.completed is None else ", done" if todo.completed else ", open again"
    given = "" if change.assignee_id is None else _given(todo) or ", for nobody in particular"
    return f"{priority}{state}{given}{spoken_due(todo.due_date)}"


def _where(due: Due | None, *, in_time: bool, in_team: bool) -> str:
    if due is Due.OVERDUE:
        time = "overdue"
    elif due is not None:
        time = f"due {due.replace('_', ' ')}"
    else:
        time = "due in that time" if in_time else ""
    if in_team:
        return f"{time} on the team's list".strip()
    return time or "on your list"


def _sentence(todos: list[Todo], where: str) -> str:
    if not todos:
        return f"There is nothing {where}."
    count = counted(len(todos), "thing", "things")
    owned = f"There {'is' if len(todos) == 1 else 'are'}" if where.endswith("team's list") else "You have"
    return f"{owned} {count} {where}: {in_one_breath([todo.title for todo in todos])}."
