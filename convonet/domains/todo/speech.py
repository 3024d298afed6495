"""Dates, times and lists as the tools and the offline skill say them aloud."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from convonet.domains.speech import spoken_clock
from convonet.domains.todo.days import END_OF_DAY

MAX_SPOKEN = 5
"""Things that a caller can follow in one breath."""


def spoken_due(due_date: str | None) -> str:
    """ ", due Tuesday, December 1 at 5 pm" for ISO 8601 in the caller's zone; nothing for no date."""
    return f", due {spoken_moment(due_date)}" if due_date else ""


def spoken_moment(moment: str) -> str:
    """ "Tuesday, December 1 at 5 pm"; the day alone for the end of a day, which was said without a time."""
    said = datetime.fromisoformat(moment)
    return _day(said) if said.time() == END_OF_DAY else f"{_day(said)} at {spoken_clock(said)}"


def spoken_span(first: str, last: str | None) -> str:
    """ "Tuesday, December 1 from 3 pm to 4 pm"; an event of whole days is said by its days."""
    start = datetime.fromisoformat(first)
    end = datetime.fromisoformat(last) if last else start
    if start.time() == end.time() == time() and start < end:
        last_day = end - timedelta(days=1)
        return _day(start) if last_day.date() == start.date() else f"{_day(start)} to {_day(last_day)}"
    if end == start:
        return f"{_day(start)} at {spoken_clock(start)}"
    day = "" if end.date() == start.date() else f"{_day(end)} at "
    return f"{_day(start)} from {spoken_clock(start)} to {day}{spoken_clock(end)}"


def in_one_breath(names: Sequence[str], *, between: str = ", ") -> str:
    """ "milk, bread and eggs", with "and 3 more" when there are too many; at least one name."""
    spoken = names[:MAX_SPOKEN]
    rest = len(names) - len(spoken)
    last = f"{'; ' if between == '; ' else ' '}and "
    named = spoken[0] if len(spoken) == 1 else f"{between.join(spoken[:-1])}{last}{spoken[-1]}"
    return f"{named}{f', and {rest} more' if rest else ''}"


def _day(moment: datetime) -> str:
    return moment.strftime("%A, %B ") + str(moment.day)
