"""The day that "next Friday", "the fifth" or "in two weeks" means today.

The patterns of `when` find the words. dateparser reads dates and distances; this module decides what English speakers
mean by "next" and "this".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from dateparser.date import DateDataParser

from convonet.language.clock import NUMBER, number_of, part_of_day

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = _ORDINAL_WORDS.split()
ORDINAL = (
    r"\d{1,2}(?:st|nd|rd|th)|thirty[ -]first|thirtieth|twenty[ -](?:"
    + "|".join(_ORDINALS[:9])
    + ")|"
    + "|".join(sorted(_ORDINALS, key=len, reverse=True))
)
"""Pattern of a day of the month."""

_SMALL_DISTANCE = re.compile(r"minute|hour")

Groups = dict[str, str]


def day_of(groups: Groups, now: datetime) -> date | None:
    """Read the day from the named groups of a match of `when`.

    Returns:
        A date; a datetime when the groups also give the time; None when they give no day.

    Raises:
        ValueError: There is no such day.
    """
    return next((rule(groups[name], groups, now) for name, rule in _RULES.items() if name in groups), None)


def _named(word: str, groups: Groups, now: datetime) -> date:
    ahead = {"tomorrow": 1, "the day after tomorrow": 2, "day after tomorrow": 2}
    return now.date() + timedelta(days=ahead.get(word, 0))


def _in_the(word: str, groups: Groups, now: datetime) -> date:
    begins = part_of_day(word)
    return now.date() + timedelta(days=begins is not None and begins <= now.time())


def _weekday(word: str, groups: Groups, now: datetime) -> date:
    wanted = WEEKDAYS.index(word)
    if groups.get("which", "").strip() == "next":
        return _monday(now.date()) + timedelta(days=7 + wanted)
    return now.date() + timedelta(days=(wanted - now.weekday() - 1) % 7 + 1)


def _this(word: str, groups: Groups, now: datetime) -> date:
    if word == "weekend":
        return _monday(now.date()) + timedelta(days=max(5, now.weekday()))
    if word == "week":
        return _monday(now.date()) + timedelta(days=6)
    return _month_end(now.date()) if word == "month" else now.date()


def _next(word: str, groups: Groups, now: datetime) -> date:
    if word == "year":
        return date(now.year + 1, 1, 1)
    if word == "month":
        return _month_end(now.date()) + timedelta(days=1)
    return _monday(now.date()) + timedelta(days=12 if word == "weekend" else 7)


def _end(word: str, groups: Groups, now: datetime) -> date:
    ends = {"day": now.date(), "week": _this("week", groups, now), "year": date(now.year, 12, 31)}
    return ends.get(word) or _month_end(now.date())


def _distance(words: str, groups: Groups, now: datetime) -> date | datetime:
    words = words.replace("half an hour", "30 minutes").replace("a couple of", "2").replace("a few", "3")
    moment = _parsed("in " + re.sub(NUMBER, lambda n: str(number_of(n.group())), words), now)
    return moment if _SMALL_DISTANCE.search(words) else moment.date()


def _date(words: str, groups: Groups, now: datetime) -> date:
    plain = re.sub(ORDINAL, lambda o: str(_ordinal(o.group())), words).replace(" the ", " ").replace(" of ", " ")
    return _parsed(re.sub(NUMBER, lambda n: str(number_of(n.group())), plain), now).date()


def _monthday(word: str, groups: Groups, now: datetime) -> date:
    wanted, month = _ordinal(word), now.date().replace(day=1)
    while True:
        last = _month_end(month)
        if wanted <= last.day and month.replace(day=wanted) >= now.date():
            return month.replace(day=wanted)
        month = last + timedelta(days=1)
        if wanted > 31:
            raise ValueError(word)


_RULES: dict[str, Callable[[str, Groups, datetime], date]] = {
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
