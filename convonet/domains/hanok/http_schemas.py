"""The HTTP API's requests. They are strict: anything outside the schema is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from convonet.domains.hanok.access import ByCode
from convonet.domains.hanok.enums import GuestPriority, SourceChannel, Status
from convonet.domains.hanok.menu import DISHES, MAX_QUANTITY, MenuItem, OrderLine
from convonet.domains.hanok.schemas import Amendment, Booking
from convonet.domains.hanok.seating.tables import MAX_PARTY, MAX_STAY_MINUTES, MIN_STAY_MINUTES, STAY_MINUTES

MAX_LINES = 20
MAX_ID = 2**31 - 1
_DAY = r"20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"

# no control characters: PostgreSQL stores no NUL, and the others break pages and logs
GuestName = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")
]

Phone = Annotated[
    str,
    StringConstraints(pattern=r"^\+?(?:[ ().-]{0,2}[0-9]){7,15}$"),
    Field(description="7 to 15 digits; ten digits are a number of North America.", examples=["+1 415 555 0100"]),
]

LocalMoment = Annotated[
    str,
    StringConstraints(pattern=f"^{_DAY}T{_CLOCK}{_OFFSET}$"),
    Field(description="ISO 8601; without an offset it is the restaurant's own time.", examples=["2026-12-01T19:00"]),
]

LocalDay = Annotated[
    str,
    Query(pattern=f"^{_DAY}$", description="A day in the restaurant's time zone.", examples=["2026-12-01"]),
]
Requests = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]


def _whole(value: object) -> object:
    # in JSON 4.0 is the same number as 4
    return int(value) if isinstance(value, float) and value.is_integer() else value


PartySize = Annotated[int, Field(ge=1, le=MAX_PARTY), BeforeValidator(_whole)]
Minutes = Annotated[int, Field(ge=MIN_STAY_MINUTES, le=MAX_STAY_MINUTES), BeforeValidator(_whole)]
Quantity = Annotated[int, Field(ge=0, le=MAX_QUANTITY), BeforeValidator(_whole)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(?:-[A-Za-z]{2,8})?$", max_length=16)]
Code = Annotated[str, Path(pattern=r"^HNK-[A-Z0-9]{4}$", examples=["HNK-7K2M"])]
ReservationId = Annotated[int, Path(ge=1, le=MAX_ID)]


def _on_menu(dish: str) -> str:
    if dish not in DISHES:
        raise ValueError("is not on the menu")
    return dish


DishId = Annotated[str, AfterValidator(_on_menu), Field(json_schema_extra={"enum": list(DISHES)})]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PreorderLine(_Body):
    """A dish and its quantity; a quantity of 0 removes it."""

    menu_item_id: DishId
    quantity: Quantity

    def line(self) -> OrderLine:
        return OrderLine(self.menu_item_id, self.quantity)


Preorder = Annotated[list[PreorderLine], Field(max_length=MAX_LINES)]


class CreateReservation(_Body):
    """A reservation to be made."""

    guest_name: GuestName
    guest_phone: Phone
    party_size: PartySize
    starts_at: LocalMoment
    special_requests: Requests | None = None
    preorder: Preorder = []
    source_channel: Annotated[SourceChannel, Field(strict=False)] = SourceChannel.ONLINE
    duration_minutes: Minutes = STAY_MINUTES
    waitlist_if_full: bool = True
    preferred_locale: Locale = "en"

    def booking(self) -> Booking:
        return Booking(
            guest_name=self.guest_name,
            guest_phone=self.guest_phone,
            party_size=self.party_size,
            starts_at=self.starts_at,
            special_requests=self.special_requests,
            preorder=[line.line() for line in self.preorder],
            source_channel=self.source_channel,
            duration_minutes=self.duration_minutes,
            waitlist_if_full=self.waitlist_if_full,
            preferred_locale=self.preferred_locale,
        )


class Details(_Body):
    """New details; fields that are left out or null stay."""

    guest_name: GuestName | None = None
    party_size: PartySize | None = None
    starts_at: LocalMoment | None = None
    special_requests: Requests | None = None
    preorder: Annotated[Preorder | None, Field(description="Replaces the pre-order; [] takes it away.")] = None
    duration_minutes: Minutes | None = None
    preferred_locale: Locale | None = None

    def amendment(self, guest_phone: str | None = None) -> Amendment:
        return Amendment(
            guest_name=self.guest_name,
            guest_phone=guest_phone,
            party_size=self.party_size,
            starts_at=self.starts_at,
            special_requests=self.special_requests,
            preorder=None if self.preorder is None else [line.line() for line in self.preorder],
            duration_minutes=self.duration_minutes,
            preferred_locale=self.preferred_locale,
        )


class WithPhone(_Body):
    """The phone number of the reservation, which together with the code proves the right to it."""

    guest_phone: Phone

    def requester(self, code: str) -> ByCode:
        return ByCode(code, self.guest_phone)


class GuestDetails(Details, WithPhone):
    """A guest's change. `guest_phone` proves the right to the reservation; the staff can change it."""


class StaffDetails(Details):
    """The staff's change."""

    guest_phone: Phone | None = None


class Cancellation(_Body):
    """From a food total of 300 dollars on, cancelling needs the acknowledgement."""

    retention_offer_acknowledged: bool = False


class GuestStatus(Cancellation, WithPhone):
    """A guest confirms or cancels."""

    status: Literal["confirmed", "cancelled"]


class StaffStatus(Cancellation):
    """The staff takes a reservation to its next status."""

    status: Annotated[Status, Field(strict=False)]


class Priority(_Body):
    """The staff's decision, which overrules the order's amount."""

    guest_priority: Annotated[GuestPriority, Field(strict=False)]


class Menu(BaseModel):
    """All dishes; prices in cents. Ordering ahead takes `preorder_discount_percent` off."""

    items: list[MenuItem]
    preorder_discount_percent: int
