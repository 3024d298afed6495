"""The restaurant's data as its HTTP API and its tools take and show it. Amounts are cents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field, StringConstraints

from convonet.domains.hanok.enums import GuestPriority, SeatingStatus, SourceChannel, Status, known
from convonet.domains.hanok.house import House
from convonet.domains.hanok.menu import OrderLine, PreorderItem, stored_items
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.preorders import OrderedDish
from convonet.domains.hanok.seating.tables import MAX_PARTY, MAX_STAY_MINUTES, MIN_STAY_MINUTES, STAY_MINUTES
from convonet.domains.hanok.seating.waitlist import Place

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
    # the MCP SDK parses a text that is JSON
    list[OrderedDish] | str | None,
    Field(max_length=4000, description='The same as JSON: [{"menu_item_id": "bulgogi", "quantity": 2}].'),
]
SpecialRequests = Annotated[str | None, Field(max_length=2000, description="Allergies, high chairs, a birthday.")]
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


def ordinal(position: int) -> str:
    """ "1st", "2nd", "11th"."""
    last = "th" if position % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(position % 10, "th")
    return f"{position}{last}"


class ReservationStatus(BaseModel):
    """The data that a code alone shows: nothing about the person. `starts_at` is in the restaurant's zone."""

    confirmation_code: str
    party_size: int
    starts_at: datetime
    status: Status
    duration_minutes: int
    seating_status: SeatingStatus
    guest_waitlist_position: int | None = Field(description="1 is next; null when not waiting.")
    guest_waitlist_queue_size: int | None
    guest_waitlist_estimated_wait_minutes: int | None
    guest_waitlist_position_ordinal_en: str | None
    guest_waitlist_wait_time_hint: str | None
    assistant_seating_opening_hint: str = Field(description="A sentence about the table that can be spoken.")


class Reservation(ReservationStatus):
    """A reservation as its guest, its caller and the staff see it."""

    id: int
    guest_name: str
    guest_phone: str
    special_requests: str | None
    preorder_items: list[PreorderItem]
    food_subtotal_cents: int
    preorder_discount_cents: int
    food_total_cents: int
    source_channel: SourceChannel
    preferred_locale: str
    reminder_call_status: str | None
    guest_priority: GuestPriority
    tables_allocated: list[int] | None = Field(description="Sizes of the tables that are held.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: ReservationRow, house: House, place: Place | None) -> Reservation:
        """The row, and its place on the waitlist."""
        seating = known(row.seating_status, SeatingStatus.NOT_APPLICABLE)
        status = known(row.status, Status.CONFIRMED)
        return cls(
            id=row.id,
            confirmation_code=row.confirmation_code,
            guest_name=row.guest_name,
            guest_phone=row.guest_phone,
            party_size=row.party_size,
            starts_at=row.starts_at.astimezone(house.zone),
            status=status,
            special_requests=row.special_requests,
            preorder_items=stored_items(row.preorder_json),
            food_subtotal_cents=row.food_subtotal_cents,
            preorder_discount_cents=row.preorder_discount_cents,
            food_total_cents=row.food_total_cents,
            source_channel=known(row.source_channel, SourceChannel.ONLINE),
            preferred_locale=row.preferred_locale,
            reminder_call_status=row.reminder_call_status,
            duration_minutes=row.duration_minutes,
            seating_status=seating,
            guest_priority=known(row.guest_priority, GuestPriority.NORMAL),
            tables_allocated=row.tables or None,
            guest_waitlist_position=place.position if place else None,
            guest_waitlist_queue_size=place.queue_size if place else None,
            guest_waitlist_estimated_wait_minutes=place.wait_minutes if place else None,
            guest_waitlist_position_ordinal_en=ordinal(place.position) if place else None,
            guest_waitlist_wait_time_hint=f"about {place.wait_minutes} minutes" if place else None,
            assistant_seating_opening_hint=_opening_hint(status, place),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class Booked(BaseModel):
    """A new reservation, or the one that the same voice order made a moment ago."""

    reservation: Reservation
    deduplicated: bool


class Changed(BaseModel):
    """A reservation after a change that was asked for; `changed` is false when it was so already."""

    reservation: Reservation
    changed: bool


class ReservationPage(BaseModel):
    """One page of reservations by time; `total` counts those of all pages."""

    reservations: list[Reservation]
    total: int
    page: int
    page_size: int


class OpenSlot(BaseModel):
    """A half hour in which guests may arrive. `tables` is free tables by size, for the whole stay."""

    starts_at: datetime
    available: bool
    tables: dict[int, int]
    waiting: int = Field(description="Parties on the waitlist of this half hour.")


class Availability(BaseModel):
    """The coming half hours of a day in the restaurant's zone; empty when it is closed."""

    date: date
    timezone: str
    party_size: int
    opens_at: datetime | None
    closes_at: datetime | None
    slots: list[OpenSlot]


def _opening_hint(status: Status, place: Place | None) -> str:
    if place:
        return (
            f"You are {ordinal(place.position)} of {place.queue_size} on the waitlist, "
            f"with a wait of about {place.wait_minutes} minutes."
        )
    hints = {
        Status.PENDING: "We have your request and will confirm it.",
        Status.CONFIRMED: "Your table is reserved.",
        Status.SEATED: "You are at your table.",
        Status.COMPLETED: "Thank you for your visit.",
        Status.CANCELLED: "This reservation is cancelled.",
    }
    return hints[status]


@dataclass(frozen=True, slots=True)
class Booking:
    """A reservation to be made. `starts_at` is ISO 8601; without an offset it is the restaurant's own time."""

    guest_name: str
    guest_phone: str
    party_size: int
    starts_at: str
    special_requests: str | None = None
    preorder: Sequence[OrderLine] = ()
    source_channel: SourceChannel = SourceChannel.ONLINE
    duration_minutes: int = STAY_MINUTES
    waitlist_if_full: bool = True
    preferred_locale: str = "en"


@dataclass(frozen=True, slots=True)
class Amendment:
    """New details; None leaves a field as it is. An empty `preorder` removes the pre-order."""

    guest_name: str | None = None
    guest_phone: str | None = None
    party_size: int | None = None
    starts_at: str | None = None
    special_requests: str | None = None
    preorder: Sequence[OrderLine] | None = None
    duration_minutes: int | None = None
    preferred_locale: str | None = None
