"""Idempotency keys of a turn's tool calls, under which the tool servers store their results."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping

from convonet.core.ids import TurnId

_TIME_OF_DAY = re.compile(r"(?<=\d{4}-\d\d-\d\dT)\d\d:\d\d[0-9:.]*(?:Z|[+-]\d\d:\d\d)?")


class EffectKeys:
    """The keys of one turn. A repeated turn gets the same keys for the same calls, in any order.

    A hosted model may decide otherwise when its turn is repeated; other calls are then other effects. The time of day
    is not part of the key, since "in ten minutes" is another time when the turn is repeated.
    """

    def __init__(self, turn_id: TurnId) -> None:
        self._turn_id = turn_id
        self._calls: Counter[str] = Counter()

    def key(self, server: str, tool: str, arguments: Mapping[str, object]) -> str:
        """Return the key of the next call; the same call twice in a turn has two keys."""
        call = _TIME_OF_DAY.sub("", json.dumps([server, tool, arguments], sort_keys=True))
        digest = hashlib.sha256(call.encode()).hexdigest()[:16]
        self._calls[digest] += 1
        return f"{self._turn_id}:{self._calls[digest]}:{digest}"
