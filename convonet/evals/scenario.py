"""A scenario: what a caller says turn by turn, and what must happen. Written in YAML, see evals/."""

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
    """With the truth values of YAML 1.2: what a caller says may be "yes"."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_as_list)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WantedCall(_Strict):
    """A tool call that must happen; arguments that are not named may be anything."""

    tool: str
    arguments: dict[str, Any] = Field(default={}, alias="with")


class ScenarioTurn(_Strict):
    """One thing the caller says, and what must come of it. What is left out is not looked at."""

    say: str
    domain: AgentType | None = None
    calls: list[WantedCall] | None = None
    """The calls in their order; an empty list: no tool is used."""
    says: Words = []
    """Words that must be in the answer, in any case of letters; "a|b" is either."""
    never_says: Words = []
    hand_over: bool = False
    department: str | None = None


class WantedRows(_Strict):
    """Rows that must be in the database afterwards; values that are not named may be anything."""

    table: str
    where: dict[str, Any] = {}
    count: int = 1


class Scenario(_Strict):
    """One conversation with a new session of the demo caller, on a database of its own."""

    name: str
    turns: list[ScenarioTurn] = Field(min_length=1)
    rows: list[WantedRows] = []
    within_s: float = 15.0
    """Longest that one turn may take."""


def read_scenarios(paths: Sequence[Path], today: date) -> list[Scenario]:
    """All scenarios of these files and folders, their days ("{friday}") as ISO dates from `today` on.

    Raises `SettingsError` for a file that is none.
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


def holds(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Whether all that is wanted is there, in any case of letters; a day matches any time of it."""
    return all(name in there and _same(value, there[name]) for name, value in wanted.items())


def _same(wanted: object, there: object) -> bool:
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        try:
            return abs(float(str(there)) - wanted) < 0.005
        except ValueError:
            return False
    if isinstance(wanted, str):
        said, text = wanted.lower(), str(there).lower()
        return text == said or (bool(re.fullmatch(r"\d{4}-\d\d-\d\d(t\d\d:\d\d)?", said)) and _starts(text, said))
    return wanted == there


def _starts(text: str, moment: str) -> bool:
    return text.replace(" ", "t").startswith(moment)


def _iso(word: str, today: date) -> str:
    if word in {"today", "tomorrow"}:
        return (today + timedelta(days=word == "tomorrow")).isoformat()
    ahead = (WEEKDAYS.index(word) - today.weekday() - 1) % 7 + 1
    return (today + timedelta(days=ahead)).isoformat()
