"""The clock that services take as a parameter, so that tests can set the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time; the clock of production."""
    return datetime.now(UTC)
