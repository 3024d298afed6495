"""The tools of to-do lists, reminders, the calendar and teams, served over MCP as one server."""

from __future__ import annotations

from convonet.domains.todo.events.service import EventService
from convonet.domains.todo.events.tools import add_event_tools
from convonet.domains.todo.reminders.service import ReminderService
from convonet.domains.todo.reminders.tools import add_reminder_tools
from convonet.domains.todo.teams.service import TeamService
from convonet.domains.todo.teams.tools import add_team_tools
from convonet.domains.todo.todos.service import TodoService
from convonet.domains.todo.todos.tools import add_todo_tools
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, _settings: Settings) -> DomainServer:
    """Make the MCP server of the todo domain."""
    mcp = DomainServer("todo", "The caller's to-do list, reminders and calendar, and the teams they work in.")
    add_todo_tools(mcp, TodoService(database))
    add_reminder_tools(mcp, ReminderService(database))
    add_event_tools(mcp, EventService(database))
    add_team_tools(mcp, TeamService(database))
    return mcp
