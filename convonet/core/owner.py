"""The caller for whom a service acts, read from a signed token and never from a client's field or model's argument."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of the data, their time zone, and the idempotency key of this call."""

    user_id: uuid.UUID
    zone: ZoneInfo
    idempotency_key: str | None = None

    def today(self) -> date:
        """Return the date in the owner's time zone."""
        return datetime.now(UTC).astimezone(self.zone).date()
