"""Amounts, rates and years as callers say them about a mortgage: "four fifty thousand", "six and three quarters"."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from convonet.language.numbers import with_digits
from convonet.storage.types import CENT

NUMBER = r"\$?(?P<value>\d+(?:\.\d+)?)(?![\w.%-]| ?(?:percent|per cent|years?|months)\b)"

_PARTS = {
    "a quarter": ".25",
    "1 quarter": ".25",
    "a half": ".5",
    "3 quarters": ".75",
    "an eighth": ".125",
    "1 eighth": ".125",
    "3 eighths": ".375",
    "5 eighths": ".625",
    "7 eighths": ".875",
}
_FRACTION = re.compile(rf"\b(\d+) and ({'|'.join(_PARTS)})\b")

# "seven forty", "two fifty a month", "four fifty thousand"; not "two thirty year loans"
_HUNDREDS = re.compile(r"\b([1-9]) (\d\d|\d\d000)\b(?! ?(?:years?|percent)\b)")
_HALF = re.compile(r"\bhalf (million)\b")

# half in digits already, as recognizers write it: "20 thousand"
_MIXED = re.compile(r"\b(\d{1,3}(?:\.\d+)?) (?:thousand|grand)\b")
_GRAND = re.compile(r"\b(\d+) grand\b")
_ALONE = re.compile(NUMBER)

_RATE = re.compile(
    r"\b(\d+(?:\.\d+)?) ?(?:percent|per cent|%)(?! down\b)"
    # "what about at seven": no other figure of a loan is so small
    r"|\b(?:rate\b(?: [a-z]+){0,4}|at) ((?:1?\d|2[0-5])(?:\.\d+)?)"
    r"(?![\w.%]| ?(?:percent|per cent|dollars|bucks|a month|per month|years?)\b)"
)
_YEARS = re.compile(r"\b(\d{1,2})[ -]years?\b")

_TIMES_A_YEAR = (
    (re.compile(r"\b(?:(?:a|per|each|every) year|yearly|annual(?:ly)?|per annum)\b"), 1),
    (re.compile(r"\b(?:every (?:2|two|other) weeks?|biweekly|bi-weekly)\b"), 26),
    (re.compile(r"\b(?:(?:a|per|each|every) week|weekly)\b"), 52),
)
_MONTHLY = re.compile(r"\bmonth(?:ly)?\b")

MAX_A_MONTH = 25_000
"""A higher income is rather a year's: it counts as a month's only with the word "month"."""


def in_digits(text: str) -> str:
    """The sentence in lower case with its numbers in digits."""
    spaced = _HALF.sub(r"half a \1", re.sub(r"(?<=[a-z])-(?=years?\b)", " ", text.lower()))
    said = _GRAND.sub(r"\g<1>000", with_digits(_MIXED.sub(r"\1k", spaced)))
    said = _FRACTION.sub(lambda found: f"{found[1]}{_PARTS[found[2]]}", said)
    return _HUNDREDS.sub(r"\1\2", said)


def only_amount(text: str) -> Decimal | None:
    """The only amount of an answer; None when there is none or more than one."""
    found = _ALONE.findall(in_digits(text))
    return Decimal(found[0]) if len(found) == 1 else None


def rate_in(text: str) -> tuple[str, str] | None:
    """Percent a year, and the text without it."""
    return _cut(_RATE.search(said), said) if (said := in_digits(text)) else None


def years_in(text: str) -> tuple[str, str] | None:
    """The term in years, and the text without it."""
    return _cut(_YEARS.search(said), said) if (said := in_digits(text)) else None


def a_month(value: Decimal, said: str) -> Decimal | None:
    """The income a month; None when it is too high for a month and the word is missing."""
    times = next((times for pattern, times in _TIMES_A_YEAR if pattern.search(said)), None)
    if times is not None:
        return (value * times / 12).quantize(CENT, ROUND_HALF_EVEN)
    return value if value <= MAX_A_MONTH or _MONTHLY.search(said) else None


def plain(value: Decimal) -> str:
    """ "9000", "6.5"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cut(found: re.Match[str] | None, said: str) -> tuple[str, str] | None:
    if found is None:
        return None
    value = next(group for group in found.groups() if group)
    return (value, " ".join(f"{said[: found.start()]} {said[found.end() :]}".split()))
