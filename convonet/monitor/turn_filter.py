"""The filters of the list of turns and of its exports, and the SQL condition that they make."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from convonet.core.status import Source, TurnStatus

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class TurnFilter(BaseModel):
    """Filters that a turn has to pass all of; a filter that is left out passes every turn."""

    model_config = ConfigDict(extra="forbid")

    text: Text = ""
    """Words of the caller or the agent, in any order; each may be the beginning of a word."""
    provider: Text = ""
    agent_type: Text = ""
    status: TurnStatus | None = None
    source: Source | None = None
    user: Text = ""
    """The caller's id, or part of their name."""
    session: Text = ""
    since: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    until: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    """Unix seconds."""
    slow_ms: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    """Minimum time from the end of the utterance to the first audio, or to the answer of a typed turn."""
    hand_over: bool = False
    """Only turns that led to a hand-over, and the hand-overs themselves."""
    failed_tool: bool = False


Condition = tuple[str, list[str | float]]
"""SQL over the table `turns`, and its parameters."""


def condition_of(wanted: TurnFilter) -> Condition:
    """Join all filters into one condition; `1` without filters."""
    conditions = [*_equal(wanted), *_ranges(wanted)]
    if wanted.user:
        conditions.append(
            ("(user_id = ? OR user_name LIKE ? ESCAPE '\\')", [wanted.user, f"%{_literal(wanted.user)}%"])
        )
    if wanted.text:
        conditions.append(_has_words(wanted.text))
    if wanted.hand_over:
        conditions.append(("hand_over", []))
    if wanted.failed_tool:
        conditions.append(("failed_tools > 0", []))
    return " AND ".join(sql for sql, _ in conditions) or "1", [value for _, values in conditions for value in values]


def _equal(wanted: TurnFilter) -> list[Condition]:
    columns: dict[str, str | None] = {
        "provider": wanted.provider,
        "agent_type": wanted.agent_type,
        "status": wanted.status,
        "source": wanted.source,
        "session_id": wanted.session,
    }
    return [(f"{column} = ?", [value]) for column, value in columns.items() if value]


def _ranges(wanted: TurnFilter) -> list[Condition]:
    limits = {"at >= ?": wanted.since, "at < ?": wanted.until, "waited_ms > ?": wanted.slow_ms}
    return [(sql, [value]) for sql, value in limits.items() if value is not None]


def _has_words(text: str) -> Condition:
    """Match the words in any order, each as a prefix; they are quoted, so that no word is taken as an operator."""
    words = [word.replace('"', "") for word in text.split()]
    query = " ".join(f'"{word}"*' for word in words if any(sign.isalnum() for sign in word))
    return ("id IN (SELECT rowid FROM turn_words WHERE turn_words MATCH ?)", [query]) if query else ("0", [])


def _literal(text: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", text)
