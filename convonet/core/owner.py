"""For whom a service acts: given by the server from a signed token, never by a client's field or a model's argument."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data, in which time zone, and the key under which the effect of this call is remembered."""

    user_id: uuid.UUID
    zone: ZoneInfo
    idempotency_key: str | None = None

    def today(self) -> date:
        """The caller's own date."""
        return datetime.now(UTC).astimezone(self.zone).date()
