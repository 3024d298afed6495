"""The closed sets of to-do lists, reminders and calendars."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """How urgent a todo is, or how important a reminder."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"

    @classmethod
    def of(cls, stored: str | None) -> Priority:
        """Rows of the replaced deployment may hold none, or a word that nobody checked."""
        return cls(stored) if stored in set(cls) else cls.MEDIUM
