"""Spoken times of day and small numbers: "half past seven", "a quarter to six", "five thirty p m".

`when` and `days` build their patterns from those of this module.
"""

from __future__ import annotations

import re
from datetime import time

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMBERS = _NUMBER_WORDS.split()
_TENS = {"thirty": 30, "forty": 40, "fifty": 50}

_WORD = "|".join(sorted([*_NUMBERS, *_TENS], key=len, reverse=True))
NUMBER = rf"\b(?:\d{{1,4}}|(?:twenty|thirty|forty|fifty)[ -](?:{'|'.join(_NUMBERS[1:10])})|{_WORD})\b"
"""A number from zero to fifty-nine in words, or digits."""

_HOUR = rf"(?:\d{{1,2}}|{'|'.join(sorted(_NUMBERS[1:13], key=len, reverse=True))})"
_SUFFIX = r" ?(?P<half>[ap]\.? ?m\b\.?|in the (?:morning|afternoon|evening)|at night|o'?clock(?: [ap]\.? ?m\b\.?)?)"
_NAMED = r"(?P<word>noon|midday|midnight)"
_SHIFTED = (
    rf"(?:a )?(?P<shift>half past|quarter past|quarter after|quarter to|quarter of|{NUMBER} (?:minutes )?(?:past|to)) "
    rf"(?P<base>{_HOUR})"
)
_PLAIN = (
    rf"(?P<hour>{_HOUR})(?:[:. ](?P<minute>[0-5]\d|oh (?:{'|'.join(_NUMBERS[1:10])})|(?:twenty|thirty|forty|fifty)"
    rf"(?:[ -](?:{'|'.join(_NUMBERS[1:10])}))?|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    r"|nineteen))?"
)
_CLOCK = re.compile(rf"(?:{_NAMED}|{_SHIFTED}|{_PLAIN})(?:{_SUFFIX})?", re.IGNORECASE)


def _without_groups(pattern: str) -> str:
    return re.sub(r"\?P<\w+>", "?:", pattern)


CLOCK = _without_groups(_CLOCK.pattern)
"""Pattern of a time of day, for building longer patterns."""

MARKED_CLOCK = _without_groups(rf"(?:{_NAMED}|{_SHIFTED}(?:{_SUFFIX})?|{_PLAIN}{_SUFFIX}|\d{{1,2}}:[0-5]\d)")
"""Like `CLOCK` without bare numbers: "five" may mean anything, "five pm" and "half past five" are always times."""

_PARTS = {"morning": time(9), "afternoon": time(15), "evening": time(19), "night": time(20)}
_WAKING_HOUR = 8
"""A bare hour from one to seven means the afternoon."""


def part_of_day(part: str) -> time | None:
    """Return the time that "in the morning" stands for; None for an unknown part of the day."""
    return _PARTS.get(part)


def number_of(word: str) -> int:
    """Read a number in digits or words. Raises `ValueError` for anything else."""
    word = word.lower().removeprefix("oh ")
    if word.isdigit():
        return int(word)
    tens, _, unit = word.replace("-", " ").rpartition(" ")
    if unit in _TENS:
        return _TENS[unit]
    return (number_of(tens) if tens else 0) + _NUMBERS.index(unit)


def read_clock(text: str, part: str | None, not_before: time | None) -> time | None:
    """Read a time of day.

    Args:
        text: A time phrase and nothing else, such as "half past seven".
        part: The part of the day (morning, afternoon, evening, night) that was said beside it.
        not_before: A bare hour means its next occurrence after this; without it, one of the waking hours.

    Returns:
        The time; None when there is no such time.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    if word := found["word"]:
        return time(0) if word.lower() == "midnight" else time(12)
    hour, minute = _hour_and_minute(found)
    if hour > 23 or minute > 59:
        return None
    if (is_afternoon := _is_afternoon(found["half"], part)) is not None:
        return time(hour % 12 + (12 if is_afternoon else 0), minute) if hour <= 12 else time(hour, minute)
    if hour == 0 or hour > 12 or text.startswith("0"):
        return time(hour, minute)
    hour = hour % 12
    if hour < _WAKING_HOUR or (not_before is not None and time(hour, minute) <= not_before < time(hour + 12, minute)):
        hour += 12
    return time(hour, minute)


def _hour_and_minute(found: re.Match[str]) -> tuple[int, int]:
    if shift := found["shift"]:
        base = number_of(found["base"])
        amount = _shift(shift.lower())
        return (base, amount) if amount >= 0 else ((base - 1) or 12, 60 + amount)
    return number_of(found["hour"]), number_of(found["minute"]) if found["minute"] else 0


def _shift(words: str) -> int:
    if words.startswith("half"):
        return 30
    minutes = 15 if words.startswith("quarter") else number_of(words.split(" minutes")[0].rsplit(" ", 1)[0])
    return -minutes if words.endswith((" to", " of")) else minutes


def _is_afternoon(suffix: str | None, part: str | None) -> bool | None:
    """Whether the words mean a time after noon; None when they leave it open."""
    text = re.sub(r"o'?clock|[. ]", "", (suffix or "").lower())
    if text in {"am", "inthemorning"}:
        return False
    if text:
        return True
    return {"morning": False, "afternoon": True, "evening": True, "night": True}.get(part or "")
