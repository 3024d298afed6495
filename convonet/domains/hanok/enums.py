"""The closed sets of the restaurant, and the table of a reservation's status changes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Word = TypeVar("Word", bound=StrEnum)


class Status(StrEnum):
    """The status of a reservation; a pending one waits for a table."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SEATED = "seated"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.SEATED, Status.CANCELLED}),
    Status.SEATED: frozenset({Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""From where to where."""

AHEAD = frozenset({Status.PENDING, Status.CONFIRMED})
"""The guests have not come yet: details may change."""

GUEST_TRANSITIONS = frozenset({Status.CONFIRMED, Status.CANCELLED})
"""The status changes that guests may ask for; only the staff makes the others."""


class SeatingStatus(StrEnum):
    """`not_applicable` when no tables are needed any more, or the replaced deployment held none."""

    NOT_APPLICABLE = "not_applicable"
    ALLOCATED = "allocated"
    WAITLIST = "waitlist"


class GuestPriority(StrEnum):
    """The priority on the waitlist."""

    NORMAL = "normal"
    VIP = "vip"


class SourceChannel(StrEnum):
    """The channel through which a reservation was made."""

    ONLINE = "online"
    VOICE = "voice"
    API = "api"


def known(stored: str | None, default: Word) -> Word:
    """The stored word; `default` for an unknown one, which the replaced deployment did not check."""
    words = type(default)
    return words(stored) if stored in set(words) else default
