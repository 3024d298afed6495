"""How times, amounts and codes of the restaurant are said aloud."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from convonet.domains.phrasing import spoken_amount


def spoken_moment(local: datetime) -> str:
    """ "Tuesday, December 1 at 7 pm"."""
    return f"{local.strftime('%A, %B')} {local.day} at {spoken_clock(local)}"


def spoken_clock(local: datetime) -> str:
    """ "7 pm", "11:30 am"."""
    minutes = f":{local.minute:02d}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes} {'pm' if local.hour >= 12 else 'am'}"


def spoken_money(cents: int) -> str:
    """ "47 dollars and 50 cents"."""
    return spoken_amount(Decimal(cents) / 100)


def spoken_code(code: str) -> str:
    """ "H N K, 7 K 2 M": letter by letter, or a voice reads a word."""
    return ", ".join(" ".join(part) for part in code.split("-"))


def spoken_party(size: int) -> str:
    """ "one person", "4 people"."""
    return "one person" if size == 1 else f"{size} people"


def ordinal(position: int) -> str:
    """ "1st", "2nd", "11th"."""
    last = "th" if position % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(position % 10, "th")
    return f"{position}{last}"
