"""The SQL of reservations."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.hanok.enums import AHEAD, SeatingStatus, SourceChannel, Status
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phones import spellings
from convonet.domains.hanok.seating.tables import MAX_STAY_MINUTES, SLOT, slot_of

SAME_ORDER = timedelta(seconds=120)
"""A voice order that comes again within this time is the same one, said or sent twice."""


class ReservationRepository:
    """Reservations within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_reservation(self, row: ReservationRow) -> None:
        """Add a reservation; it has its id afterwards."""
        self._session.add(row)
        await self._session.flush()

    async def save(self) -> None:
        """Flush changes to the database, so that queries see them."""
        await self._session.flush()

    async def by_id(self, reservation_id: int) -> ReservationRow | None:
        return await self._session.get(ReservationRow, reservation_id)

    async def by_code(self, code: str) -> ReservationRow | None:
        """A reservation by confirmation code."""
        return await self._session.scalar(select(ReservationRow).where(ReservationRow.confirmation_code == code))

    async def code_is_taken(self, code: str) -> bool:
        """Say whether the code was given out already."""
        found = await self._session.scalar(select(ReservationRow.id).where(ReservationRow.confirmation_code == code))
        return found is not None

    async def same_orders(self, row: ReservationRow, now: datetime) -> Sequence[ReservationRow]:
        """Voice orders of the last two minutes with the phone number, slot and party of this one."""
        slot = slot_of(row.starts_at)
        found = await self._session.scalars(
            select(ReservationRow)
            .where(
                ReservationRow.guest_phone == row.guest_phone,
                ReservationRow.party_size == row.party_size,
                ReservationRow.starts_at >= slot,
                ReservationRow.starts_at < slot + SLOT,
                ReservationRow.source_channel == SourceChannel.VOICE,
                ReservationRow.status != Status.CANCELLED,
                ReservationRow.created_at >= now - SAME_ORDER,
            )
            .order_by(ReservationRow.id)
        )
        return found.all()

    async def of_owner(self, owner_id: uuid.UUID, phone: str | None, since: datetime) -> Sequence[ReservationRow]:
        """The reservations that a caller made by voice and that are still ahead, the next one first."""
        query = select(ReservationRow).where(
            ReservationRow.owner_id == owner_id,
            ReservationRow.status != Status.CANCELLED,
            ReservationRow.starts_at >= since,
        )
        if phone is not None:
            query = query.where(ReservationRow.guest_phone.in_(spellings(phone)))
        ordered = query.order_by(ReservationRow.starts_at, ReservationRow.id).limit(20)
        return (await self._session.scalars(ordered)).all()

    async def by_phone(self, phone: str, since: datetime) -> Sequence[ReservationRow]:
        """The coming reservations under a phone number."""
        found = await self._session.scalars(
            select(ReservationRow)
            .where(
                ReservationRow.guest_phone.in_(spellings(phone)),
                ReservationRow.status.in_(list(AHEAD)),
                ReservationRow.starts_at >= since,
            )
            .order_by(ReservationRow.starts_at, ReservationRow.id)
            .limit(100)
        )
        return found.all()

    async def waiting(self, first: datetime, end: datetime) -> Sequence[ReservationRow]:
        """The parties that wait for a table from `first` to before `end`, in no order."""
        found = await self._session.scalars(
            select(ReservationRow).where(
                ReservationRow.seating_status == SeatingStatus.WAITLIST,
                ReservationRow.status == Status.PENDING,
                ReservationRow.starts_at >= first,
                ReservationRow.starts_at < end,
            )
        )
        return found.all()

    async def waiting_around(self, slots: Sequence[datetime]) -> Sequence[ReservationRow]:
        """The parties that wait for a stay that may overlap one of the slots."""
        longest = timedelta(minutes=MAX_STAY_MINUTES)
        return await self.waiting(min(slots) - longest, max(slots) + SLOT)

    async def search(
        self, status: Status | None, span: tuple[datetime, datetime] | None, *, offset: int, limit: int
    ) -> tuple[Sequence[ReservationRow], int]:
        """One page of reservations by time, and how many there are in all."""
        query = _filtered(select(ReservationRow), status, span)
        ordered = query.order_by(ReservationRow.starts_at, ReservationRow.id).offset(offset).limit(limit)
        total = await self._session.scalar(_filtered(select(func.count()).select_from(ReservationRow), status, span))
        return (await self._session.scalars(ordered)).all(), total or 0


def _filtered(query: Select[Any], status: Status | None, span: tuple[datetime, datetime] | None) -> Select[Any]:
    if status is not None:
        query = query.where(ReservationRow.status == status)
    if span is not None:
        query = query.where(ReservationRow.starts_at >= span[0], ReservationRow.starts_at < span[1])
    return query
