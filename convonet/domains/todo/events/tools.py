"""The tools of the caller's calendar."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.speech import counted
from convonet.domains.todo.days import Due
from convonet.domains.todo.errors import NothingToChange
from convonet.domains.todo.events.schemas import CalendarEvent, EventChange
from convonet.domains.todo.events.service import EventService
from convonet.domains.todo.schemas import Call, Description, From, Limit, Title, To, When
from convonet.domains.todo.speech import in_one_breath, spoken_span
from convonet.mcp.server import DomainServer, owner_of, tool_result

EventId = Annotated[
    str, Field(description="Id of one of the caller's events, from get_calendar_events.", max_length=64)
]
Begin = Annotated[str, Field(max_length=40, description="ISO 8601 local date and time, such as 2026-01-31T17:00.")]
End = Annotated[str, Field(max_length=40, description="As event_from; a date alone means the end of that day.")]
Days = Annotated[
    Literal[Due.TODAY, Due.TOMORROW, Due.THIS_WEEK] | None, Field(description="In the caller's time zone.")
]


def add_event_tools(mcp: DomainServer, service: EventService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def create_calendar_event(
        context: Call, title: Title, event_from: Begin, event_to: End, description: Description | None = None
    ) -> CallToolResult:
        """Put an appointment or meeting with a beginning and an end into the caller's calendar."""
        event = await service.create(owner_of(context), title, event_from, event_to, description)
        return tool_result(f"It's in your calendar: {_spoken(event)}.", _shown(event))

    @mcp.tool()
    async def get_calendar_events(
        context: Call, when: Days = None, date_from: From = None, date_to: To = None, limit: Limit = 20
    ) -> CallToolResult:
        """List what is in the caller's calendar, in order; without a time, all that is not over.

        Use it also to find the id of an event by its title.
        """
        events = await service.find(owner_of(context), when=when, date_from=date_from, date_to=date_to, limit=limit)
        return tool_result(_sentence(events), {"events": [event.model_dump(mode="json") for event in events]})

    @mcp.tool()
    async def update_calendar_event(
        context: Call,
        id: EventId,  # noqa: A002 -- the tool's parameter name
        title: Title | None = None,
        event_from: Annotated[When, Field(description="A new beginning; alone, it moves the whole event.")] = None,
        event_to: When = None,
        description: Description | None = None,
    ) -> CallToolResult:
        """Change or move one of the events in the caller's calendar."""
        change = EventChange(title, description, event_from, event_to)
        if change == EventChange():
            raise NothingToChange
        event = await service.change(owner_of(context), id, change)
        return tool_result(f"I changed it in your calendar: {_spoken(event)}.", _shown(event))

    @mcp.tool()
    async def delete_calendar_event(context: Call, id: EventId) -> CallToolResult:  # noqa: A002
        """Delete one of the events in the caller's calendar for good. Ask the caller to confirm first."""
        event = await service.delete(owner_of(context), id)
        return tool_result(f"I took {event.title} out of your calendar.", _shown(event))


def _shown(event: CalendarEvent) -> dict[str, Any]:
    return {"event": event.model_dump(mode="json")}


def _spoken(event: CalendarEvent) -> str:
    return f"{event.title}, {spoken_span(event.event_from, event.event_to)}"


def _sentence(events: list[CalendarEvent]) -> str:
    if not events:
        return "There is nothing in your calendar for that time."
    count = counted(len(events), "event", "events")
    return f"You have {count}: {in_one_breath([_spoken(event) for event in events], between='; ')}."
