"""The plan year of a given day. It begins each year on the same day, whatever year a plan was stored in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class PlanYear:
    """From `start` to `end`, both included."""

    start: date
    end: date

    @property
    def number(self) -> int:
        """The year in which it began, as `member_accumulations.plan_year` counts."""
        return self.start.year


def plan_year_on(day: date, anniversary: date) -> PlanYear:
    """The plan year of `day` for a plan whose years begin on the month and day of `anniversary`."""
    start = _begin(day.year, anniversary)
    if day < start:
        start = _begin(day.year - 1, anniversary)
    return PlanYear(start, _begin(start.year + 1, anniversary) - timedelta(days=1))


def _begin(year: int, anniversary: date) -> date:
    try:
        return anniversary.replace(year=year)
    except ValueError:
        # February 29 in a year that has none
        return date(year, 3, 1)
