"""The SQL of free tables. A slot's rows are made when it is first booked, from the house and the reservations.

`hold` makes bookings go one at a time, so that there are no deadlocks and a list that was read stays true. But it is
`take_tables` that prevents selling a table twice: one conditional UPDATE over all slots of a stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Case, and_, case, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import StorageError
from convonet.domains.hanok.enums import SeatingStatus
from convonet.domains.hanok.models import ReservationRow, SlotRow, stored_tables
from convonet.domains.hanok.seating.tables import MAX_STAY_MINUTES, SLOT, Counts, slots_of

SEATING_LOCK = 4_866_501
"""Key of the advisory lock that PostgreSQL's users of `hold` share."""


class TableTaken(StorageError):
    """The table was taken between reading and writing; a retry reads again."""


class Inventory:
    """Free tables within one transaction."""

    def __init__(self, session: AsyncSession, tables: Counts) -> None:
        self._session = session
        self._tables = tables

    async def hold(self) -> None:
        """Lock all seating until the end of the transaction. Comes before anything is read."""
        if self._dialect == "postgresql":  # on SQLite a transaction that writes has the write lock already
            await self._session.execute(text(f"SELECT pg_advisory_xact_lock({SEATING_LOCK})"))

    async def free(self, first: datetime, end: datetime) -> dict[datetime, dict[int, int]]:
        """Free tables of every slot from `first` to before `end`."""
        rows = await self._session.execute(
            select(SlotRow.slot_start, SlotRow.table_size, SlotRow.available_count).where(
                SlotRow.slot_start >= first, SlotRow.slot_start < end
            )
        )
        known: dict[datetime, dict[int, int]] = {}
        for slot, size, count in rows:
            known.setdefault(slot, {})[size] = count
        slots = [first + SLOT * step for step in range((end - first) // SLOT)]
        unknown = [slot for slot in slots if not self._tables.keys() <= known.get(slot, {}).keys()]
        taken = await self._booked(unknown) if unknown else {}
        return {slot: self._counts(taken.get(slot, Counter())) | known.get(slot, {}) for slot in slots}

    async def take_tables(self, slots: Sequence[datetime], tables: Sequence[int]) -> None:
        """Hold the tables in all of the slots, or raise `TableTaken`: then the transaction must end."""
        free = await self.free(slots[0], slots[-1] + SLOT)
        await self._make_rows({slot: free[slot] for slot in slots})
        wanted = Counter(tables)
        done = await self._session.execute(
            update(SlotRow)
            .where(
                SlotRow.slot_start.in_(slots),
                or_(*(and_(SlotRow.table_size == size, SlotRow.available_count >= n) for size, n in wanted.items())),
            )
            .values(available_count=SlotRow.available_count - _number_of(wanted))
            .execution_options(synchronize_session=False)
        )
        assert isinstance(done, CursorResult)  # noqa: S101 -- an UPDATE gives no other
        if done.rowcount != len(slots) * len(wanted):
            raise TableTaken(f"{tables} in {slots[0]:%Y-%m-%d %H:%M}")

    async def return_tables(self, slots: Sequence[datetime], tables: Sequence[int]) -> None:
        """Free the tables again in all of the slots."""
        wanted = Counter(tables)
        await self._session.execute(
            update(SlotRow)
            .where(SlotRow.slot_start.in_(slots), SlotRow.table_size.in_(list(wanted)))
            .values(available_count=SlotRow.available_count + _number_of(wanted))
            .execution_options(synchronize_session=False)
        )

    async def _make_rows(self, counts: Mapping[datetime, Counts]) -> None:
        insert = postgresql.insert if self._dialect == "postgresql" else sqlite.insert
        rows = [
            {"slot_start": slot, "table_size": size, "available_count": count}
            for slot, sizes in counts.items()
            for size, count in sizes.items()
        ]
        await self._session.execute(insert(SlotRow).values(rows).on_conflict_do_nothing())

    async def _booked(self, slots: Sequence[datetime]) -> dict[datetime, Counter[int]]:
        rows = await self._session.execute(
            select(
                ReservationRow.starts_at, ReservationRow.duration_minutes, ReservationRow.tables_allocated_json
            ).where(
                ReservationRow.seating_status == SeatingStatus.ALLOCATED,
                ReservationRow.starts_at > slots[0] - timedelta(minutes=MAX_STAY_MINUTES),
                ReservationRow.starts_at < slots[-1] + SLOT,
            )
        )
        taken: dict[datetime, Counter[int]] = {}
        for start, minutes, tables in rows:
            for slot in slots_of(start, minutes):
                taken.setdefault(slot, Counter()).update(stored_tables(tables))
        return taken

    def _counts(self, taken: Counter[int]) -> dict[int, int]:
        return {size: max(0, count - taken[size]) for size, count in self._tables.items()}

    @property
    def _dialect(self) -> str:
        return self._session.get_bind().dialect.name


def _number_of(wanted: Counter[int]) -> Case[int]:
    return case(dict(wanted), value=SlotRow.table_size, else_=0)
