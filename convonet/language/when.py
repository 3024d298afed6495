"""Spoken dates and times: "tomorrow at five", "half past seven next Friday", "by the end of the month".

Todos and forms find such a phrase in a sentence here; `days` and `clock` read it, in the caller's time zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from convonet.language.clock import CLOCK, MARKED_CLOCK, NUMBER, part_of_day, read_clock
from convonet.language.days import ORDINAL, WEEKDAYS, day_of

_WEEKDAY = "|".join(WEEKDAYS)
_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_PART = r"(?: (?:in the |early )?(?P<part>morning|afternoon|evening|night))?"
_DAY = (
    r"(?P<named>the day after tomorrow|day after tomorrow|today|tonight|tomorrow|later today)" + _PART,
    rf"(?P<which>this coming |this |next |coming )?(?P<weekday>{_WEEKDAY})" + _PART.replace("part", "part2"),
    r"in the (?P<inthe>morning|afternoon|evening)",
    r"this (?P<this>morning|afternoon|evening|weekend|week|month)",
    r"next (?P<next>weekend|week|month|year)",
    r"(?:the )?end of (?:the |this )?(?P<end>day|week|month|year)",
    rf"in (?P<distance>half an hour|(?:an?|{NUMBER}|a couple of|a few) (?:minute|hour|day|week|month|year)s?)",
    rf"(?:the )?(?P<date>(?:{_MONTH})\.? (?:the )?(?:{ORDINAL}|{NUMBER})(?:,? \d{{4}})?"
    rf"|(?:{ORDINAL}|\d{{1,2}})(?: of)? (?:{_MONTH})(?:,? \d{{4}})?|\d{{4}}-\d\d-\d\d"
    rf"|\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?)",
    rf"the (?P<monthday>{ORDINAL})",
)
_DAY_GROUP = "(?:" + "|".join(_DAY) + ")"
_BEFORE = r"(?:(?:is |are |it's )?due )?(?:on |by |before |until |till |for |starting )?"
_BEFORE_CLOCK = r"(?:at|by|before|around|until) "
_AT_CLOCK = rf"(?:{_BEFORE_CLOCK}(?P<clock>{CLOCK})|(?P<marked>{MARKED_CLOCK}))"
_PHRASES = (
    # "at five tomorrow"
    rf"(?:due )?{_AT_CLOCK},? (?:on )?{_DAY_GROUP}",
    # "tomorrow at five", "on friday", "due next week by noon"
    rf"{_BEFORE}{_DAY_GROUP}(?:,? {_AT_CLOCK})?",
    # "at five", "due 5 pm"
    rf"(?:due |for )?{_AT_CLOCK}",
)
_AT_END = [re.compile(rf"(?:^|[\s,]){phrase}$", re.IGNORECASE) for phrase in _PHRASES]
_AT_START = [re.compile(rf"{phrase}(?=$|[\s,])", re.IGNORECASE) for phrase in _PHRASES]
_WHOLE = [re.compile(phrase, re.IGNORECASE) for phrase in _PHRASES]
_WITHIN = [re.compile(rf"(?:^|(?<=[\s,])){phrase}(?=$|[\s,])", re.IGNORECASE) for phrase in _PHRASES]


@dataclass(frozen=True, slots=True)
class Due:
    """A day, and a time if one was said, in the caller's zone."""

    day: date
    clock: time | None = None

    def __str__(self) -> str:
        """Format as ISO 8601, as tools take it."""
        if self.clock is None:
            return self.day.isoformat()
        return datetime.combine(self.day, self.clock).isoformat(timespec="minutes")


def due_at_end(text: str, now: datetime) -> tuple[str, Due | None]:
    """Cut a time phrase off the end of `text`; return the rest and the time."""
    found = [match for pattern in _AT_END if (match := pattern.search(text))]
    for match in sorted(found, key=lambda match: match.start()):
        if due := _read(match, now):
            return text[: match.start()].rstrip(" ,"), due
    return text, None


def due_at_start(text: str, now: datetime) -> tuple[str, Due | None]:
    """Cut a time phrase off the start of `text`; return the rest and the time."""
    found = [match for pattern in _AT_START if (match := pattern.match(text))]
    for match in sorted(found, key=lambda match: -match.end()):
        if due := _read(match, now):
            return text[match.end() :].lstrip(" ,"), due
    return text, None


def due_of(text: str, now: datetime) -> Due | None:
    """Read a `text` that is only a time phrase; an hour alone ("five", "half past six") counts."""
    for pattern in _WHOLE:
        found = pattern.fullmatch(text)
        if found and (due := _read(found, now)):
            return due
    hour = re.fullmatch(CLOCK, text, re.IGNORECASE)
    return _due(None, read_clock(text, None, now.time()), now) if hour else None


@dataclass(frozen=True, slots=True)
class DayAndTime:
    """A day, a time, or both, exactly as said: unlike in `Due`, nothing is assumed."""

    day: date | None
    clock: time | None


def day_and_time_in(text: str, now: datetime) -> tuple[str, DayAndTime] | None:
    """Find the longest time phrase in `text`; return the text without it, and the day and time."""
    found = [match for pattern in _WITHIN for match in pattern.finditer(text)]
    for match in sorted(found, key=lambda match: match.start() - match.end()):
        said = _spoken(match, now)
        if said.day or said.clock:
            return " ".join(f"{text[: match.start()]} {text[match.end() :]}".split()), said
    return None


def day_and_time_of(text: str, now: datetime) -> DayAndTime | None:
    """Read a `text` that is only a time phrase; an hour alone ("five", "half past six") counts."""
    for pattern in _WHOLE:
        if (found := pattern.fullmatch(text)) and (said := _spoken(found, now)) != DayAndTime(None, None):
            return said
    clock = read_clock(text, None, None) if re.fullmatch(CLOCK, text, re.IGNORECASE) else None
    return DayAndTime(None, clock) if clock else None


def _spoken(found: re.Match[str], now: datetime) -> DayAndTime:
    groups = _groups(found)
    try:
        day = day_of(groups, now)
    except ValueError:
        return DayAndTime(None, None)
    if isinstance(day, datetime):
        return DayAndTime(day.date(), day.time().replace(second=0, microsecond=0))
    said = groups.get("clock") or groups.get("marked")
    return DayAndTime(day, read_clock(said, _part(groups), None) if said else None)


def _groups(found: re.Match[str]) -> dict[str, str]:
    return {name: value.lower() for name, value in found.groupdict().items() if value}


def _part(groups: dict[str, str]) -> str | None:
    if groups.get("named") == "tonight":
        return "night"
    return groups.get("part") or groups.get("part2") or groups.get("this") or groups.get("inthe")


def _read(found: re.Match[str], now: datetime) -> Due | None:
    groups = _groups(found)
    part = _part(groups)
    try:
        day = day_of(groups, now)
    except ValueError:
        return None
    if isinstance(day, datetime):
        return Due(day.date(), day.time().replace(second=0, microsecond=0))
    if said := groups.get("clock") or groups.get("marked"):
        not_before = now.time() if day in {None, now.date()} else None
        return _due(day, read_clock(said, part, not_before), now)
    if day is None:
        return None
    return Due(day, part_of_day(part) if part else None)


def _due(day: date | None, clock: time | None, now: datetime) -> Due | None:
    if clock is None:
        return None
    if day is None:
        day = now.date() if clock > now.time() else now.date() + timedelta(days=1)
    return Due(day, clock)
