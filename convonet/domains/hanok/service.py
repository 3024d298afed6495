"""The service of the restaurant, for its HTTP API and its tools alike; each call is one transaction.

Callers on the voice line are known by their token, and a repeated call of theirs acts once.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.owner import Owner
from convonet.domains.hanok import booking as bookings
from convonet.domains.hanok import changes
from convonet.domains.hanok.access import ByStaff, Requester
from convonet.domains.hanok.enums import GuestPriority, SeatingStatus, Status
from convonet.domains.hanok.errors import Reason, ReservationRefused, no_reservation
from convonet.domains.hanok.house import House
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.schemas import (
    Amendment,
    Availability,
    Booked,
    Booking,
    Changed,
    Reservation,
    ReservationPage,
    ReservationStatus,
)
from convonet.domains.hanok.seating.availability import availability_on
from convonet.domains.hanok.seating.floor import Floor
from convonet.domains.hanok.seating.tables import SLOT, slot_of
from convonet.domains.hanok.seating.waitlist import places
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

Result = TypeVar("Result", bound=BaseModel)
RECENT = timedelta(hours=8)
"""A stay that began this long ago may not be over."""


class ReservationService:
    """Raises `ReservationRefused` by a rule, and `NotFound` for an unknown or another guest's reservation."""

    def __init__(self, database: Database, house: House, clock: Clock = utc_now) -> None:
        self._database = database
        self.house = house
        self._clock = clock

    async def availability(self, day: str, party_size: int) -> Availability:
        """The half hours of a day, "2026-12-01", and which of them a party can have for the usual stay."""
        async with self._database.reading() as session:
            return await availability_on(self._floor(session), self.house.day_of(day), party_size)

    async def book(self, booking: Booking, owner: Owner | None = None) -> Booked:
        """Make a reservation; with `owner` it is theirs."""
        return await self._change(Booked, owner, lambda floor: bookings.book(floor, booking, owner))

    async def amend(self, requester: Requester, amendment: Amendment, owner: Owner | None = None) -> Changed:
        return await self._changed(owner, lambda floor: changes.amend(floor, requester, amendment))

    async def set_status(
        self,
        requester: Requester,
        status: Status,
        *,
        retention_offer_acknowledged: bool = False,
        owner: Owner | None = None,
    ) -> Changed:
        """Confirm, seat, complete or cancel a reservation."""
        acknowledged = retention_offer_acknowledged
        return await self._changed(
            owner, lambda floor: changes.set_status(floor, requester, status, acknowledged=acknowledged)
        )

    async def set_priority(self, requester: ByStaff, priority: GuestPriority) -> Changed:
        return await self._changed(None, lambda floor: changes.decide_priority(floor, requester, priority))

    async def get(self, requester: Requester) -> Reservation:
        """The reservation that the requester may see."""
        async with self._database.reading() as session:
            floor = self._floor(session)
            return await self._shown(floor, await changes.find_reservation(floor, requester))

    async def status_of(self, code: str) -> ReservationStatus:
        """The data that the code alone shows."""
        async with self._database.reading() as session:
            floor = self._floor(session)
            row = await floor.reservations.by_code(code)
            if row is None:
                raise no_reservation()
            return ReservationStatus.model_validate((await self._shown(floor, row)).model_dump())

    async def of_caller(self, caller: uuid.UUID, phone: str | None, name: str | None) -> list[Reservation]:
        """The caller's coming reservations, the next one first."""
        async with self._database.reading() as session:
            floor = self._floor(session)
            rows = await floor.reservations.of_owner(caller, phone, floor.now - RECENT)
            return await self._all_shown(floor, _named(rows, name))

    async def lookup(self, phone: str, name: str | None) -> Reservation:
        """For the staff: the one reservation ahead under a phone number, and a name when there are several."""
        async with self._database.reading() as session:
            floor = self._floor(session)
            rows = _named(await floor.reservations.by_phone(phone, floor.now - RECENT), name)
            if not rows:
                raise no_reservation()
            if len(rows) > 1:
                raise ReservationRefused(
                    Reason.SEVERAL_MATCH, f"{len(rows)} reservations fit: please give the name or the code."
                )
            return await self._shown(floor, rows[0])

    async def search(self, status: Status | None, day: str | None, page: int, page_size: int) -> ReservationPage:
        """For the staff: reservations by time, of one status or one local day if named."""
        span = None
        if day is not None:
            local = self.house.day_of(day)
            span = self.house.day_span(local, local)
        async with self._database.reading() as session:
            floor = self._floor(session)
            rows, total = await floor.reservations.search(status, span, offset=(page - 1) * page_size, limit=page_size)
            shown = await self._all_shown(floor, rows)
        return ReservationPage(reservations=shown, total=total, page=page, page_size=page_size)

    async def _changed(
        self, owner: Owner | None, work: Callable[[Floor], Awaitable[tuple[ReservationRow, bool]]]
    ) -> Changed:
        async def shown(floor: Floor) -> Changed:
            row, changed = await work(floor)
            return Changed(reservation=await self._shown(floor, row), changed=changed)

        return await self._change(Changed, owner, shown)

    async def _change(
        self, result: type[Result], owner: Owner | None, work: Callable[[Floor], Awaitable[Result]]
    ) -> Result:
        async def held(session: AsyncSession) -> Result:
            floor = self._floor(session)
            await floor.inventory.hold()
            return await work(floor)

        if owner is None:
            async with self._database.transaction() as session:
                return await held(session)
        return await run_effect(self._database, owner, result, held)

    async def _shown(self, floor: Floor, row: ReservationRow) -> Reservation:
        return Reservation.of(row, self.house, await floor.place_of(row))

    async def _all_shown(self, floor: Floor, rows: Iterable[ReservationRow]) -> list[Reservation]:
        rows = list(rows)
        slots = [slot_of(row.starts_at) for row in rows if row.seating_status == SeatingStatus.WAITLIST]
        queue = places(await floor.reservations.waiting(min(slots), max(slots) + SLOT)) if slots else {}
        return [Reservation.of(row, self.house, queue.get(row.id)) for row in rows]

    def _floor(self, session: AsyncSession) -> Floor:
        return Floor(session, self.house, self._clock())


def _named(rows: Iterable[ReservationRow], name: str | None) -> list[ReservationRow]:
    wanted = " ".join((name or "").casefold().split())
    return [row for row in rows if wanted in " ".join(row.guest_name.casefold().split())]
