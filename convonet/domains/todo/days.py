"""The meaning of days and times in a caller's time zone: when a day begins, which days "this week" has.

All functions take the present moment as an argument, so that they can be tested for any day of any year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from convonet.core.errors import DomainError

END_OF_DAY = time(23, 59)
"""The time of day of a due date that was said without a time."""

YEARS = range(1970, 2201)
"""Years that callers mean. Other years were misheard, and some could not be converted between zones."""


class Due(StrEnum):
    """A stretch of time that has a name. Weeks begin on Monday."""

    TODAY = "today"
    TOMORROW = "tomorrow"
    THIS_WEEK = "this_week"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` until just before `end`, in UTC; None leaves that side open."""

    start: datetime | None = None
    end: datetime | None = None

    def within(self, other: Window) -> Window:
        starts = [start for start in (self.start, other.start) if start]
        ends = [end for end in (self.end, other.end) if end]
        return Window(max(starts, default=None), min(ends, default=None))


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day, in UTC. Where a clock change skips midnight, it is the moment of the change."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def window_of(due: Due | None, now: datetime, zone: ZoneInfo) -> Window:
    """Return the window that a named period means in `zone` at `now`; without a period it is open."""
    today = now.astimezone(zone).date()
    match due:
        case None:
            return Window()
        case Due.OVERDUE:
            return Window(end=now)
        case Due.TODAY:
            return _days(today, 1, zone)
        case Due.TOMORROW:
            return _days(today + timedelta(days=1), 1, zone)
        case Due.THIS_WEEK:
            return _days(today - timedelta(days=today.weekday()), 7, zone)


def window_between(first: str | None, last: str | None, zone: ZoneInfo) -> Window:
    """Return the window from one ISO 8601 date (a whole day) or time to another, inclusive. Raises `DomainError`."""
    start, end = start_of(first, zone), until_of(last, zone)
    if end and _day(last) is None:
        end += timedelta.resolution
    if start and end and start >= end:
        raise DomainError("empty period", spoken="That period ends before it begins.")
    return Window(start, end)


def due_of(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment at which something is due, for an ISO 8601 date (the end of that day) or time."""
    return _moment(text, zone, END_OF_DAY)


def start_of(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment at which an ISO 8601 date or time begins."""
    return _moment(text, zone, time())


def until_of(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment until which something lasts, for an ISO 8601 date (the end of that day) or time."""
    day = _day(text)
    return start_of(text, zone) if day is None else start_of((day + timedelta(days=1)).isoformat(), zone)


def _days(first: date, count: int, zone: ZoneInfo) -> Window:
    return Window(day_start(first, zone), day_start(first + timedelta(days=count), zone))


def _moment(text: str | None, zone: ZoneInfo, clock_of_a_day: time) -> datetime | None:
    """Convert an ISO date or time, in the caller's zone unless it names one, to UTC. Raises `DomainError`."""
    if text is None:
        return None
    day = _day(text)
    try:
        moment = datetime.combine(day, clock_of_a_day) if day else datetime.fromisoformat(text)
    except ValueError:
        raise _not_understood(text) from None
    if moment.year not in YEARS:
        raise _not_understood(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    if day.year not in YEARS:
        raise _not_understood(day.isoformat())
    return day


def _not_understood(text: str) -> DomainError:
    return DomainError(f"bad date {text[:40]!r}", spoken="I didn't understand that date.")
