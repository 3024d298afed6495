"""The idempotency keys of a turn's tool calls, under which the tool servers keep what a call has done."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping

from convonet.core.ids import TurnId

_TIME_OF_DAY = re.compile(r"(?<=\d{4}-\d\d-\d\dT)\d\d:\d\d[0-9:.]*(?:Z|[+-]\d\d:\d\d)?")


class EffectKeys:
    """Those of one turn. A turn that is repeated gets the same ones for what it asks for again, in whatever order.

    A hosted model may decide otherwise when its turn is repeated: what it asks for then is another effect. The time of
    day does not count: "in ten minutes" is another one when the turn is repeated.
    """

    def __init__(self, turn_id: TurnId) -> None:
        self._turn_id = turn_id
        self._asked: Counter[str] = Counter()

    def key(self, server: str, tool: str, arguments: Mapping[str, object]) -> str:
        """The key of the next call that asks this; the same asked twice in a turn is meant twice."""
        asked = _TIME_OF_DAY.sub("", json.dumps([server, tool, arguments], sort_keys=True))
        digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
        self._asked[digest] += 1
        return f"{self._turn_id}:{self._asked[digest]}:{digest}"
