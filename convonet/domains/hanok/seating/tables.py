"""The half hours of a stay, and the tables that suit a party: no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement

SLOT = timedelta(minutes=30)
STAY_MINUTES = 120
MIN_STAY_MINUTES, MAX_STAY_MINUTES = 30, 480

MAX_TABLES = 2
"""Tables that are pushed together for one party."""
MAX_PARTY = 20

Counts = Mapping[int, int]
"""The number of tables by size."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_of(moment: datetime) -> datetime:
    """The start of the half hour in which the moment lies."""
    return moment - (moment - _EPOCH) % SLOT


def slots_of(start: datetime, minutes: int) -> list[datetime]:
    """Every half hour that a stay touches."""
    end = start + timedelta(minutes=minutes)
    first = slot_of(start)
    return [first + SLOT * step for step in range(-((first - end) // SLOT))]


def free_throughout(slots: Iterable[Counts]) -> dict[int, int]:
    """The tables of each size that are free in all of the slots."""
    free: dict[int, int] | None = None
    for counts in slots:
        free = dict(counts) if free is None else {size: min(n, counts.get(size, 0)) for size, n in free.items()}
    return free or {}


def chosen_tables(party: int, free: Counts) -> list[int] | None:
    """The fewest tables with the fewest empty chairs, as their sizes; None when no combination suits."""
    sizes = sorted(size for size, count in free.items() if count > 0)
    for number in range(1, MAX_TABLES + 1):
        fitting = [
            choice
            for choice in combinations_with_replacement(sizes, number)
            if sum(choice) >= party and all(choice.count(size) <= free[size] for size in choice)
        ]
        if fitting:
            return list(min(fitting, key=sum))
    return None


def tables_needed(party: int, tables: Counts) -> int:
    """The number of tables that the party takes in an empty house; `MAX_TABLES` when it does not fit at all."""
    return len(chosen_tables(party, tables) or range(MAX_TABLES))
