"""Settings of the place that callers call from, as far as it is not known from their accounts."""

from __future__ import annotations

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, field_validator

from convonet.settings.group import SettingsGroup, TimeZoneName


class CallerSettings(SettingsGroup):
    timezone: TimeZoneName = Field(
        "UTC",
        alias="CONVONET_TIMEZONE",
        description="IANA time zone of callers whose own is not known, as in `America/Los_Angeles`.",
    )
    phone_region: str = Field(
        "US",
        alias="CONVONET_PHONE_REGION",
        description="Country (ISO 3166, two letters) of phone numbers said without a country code.",
    )

    @field_validator("phone_region")
    @classmethod
    def _check_region(cls, value: str) -> str:
        if value not in SUPPORTED_REGIONS:
            raise ValueError("must be a country of two capital letters such as US")
        return value
