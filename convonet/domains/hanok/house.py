"""The house: its time zone, opening hours and tables, and which moments can be booked there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from convonet.core.opening_hours import OpeningHours
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.speech import spoken_clock, spoken_moment
from convonet.settings.hanok import HanokSettings

TABLES: Mapping[int, int] = MappingProxyType({4: 2, 6: 3, 8: 3, 10: 2})
"""The number of tables by size."""

BOOKED_AHEAD = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class House:
    """The restaurant's time zone, opening hours and tables."""

    zone: ZoneInfo
    hours: OpeningHours
    tables: Mapping[int, int] = field(default_factory=lambda: TABLES)

    @classmethod
    def of(cls, settings: HanokSettings) -> House:
        return cls(ZoneInfo(settings.timezone), OpeningHours.parse(settings.opening_hours))

    def moment_of(self, text: str) -> datetime:
        """The moment in UTC, to the minute, of ISO 8601 text; without an offset it is the restaurant's own time.

        Raises `ReservationRefused` for a time that does not exist, such as the hour that is skipped in spring.
        """
        try:
            said = datetime.fromisoformat(text.strip()).replace(second=0, microsecond=0)
            moment = (said if said.tzinfo else said.replace(tzinfo=self.zone)).astimezone(UTC)
            exists = said.tzinfo is not None or moment.astimezone(self.zone).replace(tzinfo=None) == said
        except (ValueError, OverflowError):
            exists = False
        if not exists:
            raise ReservationRefused(
                Reason.NO_SUCH_TIME, "That time does not exist. Please tell me the day and the time."
            )
        return moment

    def day_of(self, text: str) -> date:
        """A local day. Raises `ReservationRefused` for one that does not exist."""
        try:
            day = date.fromisoformat(text.strip())
            # the neighboring days must exist too
            _ = day - timedelta(days=2), day + timedelta(days=2)
        except (ValueError, OverflowError):
            raise ReservationRefused(Reason.NO_SUCH_TIME, "That day does not exist.") from None
        return day

    def day_span(self, first: date, last: date) -> tuple[datetime, datetime]:
        """From the start of one local day to the end of another, in UTC."""
        return self._midnight(first), self._midnight(last + timedelta(days=1))

    def require_bookable(self, start: datetime, now: datetime) -> None:
        """Refuse a time that has passed, is too far ahead, or outside the hours of arrival."""
        if start <= now:
            raise ReservationRefused(Reason.TIME_PASSED, "That time has already passed.")
        if start > now + BOOKED_AHEAD:
            raise ReservationRefused(Reason.TOO_FAR_AHEAD, "We take reservations for the coming year only.")
        if not self.hours.lets_in(start, self.zone):
            raise ReservationRefused(Reason.CLOSED, self._closed(start.astimezone(self.zone)))

    def _closed(self, local: datetime) -> str:
        opening = self.hours.on(local.date(), self.zone)
        day = local.strftime("%A")
        if opening is None:
            return f"We are closed on {spoken_moment(local).split(' at ')[0]}."
        opens, last = (spoken_clock(t.astimezone(self.zone)) for t in (opening.opens, opening.last_arrival))
        return f"We can't seat you then. On that {day}, guests may arrive from {opens} to {last}."

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)
