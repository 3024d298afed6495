"""Settings of the logs."""

from __future__ import annotations

from pydantic import Field, field_validator

from convonet.core.logs import COMPONENTS, Level, levels_by_component
from convonet.settings.group import SettingsGroup


class LogSettings(SettingsGroup):
    level: Level = Field("info", alias="CONVONET_LOG_LEVEL", description="Lowest level that is logged, as in `debug`.")
    levels: str = Field(
        "",
        alias="CONVONET_LOG_LEVELS",
        description=f"Other levels for single components, as in `speech=debug,agent=warning`: {', '.join(COMPONENTS)}.",
    )
    words: bool = Field(
        False,
        alias="CONVONET_LOG_WORDS",
        description="Whether debug lines may hold what is said to and by callers, and tracebacks the texts of all "
        "errors.",
    )

    @field_validator("levels")
    @classmethod
    def _check_components(cls, value: str) -> str:
        levels_by_component(value)
        return value
