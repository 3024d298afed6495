"""The base of the groups of settings, and the checks that several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

MIN_SECRET_CHARACTERS = 32


class SettingsGroup(BaseModel):
    """The settings of one subject; each field's alias is the name of its environment variable."""

    model_config = ConfigDict(frozen=True)


def _check_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be an IANA time zone such as America/Los_Angeles") from error
    return value


def _check_length(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET_CHARACTERS:
        raise ValueError(f"must have at least {MIN_SECRET_CHARACTERS} characters")
    return value


Seconds = Annotated[float, Field(gt=0)]
TimeZoneName = Annotated[str, AfterValidator(_check_time_zone)]
LongSecret = Annotated[SecretStr, AfterValidator(_check_length)]


def require_together(needed: Mapping[str, object], optional: Mapping[str, object] | None = None) -> None:
    """Raise `ValueError` when some of these variables are set and others, which they need, are not.

    Args:
        needed: All variables that must be set once any variable is, with their values.
        optional: Variables that need the needed ones, but need not be set; if one of them is, all of them must be.
    """
    optional = optional or {}
    given = [name for name, value in (*needed.items(), *optional.items()) if value]
    missing = [name for name, value in needed.items() if not value] if given else []
    if any(optional.values()):
        missing += [name for name, value in optional.items() if not value]
    if missing:
        raise ValueError(f"{', '.join(given)} needs {' and '.join(missing)} too")
