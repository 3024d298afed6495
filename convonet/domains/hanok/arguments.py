"""Arguments that the tools of the restaurant have in common."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field, StringConstraints

from convonet.domains.hanok.order_text import OrderedDish
from convonet.domains.hanok.seating import MAX_PARTY, MAX_STAY_MINUTES, MIN_STAY_MINUTES

Call = Context[Any, Any]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Phone = Annotated[str, Field(min_length=3, max_length=40, description="Phone number with area code.")]
ProofPhone = Annotated[
    str | None,
    Field(max_length=40, description="Phone number of the reservation; only needed with confirmation_code."),
]
ProofCode = Annotated[
    str | None,
    Field(
        max_length=40,
        description="Confirmation code; needed with guest_phone when this caller did not book it by voice.",
    ),
]
When = Annotated[
    str, Field(max_length=40, description="ISO 8601 in the restaurant's own time, such as 2026-12-01T19:00.")
]
Day = Annotated[str, Field(max_length=20, description="A day of the restaurant, such as 2026-12-01.")]
Party = Annotated[int, Field(ge=1, le=MAX_PARTY, description="How many people come.")]
ReservationId = Annotated[int, Field(ge=1, le=2**31 - 1, description="Id from get_reservation or create_reservation.")]
Dishes = Annotated[
    str | None,
    Field(max_length=1000, description="Dishes ordered ahead by id or name, such as 'bulgogi:2, bibimbap:1'."),
]
DishesJson = Annotated[
    # the MCP SDK hands over a text that is JSON as what it says
    list[OrderedDish] | str | None,
    Field(max_length=4000, description='The same as JSON: [{"menu_item_id": "bulgogi", "quantity": 2}].'),
]
Wishes = Annotated[str | None, Field(max_length=2000, description="Allergies, high chairs, a birthday.")]
Locale = Annotated[str | None, Field(max_length=16, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2,8})?$")]
Acknowledged = Annotated[
    bool,
    Field(description="True only after the caller heard the offer to move the large pre-order and still cancels."),
]
Minutes = Annotated[
    int | None,
    Field(ge=MIN_STAY_MINUTES, le=MAX_STAY_MINUTES, description="How long the party stays; two hours is usual."),
]
NewPhone = Annotated[str | None, Field(max_length=40, description="Another phone number for the reservation.")]
