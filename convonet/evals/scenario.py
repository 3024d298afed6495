"""Scenarios in YAML (see evals/): a caller's sentences with the expected results. The runner reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from convonet.core.caller import AgentType
from convonet.core.errors import SettingsError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = re.compile(rf"\{{(today|tomorrow|{'|'.join(WEEKDAYS)})\}}")


class _Loader(yaml.SafeLoader):
    """A YAML loader with the booleans of YAML 1.2, since a caller may say "yes"."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


Words = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ExpectedCall(_Strict):
    """An expected tool call; arguments that are left out may have any value."""

    tool: str
    arguments: dict[str, Any] = Field(default={}, alias="with")


class ScenarioTurn(_Strict):
    """A sentence of the caller, and the expected results; results that are left out are not checked."""

    say: str
    domain: AgentType | None = None
    calls: list[ExpectedCall] | None = None
    """Tool calls in their order; an empty list means that no tool is used."""
    says: Words = []
    """Words that the answer must have, ignoring case; "a|b" is either."""
    never_says: Words = []
    hand_over: bool = False
    department: str | None = None


class ExpectedRows(_Strict):
    """Expected rows in the database at the end; columns that are left out may have any value."""

    table: str
    where: dict[str, Any] = {}
    count: int = 1


class Scenario(_Strict):
    """One conversation with the demo caller, on its own database."""

    name: str
    turns: list[ScenarioTurn] = Field(min_length=1)
    rows: list[ExpectedRows] = []
    within_s: float = 15.0
    """Time limit for each turn."""


def read_scenarios(paths: Sequence[Path], today: date) -> list[Scenario]:
    """Read all scenarios of files and folders; days such as "{friday}" become ISO dates from `today` on.

    Raises:
        SettingsError: a file can't be read or holds no scenarios.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    found = []
    for file in files:
        try:
            body = _DAY.sub(lambda day: _iso(day[1], today), file.read_text("utf-8"))
            found += TypeAdapter(list[Scenario]).validate_python(yaml.load(body, _Loader))  # noqa: S506 -- it is the safe one
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise SettingsError(f"{file} holds no scenarios: {error}") from None
    return found


def holds(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """Return whether `actual` has all expected values, ignoring case; a date matches any time of that day."""
    return all(name in actual and _equal(value, actual[name]) for name, value in expected.items())


def _equal(expected: object, actual: object) -> bool:
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        try:
            return abs(float(str(actual)) - expected) < 0.005
        except ValueError:
            return False
    if isinstance(expected, str):
        wanted, text = expected.lower(), str(actual).lower()
        is_time = re.fullmatch(r"\d{4}-\d\d-\d\d(t\d\d:\d\d)?", wanted)
        return text == wanted or (is_time is not None and text.replace(" ", "t").startswith(wanted))
    return expected == actual


def _iso(word: str, today: date) -> str:
    if word in {"today", "tomorrow"}:
        return (today + timedelta(days=word == "tomorrow")).isoformat()
    days = (WEEKDAYS.index(word) - today.weekday() - 1) % 7 + 1
    return (today + timedelta(days=days)).isoformat()
