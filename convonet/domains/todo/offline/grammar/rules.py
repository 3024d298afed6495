"""A grammar rule: a pattern, and the function that turns a match into an intent or declines it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from convonet.domains.todo.offline.intents import Intent

Found = re.Match[str]
Build = Callable[[Found, datetime], Intent | None]
Rule = tuple[re.Pattern[str], Build]


def rules(build: Build, *patterns: str) -> tuple[Rule, ...]:
    """Make a rule of each pattern. Patterns are not verbose: their spaces count."""
    return tuple((re.compile(pattern, re.IGNORECASE), build) for pattern in patterns)
