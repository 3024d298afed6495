"""Dates and times as people say them: "tomorrow at five", "half past seven next Friday", "by the end of the month".

Words become a `Due` in the caller's time zone. Months, numbers and distances are read by dateparser; what English
speakers mean by a bare hour, by "next Friday" or by "this weekend" is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dateparser.date import DateDataParser

from convonet.agents.clock import CLOCK, MARKED_CLOCK, NUMBER, number_of, part_of_day, read_clock

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_WEEKDAY = "|".join(WEEKDAYS)
_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = _ORDINAL_WORDS.split()
_ORDINAL = (
    r"\d{1,2}(?:st|nd|rd|th)|thirty[ -]first|thirtieth|twenty[ -](?:"
    + "|".join(_ORDINALS[:9])
    + ")|"
    + "|".join(sorted(_ORDINALS, key=len, reverse=True))
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
    rf"(?:the )?(?P<date>(?:{_MONTH})\.? (?:the )?(?:{_ORDINAL}|{NUMBER})(?:,? \d{{4}})?"
    rf"|(?:{_ORDINAL}|\d{{1,2}})(?: of)? (?:{_MONTH})(?:,? \d{{4}})?|\d{{4}}-\d\d-\d\d"
    rf"|\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?)",
    rf"the (?P<monthday>{_ORDINAL})",
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

_SMALL_DISTANCE = re.compile(r"minute|hour")


@dataclass(frozen=True, slots=True)
class Due:
    """A day, and a time if one was said, in the caller's zone."""

    day: date
    clock: time | None = None

    def __str__(self) -> str:
        """ISO 8601, as tools take it."""
        if self.clock is None:
            return self.day.isoformat()
        return datetime.combine(self.day, self.clock).isoformat(timespec="minutes")


def due_at_end(text: str, now: datetime) -> tuple[str, Due | None]:
    """Cut a time phrase off the end of `text`; the rest, and what it says."""
    found = [match for pattern in _AT_END if (match := pattern.search(text))]
    for match in sorted(found, key=lambda match: match.start()):
        if due := _read(match, now):
            return text[: match.start()].rstrip(" ,"), due
    return text, None


def due_at_start(text: str, now: datetime) -> tuple[str, Due | None]:
    """Cut a time phrase off the start of `text`; the rest, and what it says."""
    found = [match for pattern in _AT_START if (match := pattern.match(text))]
    for match in sorted(found, key=lambda match: -match.end()):
        if due := _read(match, now):
            return text[match.end() :].lstrip(" ,"), due
    return text, None


def due_of(text: str, now: datetime) -> Due | None:
    """What `text` says when all of it is a time phrase; an hour alone ("five", "half past six") counts."""
    for pattern in _WHOLE:
        found = pattern.fullmatch(text)
        if found and (due := _read(found, now)):
            return due
    hour = re.fullmatch(CLOCK, text, re.IGNORECASE)
    return _due(None, read_clock(text, None, now.time()), now) if hour else None


def _read(found: re.Match[str], now: datetime) -> Due | None:
    groups = {name: value.lower() for name, value in found.groupdict().items() if value}
    part = groups.get("part") or groups.get("part2") or groups.get("this") or groups.get("inthe")
    if groups.get("named") == "tonight":
        part = "night"
    try:
        day = next((rule(groups[name], groups, now) for name, rule in _RULES.items() if name in groups), None)
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


def _named(word: str, groups: dict[str, str], now: datetime) -> date:
    ahead = {"tomorrow": 1, "the day after tomorrow": 2, "day after tomorrow": 2}
    return now.date() + timedelta(days=ahead.get(word, 0))


def _in_the(word: str, groups: dict[str, str], now: datetime) -> date:
    begins = part_of_day(word)
    return now.date() + timedelta(days=begins is not None and begins <= now.time())


def _weekday(word: str, groups: dict[str, str], now: datetime) -> date:
    wanted = WEEKDAYS.index(word)
    if groups.get("which", "").strip() == "next":
        return _monday(now.date()) + timedelta(days=7 + wanted)
    return now.date() + timedelta(days=(wanted - now.weekday() - 1) % 7 + 1)


def _this(word: str, groups: dict[str, str], now: datetime) -> date:
    if word == "weekend":
        return _monday(now.date()) + timedelta(days=max(5, now.weekday()))
    if word == "week":
        return _monday(now.date()) + timedelta(days=6)
    return _month_end(now.date()) if word == "month" else now.date()


def _next(word: str, groups: dict[str, str], now: datetime) -> date:
    if word == "year":
        return date(now.year + 1, 1, 1)
    if word == "month":
        return _month_end(now.date()) + timedelta(days=1)
    return _monday(now.date()) + timedelta(days=12 if word == "weekend" else 7)


def _end(word: str, groups: dict[str, str], now: datetime) -> date:
    ends = {"day": now.date(), "week": _this("week", groups, now), "year": date(now.year, 12, 31)}
    return ends.get(word) or _month_end(now.date())


def _distance(words: str, groups: dict[str, str], now: datetime) -> date | datetime:
    words = words.replace("half an hour", "30 minutes").replace("a couple of", "2").replace("a few", "3")
    moment = _parsed("in " + re.sub(NUMBER, lambda n: str(number_of(n.group())), words), now)
    return moment if _SMALL_DISTANCE.search(words) else moment.date()


def _date(words: str, groups: dict[str, str], now: datetime) -> date:
    plain = re.sub(_ORDINAL, lambda o: str(_ordinal(o.group())), words).replace(" the ", " ").replace(" of ", " ")
    return _parsed(re.sub(NUMBER, lambda n: str(number_of(n.group())), plain), now).date()


def _monthday(word: str, groups: dict[str, str], now: datetime) -> date:
    wanted, month = _ordinal(word), now.date().replace(day=1)
    while True:
        last = _month_end(month)
        if wanted <= last.day and month.replace(day=wanted) >= now.date():
            return month.replace(day=wanted)
        month = last + timedelta(days=1)
        if wanted > 31:
            raise ValueError(word)


_RULES: dict[str, Callable[[str, dict[str, str], datetime], date]] = {
    "named": _named,
    "inthe": _in_the,
    "weekday": _weekday,
    "this": _this,
    "next": _next,
    "end": _end,
    "distance": _distance,
    "date": _date,
    "monthday": _monthday,
}


def _parsed(words: str, now: datetime) -> datetime:
    settings = {"RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "future"}
    found = DateDataParser(languages=["en"], settings=settings).get_date_data(words).date_obj
    if not isinstance(found, datetime):
        raise ValueError(words)
    return found


def _ordinal(word: str) -> int:
    if digits := re.match(r"\d+", word):
        return int(digits.group())
    tens, _, unit = word.replace("-", " ").rpartition(" ")
    if unit == "thirtieth":
        return 30
    return {"": 0, "twenty": 20, "thirty": 30}[tens] + _ORDINALS.index(unit) + 1


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
