"""What the restaurant tells: the same models for the HTTP API and the tools. Amounts are cents."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from convonet.domains.hanok.house import House
from convonet.domains.hanok.menu import PreorderItem, stored_items
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phrasing import ordinal
from convonet.domains.hanok.vocabulary import GuestPriority, SeatingStatus, SourceChannel, Status, known
from convonet.domains.hanok.waitlist import Place


class ReservationStatus(BaseModel):
    """What a confirmation code alone tells: nothing about the person. `starts_at` is in the restaurant's zone."""

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
    """The half hours of a day of the restaurant's zone that are still ahead; none when it is closed."""

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
