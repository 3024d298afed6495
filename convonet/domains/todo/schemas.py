"""The arguments that todo tools share, with their bounds."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field, StringConstraints

from convonet.domains.todo.days import Due

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
MAX_LISTED = 100
Call = Context[Any, Any]
_ISO = "ISO 8601 date or local date and time, such as 2026-01-31 or 2026-01-31T17:00."
When = Annotated[str | None, Field(max_length=40, description=_ISO)]
Limit = Annotated[int, Field(ge=1, le=MAX_LISTED)]

Stretch = Annotated[
    Due | None, Field(description="A stretch of time by name, in the caller's time zone; a week is Monday to Sunday.")
]
From = Annotated[str | None, Field(max_length=40, description="Nothing before this. " + _ISO)]
To = Annotated[str | None, Field(max_length=40, description="Nothing after this; a date counts whole. " + _ISO)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=255)]
TeamId = Annotated[str, Field(max_length=64, description="Id of one of the caller's teams, from get_teams.")]

TeamName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="Name of one of the caller's teams."),
]
