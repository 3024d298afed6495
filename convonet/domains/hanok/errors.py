"""The refusals of the restaurant: a reason for programs, a sentence for the guest."""

from __future__ import annotations

from enum import StrEnum

from convonet.core.errors import DomainError, NotFound


class Reason(StrEnum):
    """Codes of the HTTP API's 409 answers."""

    NO_SUCH_TIME = "no_such_time"
    TIME_PASSED = "time_passed"
    TOO_FAR_AHEAD = "too_far_ahead"
    CLOSED = "closed"
    NO_TABLE = "no_table"
    WAITLIST_FULL = "waitlist_full"
    RETENTION_STEP = "premium_cancel_requires_retention_step"
    ILLEGAL_STEP = "illegal_status_change"
    ALREADY_BEGUN = "already_begun"
    STAFF_ONLY = "staff_only"
    SEVERAL_MATCH = "several_match"
    TOO_MANY = "too_many_reservations"
    BAD_PHONE = "bad_phone"
    BAD_NAME = "bad_name"
    BAD_ORDER = "bad_order"


class ReservationRefused(DomainError):
    """A rule of the restaurant forbids it; nothing was changed."""

    def __init__(self, reason: Reason, spoken: str) -> None:
        super().__init__(str(reason), spoken=spoken)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ReservationRefused], tuple[Reason, str]]:
        return ReservationRefused, (Reason(self.reason), self.spoken)


def no_reservation() -> NotFound:
    """The same error for a missing reservation, a stranger's, and a wrong phone number."""
    return NotFound("reservation", spoken="I can't find that reservation.")
