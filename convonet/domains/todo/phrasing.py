"""How a todo's due date is said aloud; used by the tools' sentences and by the offline skill's."""

from __future__ import annotations

from datetime import datetime

END_OF_DAY = (23, 59)
"""The time of a due date that was said without one."""


def spoken_due(due_date: str | None) -> str:
    """ ", due Tuesday, December 1 at 5 pm" for ISO 8601 in the caller's zone; nothing for no date."""
    if due_date is None:
        return ""
    due = datetime.fromisoformat(due_date)
    day = due.strftime("%A, %B ") + str(due.day)
    if (due.hour, due.minute) == END_OF_DAY:
        return f", due {day}"
    minutes = f":{due.minute:02d}" if due.minute else ""
    return f", due {day} at {due.hour % 12 or 12}{minutes} {'pm' if due.hour >= 12 else 'am'}"
