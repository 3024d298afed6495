"""How times, amounts and codes of the restaurant are said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def spoken_moment(local: datetime) -> str:
    """ "Tuesday, December 1 at 7 pm"."""
    return f"{local.strftime('%A, %B')} {local.day} at {spoken_clock(local)}"


def spoken_clock(local: datetime) -> str:
    """ "7 pm", "11:30 am"."""
    minutes = f":{local.minute:02d}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes} {'pm' if local.hour >= 12 else 'am'}"


def spoken_money(cents: int) -> str:
    """ "47 dollars and 50 cents"."""
    dollars, rest = divmod(cents, 100)
    whole = "1 dollar" if dollars == 1 else f"{dollars} dollars"
    part = "1 cent" if rest == 1 else f"{rest} cents"
    if not rest:
        return whole
    return f"{whole} and {part}" if dollars else part


def spoken_code(code: str) -> str:
    """ "H N K, 7 K 2 M": letter by letter, or a voice reads a word."""
    return ", ".join(" ".join(part) for part in code.split("-"))


def spoken_party(size: int) -> str:
    """ "one person", "4 people"."""
    return "one person" if size == 1 else f"{size} people"


def spoken_list(names: Sequence[str]) -> str:
    """ "bulgogi, japchae and mandu"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def ordinal(position: int) -> str:
    """ "1st", "2nd", "11th"."""
    last = "th" if position % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(position % 10, "th")
    return f"{position}{last}"
