"""Opening hours: parsed from the setting, and computed for a day in the restaurant's time zone.

The settings check their text with it, and the restaurant its bookings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST_ARRIVAL = timedelta(hours=1)
"""Time before closing at which the last party may arrive; a later one would not get its food."""

_ENTRY = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? ([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Opening:
    """One period in which the restaurant is open, in UTC; guests may arrive until `last_arrival`."""

    opens: datetime
    last_arrival: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Opening and closing time of each weekday, Monday first; None when closed."""

    week: tuple[tuple[time, time] | None, ...]

    @classmethod
    def parse(cls, text: str) -> OpeningHours:
        """Parse "mon-thu 11:30-22:00; fri-sat 11:30-01:00"; days that are not named are closed.

        A closing time that is not after the opening time is on the next day.

        Raises:
            ValueError: It names the entry at fault.
        """
        week: list[tuple[time, time] | None] = [None] * 7
        for entry in text.lower().split(";"):
            days, shift = _parse_entry(entry.strip())
            for day in days:
                if week[day] is not None:
                    raise ValueError(f"{WEEKDAYS[day]} is named twice")
                week[day] = shift
        return cls(tuple(week))

    def on(self, day: date, zone: ZoneInfo) -> Opening | None:
        """Return the opening on the local `day`, None when the restaurant is closed."""
        shift = self.week[day.weekday()]
        if shift is None:
            return None
        opens, closes = shift
        last_day = day if closes > opens else day + timedelta(days=1)
        end = datetime.combine(last_day, closes, zone).astimezone(UTC)
        return Opening(datetime.combine(day, opens, zone).astimezone(UTC), end - LAST_ARRIVAL, end)

    def lets_in(self, arrival: datetime, zone: ZoneInfo) -> bool:
        """Return whether guests may arrive at that time."""
        local = arrival.astimezone(zone).date()
        openings = (self.on(local, zone), self.on(local - timedelta(days=1), zone))
        return any(opening and opening.opens <= arrival <= opening.last_arrival for opening in openings)


def _parse_entry(entry: str) -> tuple[list[int], tuple[time, time]]:
    found = _ENTRY.fullmatch(entry)
    if found is None or not {found[1], found[2] or found[1]} <= set(WEEKDAYS):
        raise ValueError(f"'{entry}' is not like 'mon-thu 11:30-22:00'")
    first, last = WEEKDAYS.index(found[1]), WEEKDAYS.index(found[2] or found[1])
    try:
        shift = time.fromisoformat(found[3]), time.fromisoformat(found[4])
    except ValueError:
        raise ValueError(f"'{entry}' names no time of day") from None
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)], shift
