"""The tools of reminders."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.speech import counted
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.errors import NothingToChange
from convonet.domains.todo.reminders.schemas import Reminder, ReminderChange, ReminderText
from convonet.domains.todo.reminders.service import ReminderService
from convonet.domains.todo.schemas import Call, From, Limit, Stretch, To, When
from convonet.domains.todo.speech import in_one_breath, spoken_moment
from convonet.mcp.server import DomainServer, owner_of, tool_result

ReminderId = Annotated[
    str, Field(description="Id of one of the caller's reminders, from get_reminders.", max_length=64)
]


def add_reminder_tools(mcp: DomainServer, service: ReminderService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def create_reminder(
        context: Call,
        reminder_text: ReminderText,
        importance: Priority = Priority.MEDIUM,
        reminder_date: When = None,
    ) -> CallToolResult:
        """Write down a reminder for the caller. Use create_todo instead for something that is to be ticked off."""
        reminder = await service.create(owner_of(context), reminder_text, importance, reminder_date)
        return tool_result(f"I noted a reminder: {_spoken(reminder)}.", _shown(reminder))

    @mcp.tool()
    async def get_reminders(
        context: Call, due: Stretch = None, due_from: From = None, due_to: To = None, limit: Limit = 20
    ) -> CallToolResult:
        """List the caller's reminders, the first to come first; without a time, those from today on and undated ones.

        Use it also to find the id of a reminder. With due "overdue" it lists those whose time has passed.
        """
        owner = owner_of(context)
        reminders = await service.find(owner, due=due, due_from=due_from, due_to=due_to, limit=limit)
        shown = {"reminders": [reminder.model_dump(mode="json") for reminder in reminders]}
        return tool_result(_sentence(reminders), shown)

    @mcp.tool()
    async def update_reminder(
        context: Call,
        id: ReminderId,  # noqa: A002 -- the tool's parameter name
        reminder_text: ReminderText | None = None,
        importance: Priority | None = None,
        reminder_date: When = None,
    ) -> CallToolResult:
        """Change text, importance or time of one of the caller's reminders."""
        change = ReminderChange(reminder_text, importance, reminder_date)
        if change == ReminderChange():
            raise NothingToChange
        reminder = await service.change(owner_of(context), id, change)
        return tool_result(f"I changed the reminder: {_spoken(reminder)}.", _shown(reminder))

    @mcp.tool()
    async def delete_reminder(context: Call, id: ReminderId) -> CallToolResult:  # noqa: A002
        """Delete one of the caller's reminders for good. Ask the caller to confirm first."""
        reminder = await service.delete(owner_of(context), id)
        return tool_result(f"I deleted the reminder: {reminder.reminder_text}.", _shown(reminder))


def _shown(reminder: Reminder) -> dict[str, Any]:
    return {"reminder": reminder.model_dump(mode="json")}


def _spoken(reminder: Reminder) -> str:
    when = f", {spoken_moment(reminder.reminder_date)}" if reminder.reminder_date else ""
    return f"{reminder.reminder_text}{when}"


def _sentence(reminders: list[Reminder]) -> str:
    if not reminders:
        return "You have no reminders for that."
    count = counted(len(reminders), "reminder", "reminders")
    return f"You have {count}: {in_one_breath([_spoken(reminder) for reminder in reminders], between='; ')}."
