"""The floor of one evening: seats parties, frees their tables, and promotes from the waitlist.

Used within a transaction that holds the inventory, so that its reads stay true.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.hanok.enums import SeatingStatus, Status
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.hanok.house import House
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.repository import ReservationRepository
from convonet.domains.hanok.seating.inventory import Inventory
from convonet.domains.hanok.seating.tables import SLOT, chosen_tables, free_throughout, slot_of, slots_of
from convonet.domains.hanok.seating.waitlist import Place, has_room, in_order, places


class Floor:
    """Tables and waitlist within one transaction."""

    def __init__(self, session: AsyncSession, house: House, now: datetime) -> None:
        self.house = house
        self.now = now
        self.reservations = ReservationRepository(session)
        self.inventory = Inventory(session, house.tables)

    async def seat(self, row: ReservationRow) -> bool:
        """Hold tables for the whole stay if there are any; the reservation is confirmed then."""
        slots = slots_of(row.starts_at, row.duration_minutes)
        free = await self.inventory.free(slots[0], slots[-1] + SLOT)
        tables = chosen_tables(row.party_size, free_throughout(free.values()))
        if tables is None:
            return False
        await self.inventory.take_tables(slots, tables)
        row.tables = tables
        row.seating_status = SeatingStatus.ALLOCATED
        row.status = Status.CONFIRMED
        return True

    async def seat_or_queue(self, row: ReservationRow, *, may_wait: bool) -> None:
        """Hold tables, else put the party on the waitlist. Raises `ReservationRefused` when it can have neither."""
        if await self.seat(row):
            return
        if not may_wait:
            raise ReservationRefused(Reason.NO_TABLE, "There is no free table for your party at that time.")
        slot = slot_of(row.starts_at)
        ahead = [other for other in await self.reservations.waiting(slot, slot + SLOT) if other is not row]
        if not has_room(ahead, row.party_size, self.house.tables):
            raise ReservationRefused(
                Reason.WAITLIST_FULL, "There is no free table at that time, and the waitlist is full too."
            )
        row.seating_status = SeatingStatus.WAITLIST
        row.status = Status.PENDING

    async def release(self, row: ReservationRow) -> list[datetime]:
        """Free the party's tables or its place on the waitlist; the slots in which tables are free now."""
        slots, tables = slots_of(row.starts_at, row.duration_minutes), row.tables
        held = row.seating_status == SeatingStatus.ALLOCATED and bool(tables)
        if held:
            await self.inventory.return_tables(slots, tables)
        row.tables = []
        row.seating_status = SeatingStatus.NOT_APPLICABLE
        return slots if held else []

    async def promote(self, freed: list[datetime]) -> None:
        """Seat parties that wait for the freed slots, in the order of the waitlist."""
        if not freed:
            return
        await self.reservations.save()
        touched = set(freed)
        for row in in_order(await self.reservations.waiting_around(freed)):
            stay = slots_of(row.starts_at, row.duration_minutes)
            if row.starts_at > self.now and not touched.isdisjoint(stay) and await self.seat(row):
                row.updated_at = self.now

    async def place_of(self, row: ReservationRow) -> Place | None:
        """The party's position on the waitlist; None when it does not wait."""
        if row.seating_status != SeatingStatus.WAITLIST or row.status != Status.PENDING:
            return None
        await self.reservations.save()
        slot = slot_of(row.starts_at)
        return places(await self.reservations.waiting(slot, slot + SLOT)).get(row.id)
