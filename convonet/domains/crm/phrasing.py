"""How appointments and patients are said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from convonet.domains.crm.contract import Priority

PRIORITIES = {Priority.P1: "urgent", Priority.P2: "high priority", Priority.P3: "normal priority"}


def spoken_moment(moment: datetime) -> str:
    """ "Tuesday, December 1 at 5 pm" in the moment's own zone."""
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    half = "pm" if moment.hour >= 12 else "am"
    return f"{moment.strftime('%A, %B')} {moment.day} at {moment.hour % 12 or 12}{minutes} {half}"


def spoken_names(names: Sequence[str]) -> str:
    """ "Ana", "Ana and Leo", "Ana, Leo and Mia"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
