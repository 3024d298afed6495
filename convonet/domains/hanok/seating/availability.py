"""Free tables of a day, half hour by half hour."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from convonet.domains.hanok.schemas import Availability, OpenSlot
from convonet.domains.hanok.seating.floor import Floor
from convonet.domains.hanok.seating.tables import SLOT, STAY_MINUTES, chosen_tables, free_throughout, slot_of, slots_of


async def availability_on(floor: Floor, day: date, party_size: int) -> Availability:
    """The half hours of a local day in which guests may still arrive."""
    zone = floor.house.zone
    opening = floor.house.hours.on(day, zone)
    slots: list[OpenSlot] = []
    if opening is not None:
        first, end = slot_of(opening.opens), opening.last_arrival + timedelta(minutes=STAY_MINUTES) + SLOT
        free = await floor.inventory.free(first, slot_of(end) + SLOT)
        waiting = Counter(slot_of(row.starts_at) for row in await floor.reservations.waiting(first, end))
        arrival = opening.opens
        while arrival <= opening.last_arrival:
            if arrival > floor.now:
                tables = free_throughout(free[slot] for slot in slots_of(arrival, STAY_MINUTES))
                slots.append(
                    OpenSlot(
                        starts_at=arrival.astimezone(zone),
                        available=chosen_tables(party_size, tables) is not None,
                        tables=tables,
                        waiting=waiting[slot_of(arrival)],
                    )
                )
            arrival += SLOT
    return Availability(
        date=day,
        timezone=str(zone),
        party_size=party_size,
        opens_at=opening.opens.astimezone(zone) if opening else None,
        closes_at=opening.closes.astimezone(zone) if opening else None,
        slots=slots,
    )
