"""The closed sets of to-do lists, reminders and calendars."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """The urgency of a todo, or the importance of a reminder."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"

    @classmethod
    def of(cls, stored: str | None) -> Priority:
        """Read a stored word; rows of the replaced deployment may hold None, or an unchecked one."""
        return cls(stored) if stored in set(cls) else cls.MEDIUM
