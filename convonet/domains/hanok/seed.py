"""Demo reservations for the coming days: two of the demo caller, others of guests who booked online."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.hanok.booking import reprice
from convonet.domains.hanok.enums import SeatingStatus, SourceChannel, Status
from convonet.domains.hanok.house import House
from convonet.domains.hanok.menu import OrderLine, priced
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phones import normalized
from convonet.domains.hanok.seating.floor import Floor
from convonet.domains.hanok.seating.tables import STAY_MINUTES
from convonet.settings import get_settings


@dataclass(frozen=True, slots=True)
class _Guest:
    code: str
    name: str
    phone: str
    party: int
    days_ahead: int
    clock: time
    order: tuple[OrderLine, ...] = ()
    wishes: str | None = None
    is_caller: bool = False


GUESTS = (
    _Guest(
        "HNK-DEM2", "Demo Caller", "+14155550100", 4, 2, time(19), (OrderLine("bulgogi", 2), OrderLine("japchae", 1)),
        "A quiet table, please.", is_caller=True,
    ),
    _Guest(
        "HNK-DEM3", "Demo Caller", "+14155550100", 12, 9, time(18, 30), (OrderLine("hanok_feast", 3),),
        "A birthday; we bring a cake.", is_caller=True,
    ),
    _Guest("HNK-FXH4", "Jamie Fictional", "+14155550111", 2, 1, time(18)),
    _Guest("HNK-KRT5", "Robin Sample", "+14155550122", 6, 2, time(19), (OrderLine("galbi", 4),), "One guest is vegan."),
    _Guest("HNK-PQW6", "Sasha Madeup", "+14155550133", 18, 3, time(19), (OrderLine("hanok_feast", 5),)),
    _Guest("HNK-VYZ7", "Alex Invented", "+14155550144", 5, 5, time(12, 30), wishes="A high chair."),
)  # fmt: skip


async def seed(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add missing reservations; a party for which no table is free is left out."""
    floor = Floor(session, House.of(get_settings().hanok), now)
    await floor.inventory.hold()
    for guest in GUESTS:
        if await floor.reservations.code_is_taken(guest.code):
            continue
        row = _row(guest, floor, user_id)
        if await floor.seat(row):
            await floor.reservations.add_reservation(row)


def _row(guest: _Guest, floor: Floor, user_id: uuid.UUID) -> ReservationRow:
    day = floor.now.astimezone(floor.house.zone).date() + timedelta(days=guest.days_ahead)
    row = ReservationRow(
        confirmation_code=guest.code,
        guest_name=guest.name,
        guest_phone=normalized(guest.phone),
        party_size=guest.party,
        starts_at=floor.house.moment_of(datetime.combine(day, guest.clock).isoformat()),
        status=Status.PENDING,
        special_requests=guest.wishes,
        source_channel=SourceChannel.VOICE if guest.is_caller else SourceChannel.ONLINE,
        preferred_locale="en",
        duration_minutes=STAY_MINUTES,
        seating_status=SeatingStatus.NOT_APPLICABLE,
        created_at=floor.now,
        updated_at=floor.now,
        owner_id=user_id if guest.is_caller else None,
    )
    reprice(row, priced(guest.order))
    return row
