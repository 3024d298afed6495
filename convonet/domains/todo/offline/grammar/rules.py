"""A grammar rule: a pattern, and the function that makes an intent of a match or declines."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from convonet.domains.todo.offline.intents import Intent

Found = re.Match[str]
Build = Callable[[Found, datetime], Intent | None]
Rule = tuple[re.Pattern[str], Build]


def rules(build: Build, *patterns: str) -> tuple[Rule, ...]:
    """One rule for each pattern. In a pattern a blank is a blank: line breaks come from joining strings."""
    return tuple((re.compile(pattern, re.IGNORECASE), build) for pattern in patterns)
