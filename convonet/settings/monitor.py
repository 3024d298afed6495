"""Settings of the monitor."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from convonet.settings.group import SettingsGroup

_PRICE = re.compile(r"\s*([^=,\s]+)=(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)\s*")


class MonitorSettings(SettingsGroup):
    llm_prices: str = Field(
        "",
        alias="CONVONET_LLM_PRICES",
        description="Prices of a million input and output tokens, by model: `claude-sonnet-5-5=3/15,other=0.5/2`. "
        "The monitor shows costs of these models only.",
    )
    currency: str = Field("USD", alias="CONVONET_CURRENCY", description="Currency of these prices, as in `EUR`.")

    @field_validator("llm_prices")
    @classmethod
    def _check_prices(cls, value: str) -> str:
        if value and not all(_PRICE.fullmatch(part) for part in value.split(",")):
            raise ValueError("must be prices of models, read and written: `claude-sonnet-5-5=3/15,other=0.5/2`")
        return value

    @property
    def token_prices(self) -> dict[str, tuple[float, float]]:
        """Prices of a million input tokens and of a million output tokens, by model."""
        found = (_PRICE.fullmatch(part) for part in self.llm_prices.split(","))
        return {price[1]: (float(price[2]), float(price[3])) for price in found if price is not None}
