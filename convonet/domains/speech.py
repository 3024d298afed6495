"""Days, times, amounts and lists as they are said aloud in all domains."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal


def spoken_day(day: date, today: date) -> str:
    """ "December 1", with the year unless it is this one."""
    year = "" if day.year == today.year else f", {day.year}"
    return f"{day:%B} {day.day}{year}"


def spoken_amount(amount: Decimal) -> str:
    """ "1,250 dollars and 5 cents"."""
    dollars, cents = divmod(round(amount * 100), 100)
    whole = "1 dollar" if dollars == 1 else f"{dollars:,} dollars"
    part = "1 cent" if cents == 1 else f"{cents} cents"
    if not cents:
        return whole
    return f"{whole} and {part}" if dollars else part


def spoken_percent(percent: Decimal) -> str:
    """ "20 percent"."""
    return f"{percent.normalize():f} percent"


def spoken_words(name: str) -> str:
    """A word of a closed set as it is said: "pending info"."""
    return name.replace("_", " ")


def counted(count: int, one: str, many: str) -> str:
    """ "one claim", "3 claims"."""
    return f"one {one}" if count == 1 else f"{count} {many}"


def spelled(code: str) -> str:
    """Characters said one by one."""
    return " ".join(code)


def spoken_moment(local: datetime) -> str:
    """ "Tuesday, December 1 at 7 pm"."""
    return f"{local.strftime('%A, %B')} {local.day} at {spoken_clock(local)}"


def spoken_clock(local: datetime) -> str:
    """ "7 pm", "11:30 am"."""
    minutes = f":{local.minute:02d}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes} {'pm' if local.hour >= 12 else 'am'}"
