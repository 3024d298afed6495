"""Settings of the Hanok restaurant."""

from __future__ import annotations

from pydantic import Field, field_validator

from convonet.core.opening_hours import OpeningHours
from convonet.settings.group import SettingsGroup, TimeZoneName


class HanokSettings(SettingsGroup):
    timezone: TimeZoneName = Field(
        "America/Los_Angeles", alias="HANOK_TIMEZONE", description="IANA time zone of the Hanok restaurant."
    )
    opening_hours: str = Field(
        "mon-thu 11:30-22:00; fri-sat 11:30-23:00; sun 11:30-21:30",
        alias="HANOK_OPENING_HOURS",
        description="Opening hours of the Hanok restaurant in its own time; the last guests come an hour before "
        "closing.",
    )
    requests_per_minute: int = Field(
        120,
        alias="HANOK_REQUESTS_PER_MINUTE",
        ge=1,
        description="Requests per minute that one address may make to its public API, at each replica.",
    )

    @field_validator("opening_hours")
    @classmethod
    def _check_hours(cls, value: str) -> str:
        OpeningHours.parse(value)
        return value
