"""Spoken numbers in digits: "twelve hundred a month", "half a million", "six point two five", "triple five".

text2num replaces number words by digits; this module adds what it does not know (half a million, a hundred, oh,
triple five). Readers of forms and of phone numbers use it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from text_to_num import alpha2digit

_BEFORE = (
    (re.compile(r"\bhalf a (million|thousand)\b"), r"0.5 \1"),
    (re.compile(r"\b(?:a|one) quarter (?:of a )?million\b|\ba quarter million\b"), "0.25 million"),
    (
        re.compile(r"\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) and a half\b"),
        r"\1 point five",
    ),
    (re.compile(r"\ba (hundred|thousand|million)\b"), r"one \1"),
)
_SCALED = re.compile(r"\b(\d+(?:\.\d+)?)(k\b|m\b| ?(?:thousand|1000|hundred|100|million|1000000)\b)(?!\d)")
_SCALES = {"k": 1000, "thousand": 1000, "hundred": 100, "m": 1_000_000, "million": 1_000_000}
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_NUMBER = re.compile(r"(?<![\w.])\$?(\d+(?:\.\d+)?)(?![\w])(?!\.\d)")
_REPEATED = re.compile(r"\b(double|triple) (\d|oh)\b")
_DIGITS_SAID = re.compile(r"\b(?:\+ ?)?\d[\d ().-]{5,}\d\b")


@lru_cache(64)
def with_digits(text: str) -> str:
    """Return a text in lower case with its numbers in digits: "$4,500" and "forty five hundred" become 4500."""
    text = _GROUPED.sub("", text.lower().replace("$", " ")).strip()
    for pattern, plain in _BEFORE:
        text = pattern.sub(plain, text)
    return _SCALED.sub(_scaled, alpha2digit(text, "en", threshold=0))


def amount_in(text: str) -> Decimal | None:
    """Read the only number of a text; None when there is none or more than one."""
    found = _NUMBER.findall(with_digits(text))
    return Decimal(found[0]) if len(found) == 1 else None


def whole_number_in(text: str) -> int | None:
    """Read the only number of a text; None unless it is a whole number."""
    amount = amount_in(text)
    return int(amount) if amount is not None and amount == int(amount) else None


def digits_in(text: str) -> tuple[str, str] | None:
    """Find the longest run of digits that is said one by one or in groups, as a phone number is.

    Returns:
        The digits and the text without them; None when no run has at least seven.
    """
    said = with_digits(re.sub(r"[,-]", " ", text))
    said = _REPEATED.sub(lambda m: " ".join([m[2]] * (2 if m[1] == "double" else 3)), said)
    said = re.sub(r"\b(?:oh|o)\b", "0", said)
    # they sound the same
    said = re.sub(r"^(?:for|to)(?= \d \d)", lambda m: {"for": "4", "to": "2"}[m[0]], said)
    run = max(_DIGITS_SAID.finditer(said), key=lambda found: len(re.sub(r"\D", "", found[0])), default=None)
    if run is None:
        return None
    return re.sub(r"\D", "", run[0]), " ".join(f"{said[: run.start()]} {said[run.end() :]}".split())


def _scaled(found: re.Match[str]) -> str:
    word = found[2].strip()
    scale = _SCALES.get(word) or int(word)
    value = Decimal(found[1])
    if word.isdigit() and value == int(value):
        # "4 100" is two numbers; only a fraction ("1.2 1000000") can mean their product
        return found[0]
    return f"{value * scale:f}".rstrip("0").rstrip(".") if "." in f"{value * scale:f}" else f"{value * scale:f}"
