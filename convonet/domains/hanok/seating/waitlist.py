"""The waitlist of a slot: its order, the waiting time, and whether one more party may join. No database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from convonet.domains.hanok.enums import GuestPriority
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.seating.tables import Counts, slot_of, tables_needed

MAX_UNITS = 5
"""Tables that may be waited for in one slot: a later party would hardly get one."""
MINUTES_PER_POSITION = 15


@dataclass(frozen=True, slots=True)
class Place:
    """A party's position in the queue of its slot; the first is 1."""

    position: int
    queue_size: int

    @property
    def wait_minutes(self) -> int:
        return self.position * MINUTES_PER_POSITION


def in_order(waiting: Iterable[ReservationRow]) -> list[ReservationRow]:
    """Sort VIPs first, then by arrival on the list."""
    return sorted(waiting, key=lambda row: (row.guest_priority != GuestPriority.VIP, row.created_at, row.id))


def places(waiting: Iterable[ReservationRow]) -> dict[int, Place]:
    """The place of each waiting party, by reservation id; each slot has a queue of its own."""
    queues: dict[object, list[ReservationRow]] = {}
    for row in in_order(waiting):
        queues.setdefault(slot_of(row.starts_at), []).append(row)
    return {
        row.id: Place(position, len(queue)) for queue in queues.values() for position, row in enumerate(queue, start=1)
    }


def has_room(waiting: Iterable[ReservationRow], party: int, tables: Counts) -> bool:
    """Say whether one more party may join the queue of its slot."""
    units = sum(tables_needed(row.party_size, tables) for row in waiting)
    return units + tables_needed(party, tables) <= MAX_UNITS
