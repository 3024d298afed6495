"""Closed sets of values that todos, reminders and events use."""

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
        """Read a stored value; rows from the deployment that this one replaces may have None, or an unchecked value."""
        return cls(stored) if stored in set(cls) else cls.MEDIUM
